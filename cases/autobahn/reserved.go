package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// What the cases of illegal frames send before and after them.
const (
	greeting = "Hello, world!"

	expectEchoThenFail = "the legal message comes back, then the peer fails the connection: a close frame with 1002, " +
		"or the end of TCP. A failure that overtakes the echo is non-strict"
)

// echoThenFails wants the greeting back and then the failure; or, less
// strictly, the failure alone: it may overtake the echo.
func echoThenFails() Want {
	return failing(wsproto.StatusProtocolError, cases.GotText(cases.Data([]byte(greeting)))).tolerate()
}

// reserved is section 3: the RSV bits must be 0 unless an extension gives them
// a meaning (RFC 6455 §5.2).
func reserved() []entry {
	rfc := rfc6455("5.2", "7.1.7")
	return []entry{
		{
			ID: "3.1", Title: "a text message with RSV 1", Expect: expectFail, RFC: rfc,
			Steps: []cases.Step{cases.Text(greeting).WithRSV(1), cases.KillAfter{After: time.Second}},
			Want:  failing(wsproto.StatusProtocolError),
		},
		{
			ID: "3.2", Title: "a legal text message, one with RSV 2, a ping", Expect: expectEchoThenFail, RFC: rfc,
			Steps: []cases.Step{cases.Text(greeting), cases.Text(greeting).WithRSV(2), cases.Ping(""), cases.KillAfter{After: time.Second}},
			Want:  echoThenFails(),
		},
		{
			ID: "3.3", Title: "a legal text message, one with RSV 3, a ping, a write each",
			Expect: expectEchoThenFail, RFC: rfc,
			Steps: []cases.Step{
				cases.Text(greeting).Apart(),
				cases.Text(greeting).WithRSV(3).Apart(),
				cases.Ping("").Apart(),
				cases.KillAfter{After: time.Second},
			},
			Want: echoThenFails(),
		},
		{
			ID: "3.4", Title: "a legal text message, one with RSV 4, a ping, one byte per write",
			Expect: expectEchoThenFail, RFC: rfc,
			Steps: []cases.Step{
				cases.Text(greeting).Chopped(1),
				cases.Text(greeting).WithRSV(4).Chopped(1), // RSV1, which only compression may set
				cases.Ping("").Chopped(1),
				cases.KillAfter{After: time.Second},
			},
			Want: echoThenFails(),
		},
		{
			ID: "3.5", Title: "a binary message with RSV 5", Expect: expectFail, RFC: rfc,
			Steps: []cases.Step{cases.Binary("\x00\xff\xfe\xfd\xfc\xfb\x00\xff").WithRSV(5), cases.KillAfter{After: time.Second}},
			Want:  failing(wsproto.StatusProtocolError),
		},
		{
			// Autobahn says ping and sends a binary frame, and so do we.
			ID: "3.6", Title: "a binary message with RSV 6", Expect: expectFail, RFC: rfc,
			Steps: []cases.Step{cases.Binary(greeting).WithRSV(6), cases.KillAfter{After: time.Second}},
			Want:  failing(wsproto.StatusProtocolError),
		},
		{
			ID: "3.7", Title: "a close frame with RSV 7", Expect: expectFail, RFC: rfc6455("5.2", "5.5.1", "7.1.7"),
			Steps: []cases.Step{cases.Frame{Opcode: wsproto.OpClose, RSV: 7}, cases.KillAfter{After: time.Second}},
			Want:  failing(wsproto.StatusProtocolError),
		},
	}
}
