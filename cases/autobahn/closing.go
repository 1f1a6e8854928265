package autobahn

import (
	"bytes"
	"fmt"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// closing is section 7: the closing handshake (RFC 6455 §5.5.1 and §7), which
// we start in every case.
func closing() []entry {
	list := append(closeOrder(), closeBodies()...)
	list = append(list, closeCodes()...)
	return append(list, undefinedCloseCodes()...)
}

// closeOrder is 7.1: what may come before and after a close.
func closeOrder() []entry {
	const (
		hello   = "Hello World!"
		silence = "an answer to our close and nothing else"
	)
	var (
		rfc    = rfc6455("5.5.1", "7.1.2")
		closes = closes(clean).under(WrongCodeFails)
	)
	closes.NoAutoClose = true
	either := Echoes(cases.GotText(cases.Data([]byte(hello)))).tolerate().under(Observe)
	either.NoAutoClose = true
	return []entry{
		{
			ID: "7.1.1", Title: "a message, and a close once it has come back", Expect: expectEcho, RFC: rfc,
			Steps: []cases.Step{cases.Text(hello), cases.KillAfter{After: time.Second}},
			Want:  Echoes(cases.GotText(cases.Data([]byte(hello)))).under(WrongCodeFails),
		},
		{
			ID: "7.1.2", Title: "two close frames", Expect: silence, RFC: rfc,
			Steps: []cases.Step{cases.Close{Code: clean}, cases.Frame{Opcode: wsproto.OpClose}, cases.KillAfter{After: time.Second}},
			Want:  closes,
		},
		{
			ID: "7.1.3", Title: "a close, then a ping", Expect: silence, RFC: rfc,
			Steps: []cases.Step{cases.Close{Code: clean}, cases.Ping(""), cases.KillAfter{After: time.Second}},
			Want:  closes,
		},
		{
			ID: "7.1.4", Title: "a close, then a message", Expect: silence, RFC: rfc,
			Steps: []cases.Step{cases.Close{Code: clean}, cases.Text(hello), cases.KillAfter{After: time.Second}},
			Want:  closes,
		},
		{
			ID: "7.1.5", Title: "a close between the two fragments of a message", Expect: silence,
			RFC:   rfc6455("5.4", "5.5.1", "7.1.2"),
			Steps: []cases.Step{cases.Text("fragment1").More(), cases.Close{Code: clean}, cases.Cont("fragment2"), cases.KillAfter{After: time.Second}},
			Want:  closes,
		},
		{
			ID: "7.1.6", Title: "a message of 262144 bytes, a short one, a close and a ping, all at once",
			Expect: "whatever the peer likes: it may drop what it has not yet echoed when the close arrives",
			RFC:    rfc,
			Steps: []cases.Step{
				cases.Frame{Opcode: wsproto.OpText, Payload: cases.Repeat(filler, 256<<10)},
				cases.Text(hello),
				cases.Close{Code: clean},
				cases.Ping(""),
				cases.KillAfter{After: time.Second},
			},
			Want: either,
		},
	}
}

// closeBodies is 7.3 and 7.5: the shape of a close frame's payload. No clean
// handshake is asked of a peer that should refuse the frame.
func closeBodies() []entry {
	const answer, refusal = "an answer to our close", "a close frame with %s, or the end of TCP"
	answers := closes(clean).under(WrongCodeFails)
	answers.NoAutoClose = true
	refuses := func(codes ...wsproto.StatusCode) Want {
		w := closes(codes...).under(WrongCodeFails)
		w.Clean, w.NoAutoClose = false, true
		return w
	}
	stars := func(n int) []byte { return bytes.Repeat([]byte{'*'}, n) }
	return []entry{
		{
			ID: "7.3.1", Title: "a close frame without payload", Expect: answer, RFC: rfc6455("5.5.1", "7.1.5"),
			Steps: []cases.Step{cases.Close{}, cases.KillAfter{After: time.Second}},
			Want:  answers,
		},
		{
			ID: "7.3.2", Title: "a close frame with one byte, half a code", Expect: fmt.Sprintf(refusal, "1002"),
			RFC:   rfc6455("5.5.1", "7.1.7"),
			Steps: []cases.Step{cases.Close{Reason: []byte("a")}, cases.KillAfter{After: time.Second}},
			Want:  refuses(wsproto.StatusProtocolError),
		},
		{
			ID: "7.3.3", Title: "a close frame with a code and no reason", Expect: answer,
			RFC:   rfc6455("5.5.1", "7.1.5"),
			Steps: []cases.Step{cases.Close{Code: clean}, cases.KillAfter{After: time.Second}},
			Want:  answers,
		},
		{
			ID: "7.3.4", Title: "a close frame with a code and a reason", Expect: answer,
			RFC:   rfc6455("5.5.1", "7.1.6"),
			Steps: []cases.Step{cases.Close{Code: clean, Reason: []byte("Hello World!")}, cases.KillAfter{After: time.Second}},
			Want:  answers,
		},
		{
			ID: "7.3.5", Title: "a close frame with a reason of 123 bytes, the maximum", Expect: answer,
			RFC:   rfc6455("5.5", "5.5.1", "7.1.6"),
			Steps: []cases.Step{cases.Close{Code: clean, Reason: stars(123)}, cases.KillAfter{After: time.Second}},
			Want:  answers,
		},
		{
			ID: "7.3.6", Title: "a close frame with a reason of 124 bytes, one too many",
			Expect: fmt.Sprintf(refusal, "1002"),
			RFC:    rfc6455("5.5", "5.5.1", "7.1.7"),
			Steps:  []cases.Step{cases.Close{Code: clean, Reason: stars(124)}, cases.KillAfter{After: time.Second}},
			Want:   refuses(wsproto.StatusProtocolError),
		},
		{
			ID: "7.5.1", Title: "a close frame with a reason that is not UTF-8",
			Bugs: []cases.Bug{{
				Library: "undici", Buggy: "6.15.0", Fixed: "6.16.0", Role: cases.Client, Source: "nodejs/undici#3206",
				What: "A close reason that is not UTF-8 ended the process.",
			}},
			Expect: fmt.Sprintf(refusal, "1007 or 1002"),
			RFC:    rfc6455("5.5.1", "8.1", "7.1.6"),
			Steps: []cases.Step{
				cases.Close{Code: clean, Reason: []byte(kosme + surrogate + "edited")},
				cases.KillAfter{After: time.Second},
			},
			Want: refuses(wsproto.StatusProtocolError, wsproto.StatusInvalidFramePayloadData),
		},
	}
}

// Codes that a close frame may carry, and codes that it must not
// (RFC 6455 §7.4). IANA has registered 1012 to 1014 since; the lists are frozen.
var (
	assignedCloseCodes = []wsproto.StatusCode{
		1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, // by RFC 6455
		3000, 3999, 4000, 4999, // both ends of the registered and the private range
	}
	forbiddenCloseCodes = []wsproto.StatusCode{
		0, 999, // below the first code
		1004, 1005, 1006, // reserved, never on the wire
		1016, 1100, 2000, 2999, // left to the protocol, undefined
	}
	outlyingCloseCodes = []wsproto.StatusCode{5000, 65535}
)

// closeCodes is 7.7 and 7.9.
func closeCodes() []entry {
	list := numbered("7.7", assignedCloseCodes, func(code wsproto.StatusCode) entry {
		c := entry{
			Title:  fmt.Sprintf("a close with code %d", uint16(code)),
			Expect: "an answer to our close, with the same code, with 1000 or without any",
			RFC:    rfc6455("7.4.1"),
			Steps:  []cases.Step{closeFrame(code), cases.KillAfter{After: time.Second}},
			Want:   closes(clean, code).under(WrongCodeFails),
		}
		if code == clean {
			c.Expect = "an answer to our close, with the same code or without any"
			c.Want = closes(clean).under(WrongCodeFails)
		}
		if code >= 3000 {
			c.RFC = rfc6455("7.4.2")
		}
		return c
	})
	return append(list, numbered("7.9", forbiddenCloseCodes, func(code wsproto.StatusCode) entry {
		c := entry{
			Title:  fmt.Sprintf("a close with code %d, which is not for the wire", uint16(code)),
			Expect: "a close frame with 1002, or the end of TCP; not the same code",
			RFC:    rfc6455("7.4.1", "7.4.2"),
			Steps:  []cases.Step{closeFrame(code), cases.KillAfter{After: time.Second}},
			Want:   closes(wsproto.StatusProtocolError).under(WrongCodeFails),
		}
		c.Want.Clean = false
		return c
	})...)
}

// undefinedCloseCodes is 7.13.
func undefinedCloseCodes() []entry {
	return numbered("7.13", outlyingCloseCodes, func(code wsproto.StatusCode) entry {
		c := entry{
			Title:  fmt.Sprintf("a close with code %d, beyond all ranges", uint16(code)),
			Expect: "whatever the peer likes: RFC 6455 says nothing of codes from 5000",
			RFC:    rfc6455("7.4.2"),
			Steps:  []cases.Step{closeFrame(code), cases.KillAfter{After: time.Second}},
			Want:   closes(clean, code, wsproto.StatusProtocolError).under(Observe),
		}
		c.Want.Clean, c.Want.NoAutoClose = false, true
		return c
	})
}

// closeFrame returns the close with this code, even if it is 0.
func closeFrame(code wsproto.StatusCode) cases.Close {
	if code == 0 {
		return cases.Close{Reason: []byte{0, 0}}
	}
	return cases.Close{Code: code}
}
