package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// masking is M. A ping behind each bad frame is the barrier: its pong proves that
// the connection is still in use.
func masking() []cases.Case {
	return []cases.Case{
		{
			ID: "M.1.1", Title: "a text frame without a mask", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "7.2.1", Fixed: "7.2.2", Role: cases.Server, Source: "websockets/ws#1681",
				What: "It echoed frames without a mask.",
			}},
			Requirements: []string{
				"RFC6455-5.1-server-rejects-unmasked", "RFC6455-5.1-server-1002", "RFC6455-7.1.7-stop-processing", "RFC6455-7.1.7-server-close",
			},
			Conns: []cases.Conn{{Steps: unmasked(cases.Text(probe))}, survived},
			Want:  failed,
		},
		{
			ID: "M.1.2", Title: "a ping, a pong and a close frame without a mask", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.1-server-rejects-unmasked"},
			Conns: []cases.Conn{
				{Steps: unmasked(cases.Ping("unmasked"))},
				{Steps: unmasked(cases.Pong("unmasked"))},
				{
					Steps: unmasked(cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(cases.Close{Code: wsproto.StatusNormalClosure}.Body())}),
					Want: also(failed, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
						check.Quiet{}, check.Code{wsproto.StatusNormalClosure}, check.Ends{Within: failure},
					}}),
				},
				survived,
			},
			Want: failed,
		},
		{
			ID: "M.2.1", Title: "a text frame with a mask from a server", Roles: onlyClients,
			Requirements: []string{"RFC6455-7.1.7-client-close", "RFC6455-5.1-client-rejects-masked", "RFC6455-5.1-client-1002"},
			Conns:        []cases.Conn{{Steps: masked(cases.Text(probe))}, survived},
			Want:         failed,
		},
		{
			ID: "M.2.2", Title: "a ping, a pong and a close frame with a mask from a server", Roles: onlyClients,
			Requirements: []string{"RFC6455-5.1-client-rejects-masked"},
			Conns: []cases.Conn{
				{Steps: masked(cases.Ping("masked"))},
				{Steps: masked(cases.Pong("masked"))},
				{
					Steps: masked(cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(cases.Close{Code: wsproto.StatusNormalClosure}.Body())}),
					Want: also(failed, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
						check.Quiet{}, check.Code{wsproto.StatusNormalClosure}, check.Ends{Within: failure},
					}}),
				},
				survived,
			},
			Want: failed,
		},
		{
			ID: "M.1.3", Title: "a text frame without a mask behind two with one", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.1-server-rejects-unmasked", "RFC6455-6.2-server-unmask"},
			Conns:        conns(append([]cases.Step{cases.Text("one"), answered, cases.Text("two"), answered}, unmasked(cases.Text(probe))...)),
			Want:         failing(both),
		},
		{
			ID: "M.1.4", Title: "a message whose continuation has no mask", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.1-server-rejects-unmasked", "RFC6455-5.4-no-interleave"},
			Conns:        conns(append([]cases.Step{cases.Text("one ").More()}, unmasked(cases.Cont(probe))...)),
			Want:         failed,
		},
		{
			ID: "M.1.5", Title: "masking keys with many zeros and ones", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.3-unmask-algorithm", "RFC6455-6.2-server-unmask"},
			Conns:        conns(keyed("\x00\x00\x00\x00"), keyed("\xff\xff\xff\xff"), keyed("\x00\x00\x00\xff"), keyed("\xff\x00\x00\x00")),
			Want:         echoed(binaries(keyedSizes)...),
		},
		{
			ID: "M.1.6", Title: "4099 bytes in writes of 2, 3, 5 and 7 bytes", Roles: onlyServers,
			Requirements: []string{"RFC6455-5.3-unmask-algorithm", "RFC6455-6.2-parse-frames"},
			Conns:        conns(chopped(2), chopped(3), chopped(5), chopped(7)),
			Want:         echoed(binaries([]int{4099})...),
		},
		{
			ID: "M.1.7", Title: "the frames in which a server echoes messages from 0 bytes to 1 MiB", Roles: onlyServers,
			Requirements: []string{
				"RFC6455-6.1-opcode", "RFC6455-5.1-server-no-mask", "RFC6455-5.2-rsv-zero", "RFC6455-5.2-len-minimal",
				"RFC6455-6.1-encapsulate", "RFC6455-6.1-fin", "RFC6455-6.1-transmit", "RFC6455-5.2-fin-first",
			},
			Conns: []cases.Conn{{Steps: sized(frameSizes)}},
			Want:  echoed(binaries(frameSizes)...),
		},
		{
			ID: "M.2.3", Title: "the frames of a client: echoes from 0 bytes to 1 MiB, pongs and a close frame", Roles: onlyClients,
			Requirements: []string{
				"RFC6455-5.3-unmask-algorithm", "RFC6455-6.1-fin", "RFC6455-5.1-client-masks", "RFC6455-5.3-mask-bit",
				"RFC6455-6.1-client-mask", "RFC6455-5.2-len-minimal", "RFC6455-5.2-rsv-zero",
			},
			Conns: []cases.Conn{{Steps: append([]cases.Step{
				cases.Ping(""), ponged, cases.Ping("ping"), ponged,
			}, sized(frameSizes)...)}},
			Want: echoed(binaries(frameSizes)...),
		},
		{
			ID: "M.2.4", Title: "the masking keys of thirty messages", Roles: onlyClients,
			Requirements: []string{"RFC6455-5.3-fresh-key", "RFC6455-10.3-new-key", "RFC6455-5.3-unpredictable", "RFC6455-5.3-strong-entropy"},
			Conns:        []cases.Conn{{Steps: slices.Repeat([]cases.Step{cases.Text("key"), answered}, 30)}},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.FreshKeys{}, check.Lawful{}}}},
		},
		{
			// A pass does not prove that nobody can foresee the keys, but a failure does.
			ID: "M.2.5", Title: "the masking keys of 1,200 messages", Roles: onlyClients, Load: cases.Heavy,
			Needs:        []cases.Need{cases.NeedEcho},
			Requirements: []string{"RFC6455-5.3-unpredictable", "RFC6455-5.3-strong-entropy", "RFC6455-10.3-new-key"},
			Keys:         1200,
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Flood{Frame: cases.Text("key"), Times: 1200},
				cases.Ping("last"),
				cases.Await{For: longWhile, Until: []transcript.EventKind{transcript.GotPong, transcript.GotClose}},
			}}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Tally{Messages: 1200}, check.RandomKeys{Least: 1200}, check.Lawful{}}}},
		},
		{
			ID: "M.2.6", Title: "a text frame with a mask behind two without one", Roles: onlyClients,
			Requirements: []string{"RFC6455-5.1-client-rejects-masked", "RFC6455-7.1.7-client-close"},
			Conns:        conns(append([]cases.Step{cases.Text("one"), answered, cases.Text("two"), answered}, masked(cases.Text(probe))...)),
			Want:         failing(both),
		},
		{
			ID: "M.2.7", Title: "a message whose continuation has a mask", Roles: onlyClients,
			Requirements: []string{"RFC6455-5.1-client-rejects-masked"},
			Conns:        conns(append([]cases.Step{cases.Text("one ").More()}, masked(cases.Cont(probe))...)),
			Want:         failed,
		},
	}
}

