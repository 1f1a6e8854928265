package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// What the cases of section 6 send: a Greek word of eleven bytes, and bytes
// that no UTF-8 decoder may accept after it.
const (
	kosme       = "κ\u1f79σμε"       // the ό of polytonic Greek, three bytes
	surrogate   = "\xed\xa0\x80"     // U+D800, half of a UTF-16 pair
	beyondRange = "\xf4\x90\x80\x80" // U+110000, after the last code point
	mixedText   = "Hello-µ@ßöäüàá-UTF-8!!"

	expectBadText = "nothing comes back but the failure: a close frame with 1007, or the end of TCP"
)

// failsText wants the peer to fail the connection because of text that is not
// UTF-8 (RFC 6455 §8.1). A peer that leaves it to us has not checked the text.
func failsText(events ...transcript.Event) Want {
	w := failing(wsproto.StatusInvalidFramePayloadData, events...)
	w.WrongEndFails = true
	return w
}

// utf8Text is section 6: text must be UTF-8, wherever it is cut.
func utf8Text() []entry {
	list := append(validText(), invalidText()...)
	list = append(list, failFast()...)
	return append(list, utf8Vectors()...)
}

// validText is 6.1 and 6.2.
func validText() []entry {
	var (
		empty = Echoes(cases.GotText(cases.Data(nil)))
		mixed = cases.Data([]byte(mixedText))
		greek = cases.Data([]byte(kosme))
		cut   = rfc6455("5.4", "5.6", "8.1")
	)
	return []entry{
		{
			ID: "6.1.1", Title: "an empty text message", Expect: expectEcho, RFC: rfc6455("5.6"),
			Steps: []cases.Step{cases.Text(""), cases.CloseAfter{After: time.Second}},
			Want:  empty,
		},
		{
			ID: "6.1.2", Title: "a text message in three fragments without payload", Expect: expectEcho,
			RFC:   rfc6455("5.4", "5.6"),
			Steps: []cases.Step{cases.Text("").More(), cases.Cont("").More(), cases.Cont(""), cases.CloseAfter{After: time.Second}},
			Want:  empty,
		},
		{
			ID: "6.1.3", Title: "a text message in three fragments, only the middle one with payload",
			Expect: expectEcho, RFC: rfc6455("5.4", "5.6"),
			Steps: []cases.Step{
				cases.Text("").More(),
				cases.Cont("middle frame payload").More(),
				cases.Cont(""),
				cases.CloseAfter{After: time.Second},
			},
			Want: Echoes(cases.GotText(cases.Data([]byte("middle frame payload")))),
		},

		{
			ID: "6.2.1", Title: "text with characters of one and two bytes", Expect: expectEcho,
			RFC:   rfc6455("5.6", "8.1"),
			Steps: []cases.Step{cases.Message{Opcode: wsproto.OpText, Payload: mixed}, cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.GotText(mixed)),
		},
		{
			ID: "6.2.2", Title: "text in two fragments, cut between characters", Expect: expectEcho, RFC: cut,
			Steps: []cases.Step{cases.Text("Hello-µ@ßöä").More(), cases.Cont("üàá-UTF-8!!"), cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.GotText(mixed)),
		},
		{
			ID: "6.2.3", Title: "text in fragments of one byte", Expect: expectEcho, RFC: cut,
			Steps: []cases.Step{cases.Message{Opcode: wsproto.OpText, Payload: mixed, Fragment: 1}, cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.GotText(mixed)),
		},
		{
			ID: "6.2.4", Title: "a Greek word in fragments of one byte", Expect: expectEcho, RFC: cut,
			Steps: []cases.Step{cases.Message{Opcode: wsproto.OpText, Payload: greek, Fragment: 1}, cases.CloseAfter{After: time.Second}},
			Want:  Echoes(cases.GotText(greek)),
		},
	}
}

// invalidText is 6.3.
func invalidText() []entry {
	bad := cases.Data([]byte(kosme + surrogate + "edited"))
	rfc := rfc6455("8.1", "7.1.7")
	return []entry{
		{
			ID: "6.3.1", Title: "text with a surrogate in its middle", Expect: expectBadText, RFC: rfc,
			Steps: []cases.Step{cases.Message{Opcode: wsproto.OpText, Payload: bad}, cases.KillAfter{After: time.Second}},
			Want:  failsText(),
		},
		{
			ID: "6.3.2", Title: "text with a surrogate in its middle, in fragments of one byte",
			Expect: expectBadText, RFC: rfc,
			Steps: []cases.Step{cases.Message{Opcode: wsproto.OpText, Payload: bad, Fragment: 1}, cases.KillAfter{After: time.Second}},
			Want:  failsText(),
		},
	}
}

// failFast is 6.4: text that turns bad while the message is under way. The
// pauses tell when the peer noticed: it must not fail before the bad bytes
// (mark A), and is only non-strict when it needs more of the message (mark B).
func failFast() []entry {
	const (
		early = "the peer accepts the good start and fails the connection at the bytes that cannot be text: " +
			"a close frame with 1007, or the end of TCP. Noticing only with the rest of the message is non-strict"
		length = len(kosme + beyondRange + "edited")
	)
	var (
		rfc    = rfc6455("8.1", "7.1.7")
		want   = failsText(transcript.TimedOut("A")).tolerate(transcript.TimedOut("A"), transcript.TimedOut("B"))
		pauseA = cases.Pause{For: time.Second, Mark: "A"}
		pauseB = cases.Pause{For: time.Second, Mark: "B"}
	)
	octets := func(s string) cases.Octets { return cases.Octets{Payload: cases.Data([]byte(s))} }
	return []entry{
		{
			ID: "6.4.1", Title: "three fragments, the second with a code point out of range", Expect: early, RFC: rfc,
			Steps: []cases.Step{
				cases.Text(kosme).More(),
				pauseA,
				cases.Cont(beyondRange).More(),
				pauseB,
				cases.Cont("edited"),
				cases.KillAfter{After: time.Second},
			},
			Want: want,
			Load: cases.Idle,
		},
		{
			ID: "6.4.2", Title: "three fragments, the second with the byte that makes a code point out of range",
			Expect: early, RFC: rfc,
			Steps: []cases.Step{
				cases.Text(kosme + beyondRange[:1]).More(),
				pauseA,
				cases.Cont(beyondRange[1:2]).More(), // f4 90: nothing can follow
				pauseB,
				cases.Cont(beyondRange[2:] + "edited"),
				cases.KillAfter{After: time.Second},
			},
			Want: want,
			Load: cases.Idle,
		},
		{
			ID: "6.4.3", Title: "one frame in three writes, the second with a code point out of range",
			Expect: early, RFC: rfc,
			Steps: []cases.Step{
				cases.FrameHeader{Opcode: wsproto.OpText, NotFin: true, Length: uint64(length)},
				octets(kosme),
				pauseA,
				octets(beyondRange),
				pauseB,
				octets("edited"),
				cases.Cont(""),
				cases.KillAfter{After: time.Second},
			},
			Want: want,
			Load: cases.Idle,
		},
		{
			ID: "6.4.4", Title: "one frame in three writes, the second with the byte that makes a code point out of range",
			Expect: early, RFC: rfc,
			Steps: []cases.Step{
				cases.FrameHeader{Opcode: wsproto.OpText, NotFin: true, Length: uint64(length)},
				octets(kosme + beyondRange[:1]),
				pauseA,
				octets(beyondRange[1:2]),
				pauseB,
				octets(beyondRange[2:] + "edited"),
				cases.Cont(""),
				cases.KillAfter{After: time.Second},
			},
			Want: want,
			Load: cases.Idle,
		},
	}
}
