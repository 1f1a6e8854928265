package autobahn

import (
	"fmt"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// pings is section 2: a ping is answered with its payload, a pong is not answered.
func pings() []entry {
	const (
		notText = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
		stray   = "unsolicited pong payload"
		ping    = "ping payload"
	)
	var (
		full    = cases.Repeat("\xfe", 125) // all that a control frame may carry
		expect  = "one pong with the payload of the ping, and our close is answered"
		ignored = "no reaction to the pong, and our close is answered"
		rfc     = rfc6455("5.5.2", "5.5.3")
	)
	return []entry{
		{
			ID: "2.1", Title: "a ping without payload", Expect: expect, RFC: rfc,
			Steps: []cases.Step{cases.Ping(""), cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.Ponged(cases.Data(nil))),
		},
		{
			ID: "2.2", Title: "a ping with a few bytes of text", Expect: expect, RFC: rfc,
			Steps: []cases.Step{cases.Ping("Hello, world!"), cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.Ponged(cases.Data([]byte("Hello, world!")))),
		},
		{
			ID: "2.3", Title: "a ping with bytes that are not text", Expect: expect, RFC: rfc,
			Steps: []cases.Step{cases.Ping(notText), cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.Ponged(cases.Data([]byte(notText)))),
		},
		{
			ID: "2.4", Title: "a ping with 125 bytes, the maximum", Expect: expect,
			RFC:   rfc6455("5.5", "5.5.2", "5.5.3"),
			Steps: []cases.Step{cases.Frame{Opcode: wsproto.OpPing, Payload: full}, cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.Ponged(full)),
		},
		{
			ID: "2.5", Title: "a ping with 126 bytes, one too many", Expect: expectFail,
			RFC:   rfc6455("5.5", "7.1.7"),
			Steps: []cases.Step{cases.Frame{Opcode: wsproto.OpPing, Payload: cases.Repeat("\xfe", 126)}, cases.KillAfter{After: time.Second}},
			Want:  failing(wsproto.StatusProtocolError),
		},
		{
			ID: "2.6", Title: "a ping with 125 bytes, one byte per write", Expect: expect, RFC: rfc,
			Steps: []cases.Step{cases.Frame{Opcode: wsproto.OpPing, Payload: full, Chop: 1}, cases.CloseAfter{After: 2 * time.Second}},
			Want:  Echoes(cases.Ponged(full)),
		},
		{
			ID: "2.7", Title: "an unsolicited pong, without payload, then a close", Expect: ignored,
			RFC:   rfc6455("5.5.3"),
			Steps: []cases.Step{cases.Pong(""), cases.Close{Code: clean}, cases.CloseAfter{After: time.Second}},
			Want:  closes(clean),
		},
		{
			ID: "2.8", Title: "an unsolicited pong, with payload, then a close", Expect: ignored,
			RFC:   rfc6455("5.5.3"),
			Steps: []cases.Step{cases.Pong(stray), cases.Close{Code: clean}, cases.CloseAfter{After: time.Second}},
			Want:  closes(clean),
		},
		{
			ID: "2.9", Title: "an unsolicited pong, then a ping with another payload", RFC: rfc,
			Expect: "one pong, for the ping, and our close is answered",
			Steps:  []cases.Step{cases.Pong(stray), cases.Ping(ping), cases.CloseAfter{After: time.Second}},
			Want:   Echoes(cases.Ponged(cases.Data([]byte(ping)))),
		},
		tenPings("2.10", "ten pings at once, each with its own payload", 0),
		tenPings("2.11", "ten pings, each with its own payload, one byte per write", 1),
	}
}

// tenPings wants every pong, although RFC 6455 §5.5.3 lets a peer answer only
// the latest ping. Autobahn does so, and verdicts should agree.
func tenPings(id cases.ID, title string, chop int) entry {
	c := entry{
		ID: id, Title: title, RFC: rfc6455("5.5.2", "5.5.3"),
		Expect: "ten pongs in the order of the pings (RFC 6455 would permit fewer), and our close is answered",
	}
	var pongs []transcript.Event
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		c.Steps = append(c.Steps, cases.Ping(payload).Chopped(chop))
		pongs = append(pongs, cases.Ponged(cases.Data([]byte(payload))))
	}
	c.Steps = append(c.Steps, cases.CloseAfter{After: 3 * time.Second})
	c.Want = Echoes(pongs...)
	return c
}
