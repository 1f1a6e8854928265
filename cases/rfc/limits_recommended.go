package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// recommended is L.3: limits that RFC 6455 §10.4 recommends, and peers that others leave
// in the middle of something.
func recommended() []cases.Case {
	return []cases.Case{
		{
			// Libraries count lengths in 31 or 32 bits, so a larger one may be refused for
			// that, where this one would be let in.
			ID: "L.3.1", Title: "a frame that announces 2 GiB less a byte and sends 64 KiB", Level: cases.Should, Load: cases.Alone,
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "1.1.0", Fixed: "1.1.1", Role: cases.Server, Source: "CVE-2016-10542",
				What: "It had no limit for messages unless one was set.",
			}},
			Requirements: []string{"RFC6455-10.4-impose-limit"},
			Conns: conns(slices.Concat(
				[]cases.Step{cases.FrameHeader{Opcode: wsproto.OpBinary, Length: 1<<31 - 1}},
				slices.Repeat([]cases.Step{cases.Octets{Payload: ofSize(1 << 10)}}, 64),
				[]cases.Step{cases.Await{For: patience, Until: endless}, cases.HalfClose{}},
			)),
			Want: overLimit,
		},
		{
			// What holds no byte still costs something, and it never ends.
			ID: "L.3.2", Title: "a message of 300,000 empty fragments and a byte", Level: cases.Should, Load: cases.Alone,
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "8.21.0", Fixed: "8.21.1", Role: cases.Server, Source: "websockets/ws#2329",
				What: "It did not count fragments without payload, so a message could have any number of them.",
			}},
			Requirements: []string{"RFC6455-10.4-impose-limit"},
			Conns: conns([]cases.Step{
				cases.Binary("").More(),
				cases.Flood{Frame: cases.Cont("").More(), Times: 300000},
				cases.Cont("x"),
				cases.Await{For: longWhile, Until: endless},
			}),
			Want: overLimit,
		},
		{
			ID: "L.3.3", Title: "a fragment of 64 KiB, and one whose length makes a sum beyond 2^63, where 1 MiB is the limit", Load: cases.Heavy,
			Needs:        []cases.Need{cases.NeedLimit},
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-10.4-impose-limit"},
			Conns: conns([]cases.Step{
				cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(1 << 16), NotFin: true},
				cases.FrameHeader{Opcode: wsproto.OpContinuation, Length: 1<<63 - 50},
				cases.Octets{Payload: ofSize(64)},
				cases.Await{For: failure, Until: append(data, transcript.GotClose)},
			}),
			Want: also(overLimit, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Code{wsproto.StatusProtocolError}}}),
		},
		{
			// A write to such a connection raises SIGPIPE in a process that does not expect it.
			ID: "L.3.4", Title: "resets inside a head, a frame, a message and an echo", Level: cases.Robustness, Load: cases.Heavy,
			Requirements: []string{"RFC6455-7.1.4-clean", "RFC6455-10.4-protect-limits"},
			Conns: andSurvived(
				cases.Conn{Steps: []cases.Step{
					cases.StopReading{},
					cases.Repeated{Frame: cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(1 << 16)}, Times: 32},
					cases.Reset{},
				}, Want: left},
				cases.Conn{Steps: []cases.Step{
					cases.FrameHeader{Opcode: wsproto.OpText, Length: uint64(len(probe))}, cases.Octets{Payload: cases.Data([]byte(probe[:8]))}, cases.Reset{},
				}, Want: left},
				cases.Conn{Steps: []cases.Step{cases.Text(probe).More(), cases.Reset{}}, Want: left},
			),
			Want: accepted,
		},
	}
}

// left grades connections that we reset: all that is asked is that they were open.
var left = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Open{}}}}
