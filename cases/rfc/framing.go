package rfc

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// framing is F.
func framing() []cases.Case {
	return []cases.Case{
		{
			ID: "F.1.1", Title: "a length of 5 in 16 bits",
			Requirements: []string{"RFC6455-5.2-len-minimal", "RFC6455-10.7-validate"},
			Conns:        conns([]cases.Step{cases.Text("Hello").InForm(wsproto.Form16), answered}),
			Want:         overlong(cases.GotText(cases.Data([]byte("Hello")))),
		},
		{
			ID: "F.1.2", Title: "lengths of 5 and 65535 in 64 bits",
			Requirements: []string{"RFC6455-5.2-len-minimal"},
			Conns: []cases.Conn{
				{
					Steps: []cases.Step{cases.Text("Hello").InForm(wsproto.Form64), answered},
					Want:  overlong(cases.GotText(cases.Data([]byte("Hello")))),
				},
				{
					Steps: []cases.Step{cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(65535), Form: wsproto.Form64}, answered},
					Want:  overlong(binaries([]int{65535})...),
				},
				survived,
			},
			Want: overlong(),
		},
		{
			ID: "F.1.3", Title: "a ping of 5 bytes whose length has 16 bits",
			Requirements: []string{"RFC6455-5.2-len-minimal", "RFC6455-5.5-control-125"},
			Conns:        conns([]cases.Step{cases.Ping("Hello").InForm(wsproto.Form16), ponged}),
			Want: also(failed, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
				check.PongWith{Text: "Hello"}, check.Clean{},
			}}),
		},
		{
			ID: "F.1.4", Title: "a length of 2^63 + 65536, and 65536 bytes",
			Bugs: []cases.Bug{{
				Library: "Tomcat", Buggy: "9.0.36", Fixed: "9.0.37", Role: cases.Server, Source: "CVE-2020-13935",
				What: "It read a length with its top bit set as negative, and handed out empty parts without end.",
			}},
			Requirements: []string{"RFC6455-5.2-len64-msb", "RFC6455-10.4-protect-limits"},
			Conns: []cases.Conn{
				{Steps: []cases.Step{
					cases.FrameHeader{Opcode: wsproto.OpBinary, Length: 1<<63 + 65536},
					cases.Octets{Payload: cases.Repeat("*", 65536)},
					cases.Await{For: failure, Until: append(data, transcript.GotClose)},
				}},
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Code{wsproto.StatusProtocolError, wsproto.StatusMessageTooBig}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}},
			},
		},
		{
			ID: "F.1.5", Title: "headers with lengths of 2^31, 2^32, 2^53 + 1 and 2^63 - 1",
			Requirements: []string{"RFC6455-5.2-len64-msb", "RFC6455-10.4-protect-limits"},
			Conns:        conns(announced(1<<31), announced(1<<32), announced(1<<53+1), announced(1<<63-1)),
			Want:         also(tooLong, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Quiet{}}}),
		},
		{
			ID: "F.1.6", Title: "a fragment of 64 KiB, and a continuation whose length makes a sum beyond 2^63",
			Requirements: []string{"RFC6455-5.2-len64-msb", "RFC6455-10.4-protect-limits"},
			Conns: conns([]cases.Step{
				cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(65536), NotFin: true},
				cases.FrameHeader{Opcode: wsproto.OpContinuation, Length: 1<<63 - 50},
				cases.Octets{Payload: ofSize(64)},
				cases.Await{For: patience, Until: append(data, transcript.GotClose)},
				cases.HalfClose{},
			}),
			Want: also(tooLong, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Quiet{}}}),
		},
		{
			ID: "F.1.8", Title: "each reserved bit on a continuation and on an empty frame",
			Requirements: []string{"RFC6455-5.2-rsv-fail"},
			Conns: conns(
				barred(cases.Text("a").More(), cases.Cont("b").WithRSV(wsproto.RSV1)),
				barred(cases.Text("a").More(), cases.Cont("b").WithRSV(wsproto.RSV2)),
				barred(cases.Text("a").More(), cases.Cont("b").WithRSV(wsproto.RSV3)),
				barred(cases.Text("").WithRSV(wsproto.RSV1)),
				barred(cases.Text("").WithRSV(wsproto.RSV2)),
				barred(cases.Text("").WithRSV(wsproto.RSV3)),
			),
			Want: failed,
		},
		{
			ID: "F.1.9", Title: "reserved opcodes and control frames without FIN, inside a message",
			Requirements: []string{
				"RFC6455-5.2-opcode-fail", "RFC6455-5.4-continuation-needs-start", "RFC6455-5.4-control-not-fragmented", "RFC6455-5.5-control-no-fragment",
			},
			Conns: conns(
				inside(cases.Reserved(3, "")), inside(cases.Reserved(4, "")), inside(cases.Reserved(5, "")), inside(cases.Reserved(6, "")),
				inside(cases.Reserved(7, "")), inside(cases.Reserved(11, "")), inside(cases.Reserved(12, "")), inside(cases.Reserved(13, "")),
				inside(cases.Reserved(14, "")), inside(cases.Reserved(15, "")), inside(cases.Ping("").More()), inside(cases.Pong("").More()),
				inside(cases.Frame{Opcode: wsproto.OpClose, NotFin: true}),
			),
			Want: failed,
		},
		{
			ID: "F.1.10", Title: "the header of a frame of 1 MiB with a reserved opcode",
			Requirements: []string{"RFC6455-5.2-opcode-fail", "RFC6455-7.1.7-stop-processing"},
			Conns:        conns([]cases.Step{cases.FrameHeader{Opcode: 3, Length: 1 << 20}, cases.Await{For: failure, Until: data}}),
			Want:         failed,
		},
		{
			ID: "F.1.11", Title: "a binary message that begins inside a text message",
			Requirements: []string{"RFC6455-5.4-no-interleave", "RFC6455-5.4-fragment-type"},
			Conns: []cases.Conn{
				{Steps: []cases.Step{
					cases.Text("a").More(), cases.Binary("b").More(), cases.Cont("c"), cases.Ping("barrier"), cases.Await{For: failure, Until: data},
				}},
				survived,
			},
			Want: failed,
		},
		{
			// A peer that copies what it has for each fragment takes a hundred times as long for
			// ten times as many.
			ID: "F.1.12", Title: "ten thousand fragments, and a hundred thousand, half of them empty and half of a byte", Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-5.4-fragment-order", "RFC6455-5.4-receive-both", "RFC6455-5.4-any-fragment-size"},
			Conns: []cases.Conn{
				{Steps: crumbled(5_000), Want: steadily(5_000)},
				{Steps: crumbled(50_000), Want: joinedUp(50_000)},
				survived,
			},
			Want: joinedUp(50_000),
		},
		{
			ID: "F.1.13", Title: "pings and pongs between the fragments of a message",
			Requirements: []string{
				"RFC6455-5.5.3-pong-identical", "RFC6455-5.4-handle-control-mid", "RFC6455-5.5.2-pong-reply", "RFC6455-5.4-control-injected",
			},
			Conns: conns(slices.Concat(
				[]cases.Step{cases.Text("a").More()},
				slices.Repeat([]cases.Step{cases.Ping("ping"), cases.Pong("unasked"), cases.Ping("group"), cases.Cont("b").More()}, 8),
				[]cases.Step{cases.Ping("last"), cases.Cont("c"), answered},
			)),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.PongWith{Text: "last"}, check.Messages{cases.GotText(cases.Data([]byte("abbbbbbbbc")))}, check.Clean{}, check.Lawful{},
			}}},
		},
		{
			ID: "F.1.14", Title: "a close frame between the fragments of a message",
			Requirements: []string{"RFC6455-5.5.1-close-reply", "RFC6455-5.4-handle-control-mid", "RFC6455-6.2-control-handled"},
			Conns:        conns([]cases.Step{cases.Text("a").More(), cases.Close{Code: wsproto.StatusNormalClosure}}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Quiet{}, check.Code{wsproto.StatusNormalClosure, 0}, check.Clean{},
			}}},
		},
		{
			ID: "F.1.15", Title: "the header of a ping of 126 bytes, and then its payload",
			Requirements: []string{"RFC6455-5.5-control-125", "RFC6455-5.2-len-forms"},
			Conns: conns([]cases.Step{
				cases.FrameHeader{Opcode: wsproto.OpPing, Length: 126},
				cases.Await{For: patience, Until: append(data, transcript.GotClose)},
				cases.Octets{Payload: ofSize(126)},
				cases.Ping("barrier"),
				cases.Await{For: failure, Until: data},
			}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: append(slices.Clone(failed[0].Checks), check.AtHeader{}, check.OfItself{})},
				{Grade: cases.NonStrict, Checks: cases.Every{ // it may wait for the rest of the frame
					check.Quiet{}, check.Lawful{}, check.OfItself{}, check.Ends{Within: 2 * failure},
				}},
			},
		},
		{
			ID: "F.1.16", Title: "lengths that wrap if the size of a header is added to them",
			Requirements: []string{"RFC6455-5.2-len64-msb", "RFC6455-10.4-protect-limits"},
			Conns: conns(
				wrapped(wsproto.OpText, 1<<64-1), wrapped(wsproto.OpText, 1<<64-2), wrapped(wsproto.OpText, 1<<64-4), wrapped(wsproto.OpText, 1<<64-6),
				wrapped(wsproto.OpText, 1<<64-10), wrapped(wsproto.OpText, 1<<64-14), wrapped(wsproto.OpPing, 1<<64-1), wrapped(wsproto.OpPing, 1<<64-14),
			),
			Want: tooLong,
		},
		{
			ID: "F.1.17", Title: "lengths of 2^56 + 5 and 2^32 + 300, and 5 and 300 bytes",
			Requirements: []string{"RFC6455-5.2-len64-msb", "RFC6455-10.4-protect-limits"},
			Conns: conns(
				slices.Insert(announced(1<<56+5), 1, cases.Step(cases.Octets{Payload: ofSize(5)}), cases.Step(cases.Ping("barrier"))),
				slices.Insert(announced(1<<32+300), 1, cases.Step(cases.Octets{Payload: ofSize(300)}), cases.Step(cases.Ping("barrier"))),
			),
			Want: also(tooLong, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Quiet{}}}),
		},
		{
			ID: "F.1.18", Title: "pongs before any ping, and two for one ping",
			Requirements: []string{"RFC6455-5.5.3-pong-unsolicited"},
			Conns: conns([]cases.Step{
				cases.Pong("before"), cases.Pong(""), cases.Pong("twice"), cases.Pong("twice"), cases.Text(probe), answered,
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: probe}, check.NoPong{}, check.Clean{}}}},
		},
		{
			ID: "F.2.1", Title: "text that ends inside a character, and an empty last fragment",
			Requirements: []string{"RFC6455-5.6-text-utf8", "RFC6455-8.1-invalid-utf8", "RFC6455-7.4.1-1007"},
			Conns:        conns([]cases.Step{cases.Text("\xe2\x82").More(), cases.Cont(""), cases.Await{For: failure, Until: data[:1]}}),
			Want:         badText,
		},
		{
			ID: "F.2.2", Title: "a ping in the middle of a character that is not UTF-8",
			Bugs: []cases.Bug{{
				Library: "websockets", Buggy: "13.1", Fixed: "14.0", Role: cases.Server, Source: "websockets changelog 14.0",
				What: "It closed with 1011 where text was not UTF-8.",
			}},
			Requirements: []string{"RFC6455-8.1-invalid-utf8", "RFC6455-5.4-handle-control-mid"},
			Conns: conns([]cases.Step{
				cases.Text("\xf0\x9f").More(), cases.Ping("inside"), cases.Cont("\x98A"), cases.Await{For: failure, Until: data[:1]},
			}),
			Want: badText,
		},
		{
			ID: "F.2.3", Title: "a binary message in fragments that are not UTF-8",
			Requirements: []string{"RFC6455-5.6-binary-any", "RFC6455-6.2-note-type"},
			Conns:        conns([]cases.Step{cases.Binary("\xff").More(), cases.Cont("\xfe"), answered}),
			Want:         echoed(cases.GotBinary(cases.Data([]byte("\xff\xfe")))),
		},
		{
			ID: "F.2.4", Title: "text with a byte order mark, a NUL and noncharacters",
			Requirements: []string{"RFC6455-5.6-text-utf8"},
			Conns:        conns([]cases.Step{cases.Text(oddText), answered}),
			Want:         echoed(cases.GotText(cases.Data([]byte(oddText)))),
		},
		{
			ID: "F.2.5", Title: "pings and pongs that are not UTF-8 inside the characters of a text",
			Requirements: []string{"RFC6455-5.6-text-utf8", "RFC6455-5.4-handle-control-mid"},
			Conns: conns([]cases.Step{
				cases.Text("\xf0\x9f").More(), cases.Ping("\xff\xfe"), cases.Cont("\x98").More(), cases.Pong("\xc3"), cases.Cont("\x80\xe2").More(),
				cases.Ping("\xff\xfe"), cases.Cont("\x82\xac"), answered,
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.PongWith{Text: "\xff\xfe"}, check.Messages{cases.GotText(cases.Data([]byte("\U0001f600\u20ac")))}, check.Clean{}, check.Lawful{},
			}}},
		},
	}
}

