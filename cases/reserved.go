package cases

import (
	"time"

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
	return Fails(wsproto.StatusProtocolError, GotText(Data([]byte(greeting)))).Tolerate()
}

// reserved is section 3: the RSV bits must be 0 unless an extension gives them
// a meaning (RFC 6455 §5.2).
func reserved() []Case {
	rfc := rfc6455("5.2", "7.1.7")
	return []Case{
		{
			ID: "3.1", Title: "a text message with RSV 1", Expect: expectFail, RFC: rfc,
			Steps: []Step{Text(greeting).WithRSV(1), KillAfter{time.Second}},
			Want:  Fails(wsproto.StatusProtocolError),
		},
		{
			ID: "3.2", Title: "a legal text message, one with RSV 2, a ping", Expect: expectEchoThenFail, RFC: rfc,
			Steps: []Step{Text(greeting), Text(greeting).WithRSV(2), Ping(""), KillAfter{time.Second}},
			Want:  echoThenFails(),
		},
		{
			ID: "3.3", Title: "a legal text message, one with RSV 3, a ping, a write each",
			Expect: expectEchoThenFail, RFC: rfc,
			Steps: []Step{
				Text(greeting).Apart(),
				Text(greeting).WithRSV(3).Apart(),
				Ping("").Apart(),
				KillAfter{time.Second},
			},
			Want: echoThenFails(),
		},
		{
			ID: "3.4", Title: "a legal text message, one with RSV 4, a ping, one octet per write",
			Expect: expectEchoThenFail, RFC: rfc,
			Steps: []Step{
				Text(greeting).Chopped(1),
				Text(greeting).WithRSV(4).Chopped(1), // RSV1, which only compression may set
				Ping("").Chopped(1),
				KillAfter{time.Second},
			},
			Want: echoThenFails(),
		},
		{
			ID: "3.5", Title: "a binary message with RSV 5", Expect: expectFail, RFC: rfc,
			Steps: []Step{Binary("\x00\xff\xfe\xfd\xfc\xfb\x00\xff").WithRSV(5), KillAfter{time.Second}},
			Want:  Fails(wsproto.StatusProtocolError),
		},
		{
			// Autobahn says ping and sends a binary frame, and so do we.
			ID: "3.6", Title: "a binary message with RSV 6", Expect: expectFail, RFC: rfc,
			Steps: []Step{Binary(greeting).WithRSV(6), KillAfter{time.Second}},
			Want:  Fails(wsproto.StatusProtocolError),
		},
		{
			ID: "3.7", Title: "a close frame with RSV 7", Expect: expectFail, RFC: rfc6455("5.2", "5.5.1", "7.1.7"),
			Steps: []Step{Frame{Opcode: wsproto.OpClose, RSV: 7}, KillAfter{time.Second}},
			Want:  Fails(wsproto.StatusProtocolError),
		},
	}
}