// both are the echoes of "one" and "two".
var both = cases.Every{
	check.Messages{cases.GotText(cases.Data([]byte("one"))), cases.GotText(cases.Data([]byte("two")))}, check.NoPong{},
}

var (
	// keyedSizes end at each place in a key, and in each form of length; frameSizes lie
	// on both sides of where the form changes.
	keyedSizes = []int{0, 1, 2, 3, 4, 5, 8, 15, 125, 126, 65536}
	frameSizes = []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20}

	ponged = cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotPong, transcript.GotClose}}
)

// ofSize is a payload whose bytes differ from one word of a mask to the next.
func ofSize(n int) cases.Payload { return cases.Repeat("masks repeat every four", n) }

// binaries are binary messages of these sizes.
func binaries(sizes []int) []transcript.Event {
	var list []transcript.Event
	for _, n := range sizes {
		list = append(list, cases.GotBinary(ofSize(n)))
	}
	return list
}

// sized sends binary messages of these sizes, each after the echo of the one before.
func sized(sizes []int) []cases.Step {
	var steps []cases.Step
	for _, n := range sizes {
		steps = append(steps, cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(n)}, answered)
	}
	return steps
}

// keyed sends binary messages that are masked with the key.
func keyed(key string) []cases.Step {
	var steps []cases.Step
	for _, n := range keyedSizes {
		steps = append(steps, cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(n)}.KeyedBy(key), answered)
	}
	return steps
}

// chopped sends 4099 bytes, n at a time.
func chopped(n int) []cases.Step {
	return []cases.Step{cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(4099)}.Chopped(n), answered}
}

// masked sends the frame with a mask and the barrier.
func masked(f cases.Frame) []cases.Step {
	f.Masking = cases.MaskAlways
	return []cases.Step{f, cases.Ping("barrier"), cases.Await{For: failure, Until: data}}
}

// unmasked sends the frame without a mask and the barrier.
func unmasked(f cases.Frame) []cases.Step {
	f.Masking = cases.MaskNever
	return []cases.Step{f, cases.Ping("barrier"), cases.Await{For: failure, Until: data}}
}