// crumbled sends a text of so many bytes in fragments of a byte, behind as many empty ones.
func crumbled(n int) []cases.Step {
	return []cases.Step{
		cases.Text("").More(),
		cases.Flood{Frame: cases.Cont("").More(), Times: n},
		cases.Flood{Frame: cases.Cont("x").More(), Times: n - 1},
		cases.Cont("x"),
		cases.Await{For: time.Minute, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}},
	}
}

// joinedUp grades the answers to that. A peer may limit fragments.
func joinedUp(n int) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Messages{cases.GotText(cases.Repeat("x", n))}, check.Clean{}}},
		{Grade: cases.OK, Checks: cases.Every{check.Messages{}, check.Code{wsproto.StatusPolicyViolation, wsproto.StatusMessageTooBig}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.OfItself{}, check.Dropped{Within: time.Minute}}},
	}
}

// steadily grades them together with those to ten times as many fragments.
func steadily(n int) cases.Clauses {
	list := joinedUp(n)
	for i := range list {
		list[i].Checks = append(list[i].Checks, check.Steady{Times: 10})
	}
	return list
}

// patience is how long a peer may take to refuse a length. One without a limit waits
// for the payload for ever.
const patience = time.Second

// oddText holds characters that are UTF-8, but that some drop or refuse.
const oddText = "\ufeffa\x00b\uffff\ufffe\ufdd0\U0010ffff"

