package cases

import (
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// What the cases of section 6 send: a Greek word of eleven octets, and octets
// that no UTF-8 decoder may accept after it.
const (
	kosme       = "κ\u1f79σμε"       // the ό of polytonic Greek, three octets
	surrogate   = "\xed\xa0\x80"     // U+D800, half of a UTF-16 pair
	beyondRange = "\xf4\x90\x80\x80" // U+110000, after the last code point
	mixedText   = "Hello-µ@ßöäüàá-UTF-8!!"

	expectBadText = "nothing comes back but the failure: a close frame with 1007, or the end of TCP"
)

// failsText wants the peer to fail the connection because of text that is not
// UTF-8 (RFC 6455 §8.1). A peer that leaves it to us has not checked the text.
func failsText(events ...Event) Want {
	w := Fails(wsproto.StatusInvalidFramePayloadData, events...)
	w.WrongEndFails = true
	return w
}

// utf8Text is section 6: text must be UTF-8, wherever it is cut.
func utf8Text() []Case {
	list := append(validText(), invalidText()...)
	list = append(list, failFast()...)
	return append(list, utf8Vectors()...)
}

// validText is 6.1 and 6.2.
func validText() []Case {
	var (
		empty = Echoes(GotText(Data(nil)))
		mixed = Data([]byte(mixedText))
		greek = Data([]byte(kosme))
		cut   = rfc6455("5.4", "5.6", "8.1")
	)
	return []Case{
		{
			ID: "6.1.1", Title: "an empty text message", Expect: expectEcho, RFC: rfc6455("5.6"),
			Steps: []Step{Text(""), CloseAfter{time.Second}},
			Want:  empty,
		},
		{
			ID: "6.1.2", Title: "a text message in three fragments without payload", Expect: expectEcho,
			RFC:   rfc6455("5.4", "5.6"),
			Steps: []Step{Text("").More(), Cont("").More(), Cont(""), CloseAfter{time.Second}},
			Want:  empty,
		},
		{
			ID: "6.1.3", Title: "a text message in three fragments, only the middle one with payload",
			Expect: expectEcho, RFC: rfc6455("5.4", "5.6"),
			Steps: []Step{
				Text("").More(),
				Cont("middle frame payload").More(),
				Cont(""),
				CloseAfter{time.Second},
			},
			Want: Echoes(GotText(Data([]byte("middle frame payload")))),
		},

		{
			ID: "6.2.1", Title: "text with characters of one and two octets", Expect: expectEcho,
			RFC:   rfc6455("5.6", "8.1"),
			Steps: []Step{Message{Opcode: wsproto.OpText, Payload: mixed}, CloseAfter{time.Second}},
			Want:  Echoes(GotText(mixed)),
		},
		{
			ID: "6.2.2", Title: "text in two fragments, cut between characters", Expect: expectEcho, RFC: cut,
			Steps: []Step{Text("Hello-µ@ßöä").More(), Cont("üàá-UTF-8!!"), CloseAfter{time.Second}},
			Want:  Echoes(GotText(mixed)),
		},
		{
			ID: "6.2.3", Title: "text in fragments of one octet", Expect: expectEcho, RFC: cut,
			Steps: []Step{Message{Opcode: wsproto.OpText, Payload: mixed, Fragment: 1}, CloseAfter{time.Second}},
			Want:  Echoes(GotText(mixed)),
		},
		{
			ID: "6.2.4", Title: "a Greek word in fragments of one octet", Expect: expectEcho, RFC: cut,
			Steps: []Step{Message{Opcode: wsproto.OpText, Payload: greek, Fragment: 1}, CloseAfter{time.Second}},
			Want:  Echoes(GotText(greek)),
		},
	}
}

// invalidText is 6.3.
func invalidText() []Case {
	bad := Data([]byte(kosme + surrogate + "edited"))
	rfc := rfc6455("8.1", "7.1.7")
	return []Case{
		{
			ID: "6.3.1", Title: "text with a surrogate in its middle", Expect: expectBadText, RFC: rfc,
			Steps: []Step{Message{Opcode: wsproto.OpText, Payload: bad}, KillAfter{time.Second}},
			Want:  failsText(),
		},
		{
			ID: "6.3.2", Title: "text with a surrogate in its middle, in fragments of one octet",
			Expect: expectBadText, RFC: rfc,
			Steps: []Step{Message{Opcode: wsproto.OpText, Payload: bad, Fragment: 1}, KillAfter{time.Second}},
			Want:  failsText(),
		},
	}
}

// failFast is 6.4: text that turns bad while the message is under way. The
// pauses tell when the peer noticed: it must not fail before the bad octets
// (mark A), and is only non-strict when it needs more of the message (mark B).
func failFast() []Case {
	const (
		early = "the peer accepts the good start and fails the connection at the octets that cannot be text: " +
			"a close frame with 1007, or the end of TCP. Noticing only with the rest of the message is non-strict"
		length = len(kosme + beyondRange + "edited")
	)
	var (
		rfc    = rfc6455("8.1", "7.1.7")
		want   = failsText(TimedOut("A")).Tolerate(TimedOut("A"), TimedOut("B"))
		pauseA = Pause{For: time.Second, Mark: "A"}
		pauseB = Pause{For: time.Second, Mark: "B"}
	)
	octets := func(s string) Octets { return Octets{Data([]byte(s))} }
	return []Case{
		{
			ID: "6.4.1", Title: "three fragments, the second with a code point out of range", Expect: early, RFC: rfc,
			Steps: []Step{
				Text(kosme).More(),
				pauseA,
				Cont(beyondRange).More(),
				pauseB,
				Cont("edited"),
				KillAfter{time.Second},
			},
			Want: want,
		},
		{
			ID: "6.4.2", Title: "three fragments, the second with the octet that makes a code point out of range",
			Expect: early, RFC: rfc,
			Steps: []Step{
				Text(kosme + beyondRange[:1]).More(),
				pauseA,
				Cont(beyondRange[1:2]).More(), // f4 90: nothing can follow
				pauseB,
				Cont(beyondRange[2:] + "edited"),
				KillAfter{time.Second},
			},
			Want: want,
		},
		{
			ID: "6.4.3", Title: "one frame in three writes, the second with a code point out of range",
			Expect: early, RFC: rfc,
			Steps: []Step{
				FrameHeader{Opcode: wsproto.OpText, NotFin: true, Length: length},
				octets(kosme),
				pauseA,
				octets(beyondRange),
				pauseB,
				octets("edited"),
				Cont(""),
				KillAfter{time.Second},
			},
			Want: want,
		},
		{
			ID: "6.4.4", Title: "one frame in three writes, the second with the octet that makes a code point out of range",
			Expect: early, RFC: rfc,
			Steps: []Step{
				FrameHeader{Opcode: wsproto.OpText, NotFin: true, Length: length},
				octets(kosme + beyondRange[:1]),
				pauseA,
				octets(beyondRange[1:2]),
				pauseB,
				octets(beyondRange[2:] + "edited"),
				Cont(""),
				KillAfter{time.Second},
			},
			Want: want,
		},
	}
}
