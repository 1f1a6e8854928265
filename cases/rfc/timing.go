package rfc

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// timing is T.
func timing() []cases.Case {
	return []cases.Case{
		{
			ID: "T.1.1", Title: "an opening handshake in writes of 1, 2, 3 and 64 bytes", Roles: onlyServers,
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-4.2.2-steps"},
			Conns:        []cases.Conn{headApart(1), headApart(2), headApart(3), headApart(64)},
			Want:         echoed(cases.GotText(cases.Data([]byte(probe)))),
		},
		{
			ID: "T.1.2", Title: "a response in writes of 1, 2, 3 and 64 bytes", Roles: onlyClients,
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-4.1-validate-response"},
			Conns:        []cases.Conn{headApart(1), headApart(2), headApart(3), headApart(64)},
			Want:         echoed(cases.GotText(cases.Data([]byte(probe)))),
		},
		{
			ID: "T.1.3", Title: "frames of each form of length, cut in each place of their headers",
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-5.2-len-forms"},
			Conns: conns(
				cut(1), cut(2), cut(3), cut(4), cut(5), cut(6), cut(7), cut(8), cut(9), cut(10), cut(11), cut(12), cut(13),
			),
			Want: echoed(cases.GotText(cases.Data([]byte("Hello"))), cases.GotBinary(ofSize(130)), cases.GotBinary(ofSize(65600))),
		},
		{
			ID: "T.1.4", Title: "a thousand frames in one write",
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-6.2-next-message"},
			Conns: conns(append(
				slices.Repeat([]cases.Step{
					cases.Message{Opcode: wsproto.OpBinary, Payload: ofSize(49), Fragment: 1}, cases.Ping("between"),
				}, 20),
				slices.Repeat([]cases.Step{answered}, 20)...,
			)),
			Want: also(echoed(slices.Repeat(binaries([]int{49}), 20)...), cases.Clause{ // it may think this a flood
				Grade: cases.NonStrict, Checks: cases.Every{check.Lawful{}, check.OfItself{}, check.Code{wsproto.StatusPolicyViolation}},
			}),
		},
		{
			// The echo may stay out, but nothing may come behind the close frame.
			ID: "T.1.5", Title: "a message and a close frame in one write",
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-5.5.1-close-reply", "RFC6455-5.5.1-no-data-after-close"},
			Conns: conns([]cases.Step{
				cases.Text(probe),
				cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(normal.Body())},
				cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotClose}},
				cases.HalfClose{},
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Either{cases.Echoed{Text: probe}, check.Quiet{}},
				check.Code{wsproto.StatusNormalClosure, 0},
				check.SilentAfterClose{},
				check.Ends{Within: 2 * failure},
			}}},
		},
		{
			ID: "T.1.7", Title: "24 messages of 1 MiB without a wait for their echoes", Load: cases.Heavy,
			Requirements: []string{"RFC6455-6.1-transmit", "RFC6455-5.1-data-any-time"},
			Conns: conns(append(
				[]cases.Step{cases.Repeated{Frame: cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(1 << 20)}, Times: 24}},
				slices.Repeat([]cases.Step{patient}, 24)...,
			)),
			Want: echoed(slices.Repeat(binaries([]int{1 << 20}), 24)...),
		},
		{
			ID: "T.1.8", Title: "echoes of 8 MiB that are read late and slowly", Load: cases.Heavy,
			Requirements: []string{"RFC6455-6.1-transmit", "RFC6455-5.5.1-close-tcp"},
			Conns: conns([]cases.Step{
				cases.StopReading{},
				cases.Repeated{Frame: cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(1 << 20)}, Times: 8},
				cases.Pause{For: time.Second},
				cases.ReadSlowly{Bytes: 64 << 10, Every: 2 * time.Millisecond},
				patient, patient, patient, patient, patient, patient, patient, patient,
			}),
			Want: echoed(slices.Repeat(binaries([]int{1 << 20}), 8)...),
		},
		{
			ID: "T.1.9", Title: "pings around messages of 512 KiB", Load: cases.Heavy,
			Requirements: []string{"RFC6455-5.4-fragment-order", "RFC6455-5.4-no-interleave", "RFC6455-6.1-encapsulate"},
			Conns: conns(append(slices.Repeat([]cases.Step{
				cases.Ping("around"), cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(512 << 10)},
			}, 4), answered, answered, answered, answered)),
			Want: echoed(slices.Repeat(binaries([]int{512 << 10}), 4)...),
		},
		{
			// A page that opens many connections at once could flood a host through its visitors.
			ID: "T.1.10", Title: "a response that comes half a second late, to a client that opens two connections at once", Roles: onlyClients,
			Needs:        []cases.Need{cases.NeedURL, "twice"},
			Disputed:     []string{"The rule was written with browsers in mind. Many libraries leave it to the program."},
			Requirements: []string{"RFC6455-4.1-one-connecting"},
			Conns:        []cases.Conn{{URL: "ws://{host}:{port}/", Head: cases.Head{cases.Delayed()}, Serial: true, Steps: probed}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{probeEchoed, check.NoOffence{}, check.Not{Check: check.Retries{}}}},
				{Grade: cases.Informational, Checks: cases.Every{probeEchoed, check.NoOffence{}}}, // it opened only one
			},
		},
		{
			ID: "T.1.12", Title: "a server that takes the connection and never answers", Roles: onlyClients, Level: cases.Robustness, Load: cases.Idle, Slow: true,
			Requirements: []string{"RFC6455-4.1-open-failure", "RFC6455-10.4-protect-limits"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Trickle(time.Hour)}}, survived},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.EndsTCP{Within: cases.TricklePatience}}}},
		},
		{
			// Where a peer sends pings of its own they are looked at; it need not.
			ID: "T.1.13", Title: "thirty seconds without a message", Load: cases.Idle, Slow: true,
			Requirements: []string{
				"RFC6455-5.5.2-ping-any-time", "RFC6455-5.5.2-ping-data", "RFC6455-5.5-control-125", "RFC6455-7.3-client-no-arbitrary",
			},
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Await{For: 30 * time.Second, Until: []transcript.EventKind{transcript.GotClose, transcript.GotOffence}}, cases.Text(probe), answered,
			}}, survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Lawful{}, probeEchoed, check.Clean{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Lawful{}, check.Quiet{}, check.OfItself{}, check.Closed{}}},
			},
		},
		{
			ID: "T.1.6", Title: "a message, then the end of our direction of TCP", Roles: onlyServers,
			Level: cases.Robustness, Load: cases.Idle,
			Requirements: []string{"RFC6455-5.1-data-any-time", "RFC6455-7.1.4-clean"},
			Conns:        []cases.Conn{{Steps: []cases.Step{cases.Text(probe), cases.HalfClose{}, cases.Await{For: time.Minute}}}, survived},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Either{cases.Echoed{Text: probe}, check.Quiet{}}, check.Ends{Within: time.Minute},
			}}},
		},
	}
}

// patient is answered, for much data.
var patient = cases.Await{For: time.Minute, Until: answered.Until}

// headApart opens with our half of the handshake in writes of n bytes.
func headApart(n int) cases.Conn {
	return cases.Conn{Head: cases.Head{cases.Apart(n)}, Steps: []cases.Step{cases.Text(probe), answered}}
}

// cut sends a message of each form of length, and a ping, with the first n bytes of
// each in a write of their own.
func cut(n int) []cases.Step {
	return []cases.Step{
		cases.Text("Hello").CutAt(n), cases.Ping("cut").CutAt(n),
		cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(130), Cut: n},
		cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(65600), Cut: n},
		answered, answered, answered,
	}
}