var (
	// tooLong grades lengths that no peer can take.
	tooLong = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Code{wsproto.StatusProtocolError, wsproto.StatusMessageTooBig}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}},
	}

	// badText grades text that is not UTF-8.
	badText = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{
			check.Messages{}, check.Lawful{}, check.Code{wsproto.StatusInvalidFramePayloadData}, check.Ends{Within: failure},
		}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Messages{}, check.Lawful{}, check.Ends{Within: failure}, check.Either{
			check.Dropped{Within: failure}, check.Code{wsproto.StatusProtocolError},
		}}},
	}
)

// overlong grades messages whose length is not in its shortest form. That a receiver
// has to fail on them is nowhere said in so many words.
func overlong(messages ...transcript.Event) cases.Clauses {
	return also(failed, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Messages(messages), check.Clean{}}})
}

// announced sends the header of a binary message and nothing more.
func announced(length uint64) []cases.Step {
	return []cases.Step{
		cases.FrameHeader{Opcode: wsproto.OpBinary, Length: length},
		cases.Await{For: patience, Until: append(data, transcript.GotClose)},
		cases.HalfClose{},
	}
}

// wrapped sends the header of a frame and 64 bytes.
func wrapped(op wsproto.Opcode, length uint64) []cases.Step {
	return []cases.Step{
		cases.FrameHeader{Opcode: op, Length: length},
		cases.Octets{Payload: ofSize(64)},
		cases.Await{For: failure, Until: append(data, transcript.GotClose)},
	}
}

// barred sends the frames and the barrier.
func barred(frames ...cases.Frame) []cases.Step {
	var steps []cases.Step
	for _, f := range frames {
		steps = append(steps, f)
	}
	return append(steps, cases.Ping("barrier"), cases.Await{For: failure, Until: data})
}

// inside sends the frame between two fragments of a message.
func inside(f cases.Frame) []cases.Step { return barred(cases.Text("a").More(), f, cases.Cont("b")) }
