package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// sent is C.2: what a peer sends itself, whatever makes it send that.
func sent() []cases.Case {
	return []cases.Case{
		{
			ID: "C.2.1", Title: "the close frames of a peer, provoked in twenty ways",
			Requirements: []string{
				"RFC6455-7.4.1-1004", "RFC6455-7.4.1-1005", "RFC6455-7.4.1-1006", "RFC6455-7.4.1-1015", "RFC6455-7.4.1-1010-client-only",
				"RFC6455-7.4.2-0-999", "RFC6455-7.4.2-1000-2999", "IANA-CLOSE-5000-up", "RFC6455-5.5-control-125",
				"RFC6455-5.5.1-status-first", "RFC6455-5.5.1-reason-utf8",
			},
			Conns: slices.Concat(
				conns(
					[]cases.Step{normal}, []cases.Step{cases.Close{}},
					barred(cases.Text(probe).WithRSV(wsproto.RSV2)), barred(cases.Text("\xc3\x28")), barred(cases.Text("cut \xe2\x82")),
					barred(cases.Reserved(3, probe)), barred(cases.Reserved(11, "")), barred(cases.Cont(probe)),
					barred(cases.Text("a").More(), cases.Text("b")), barred(cases.Ping("half").More()),
					barred(cases.Frame{Opcode: wsproto.OpPing, Payload: ofSize(126)}),
					barred(cases.Text(probe).InForm(wsproto.Form16)), barred(cases.Text(probe).InForm(wsproto.Form64)),
					barred(cases.Frame{Opcode: wsproto.OpText, Payload: ofSize(9), Masking: cases.MaskNever}),
					barred(cases.Frame{Opcode: wsproto.OpText, Payload: ofSize(9), Masking: cases.MaskAlways}),
					[]cases.Step{cases.FrameHeader{Opcode: wsproto.OpText, Length: 1 << 63}, cases.Await{For: failure, Until: data}},
				),
				[]cases.Conn{
					{Deflate: plain, Steps: doomed(zText("\x07"))},
					{Deflate: plain, Steps: barred(cases.Ping("marked").WithRSV(wsproto.RSV1))},
					repeating(cases.Close{Reason: []byte("\x03")}), repeating(cases.Close{Code: wsproto.StatusNoStatusRcvd}),
				},
			),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.SoundCloses{}}}},
		},
		{
			ID: "C.2.2", Title: "the frames of a peer, in answer to messages and pings of all kinds",
			Requirements: []string{
				"RFC6455-5.2-rsv-zero", "RFC6455-5.2-len-minimal", "RFC6455-6.1-fin", "RFC6455-5.4-control-not-fragmented",
				"RFC6455-5.5-control-no-fragment", "RFC6455-10.7-validate",
			},
			Conns: []cases.Conn{
				{Steps: append(
					[]cases.Step{cases.Ping(""), cases.Ping("p"), cases.Frame{Opcode: wsproto.OpPing, Payload: ofSize(125)}},
					inTurn(everySize...)...,
				)},
				{Steps: []cases.Step{
					cases.Text("frag").More(), cases.Ping("inside"), cases.Cont("").More(), cases.Cont("ment"), answered,
				}},
			},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Lawful{}, check.SoundCloses{}, check.Clean{}}}},
		},
		{
			ID: "C.2.4", Title: "the frames of a peer, in answer to compressed messages and pings",
			Requirements: []string{"RFC7692-6.1-rsv1-first-only", "RFC6455-5.2-rsv-zero", "RFC6455-5.2-len-minimal", "RFC6455-6.1-fin"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: plain, Steps: append(crumbs(zProbe), inTurn(everySize...)...)}},
			Want:         cases.Clauses{undeflated, {Grade: cases.OK, Checks: cases.Every{check.Lawful{}, check.SoundCloses{}, check.Clean{}}}},
		},
	}
}

// everySize are messages on both sides of each form of length.
var everySize = []cases.Frame{
	cases.Text(""), cases.Text("t"), ofBytes(0), ofBytes(125), ofBytes(126), ofBytes(127), ofBytes(1<<16 - 1), ofBytes(1 << 16), ofBytes(1 << 20),
}

// ofBytes is a message of n bytes.
func ofBytes(n int) cases.Frame { return cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(n)} }

// repeating closes so. A peer may repeat the code that we should not have sent.
func repeating(c cases.Close) cases.Conn {
	return cases.Conn{Steps: []cases.Step{c}, Want: cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.SoundCloses{}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Code{c.Code}}},
	}}
}
