package rfc

import (
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	mebi      = 1 << 20
	stall     = 2 * time.Minute  // how long a peer gets to take what we send without reading
	longWhile = 30 * time.Second // for the answer behind a flood
)

// limits is L: much of something, and too much of it.
func limits() []cases.Case {
	return slices.Concat(headLimits(), frameLimits())
}

var (
	// guard is a connection beside the ones before it: what stalls or kills it is the
	// fault of those.
	guard = cases.Conn{Beside: true, After: 300 * time.Millisecond, Steps: probed, Want: accepted}

	// takenOrRefused grades heads with more than a server need take.
	takenOrRefused = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Either{probeEchoed, status4xx}}},
		{Grade: cases.NonStrict, Checks: dropped},
	}

	// overLimit grades messages that are longer than the peer takes.
	overLimit = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Code{wsproto.StatusMessageTooBig, wsproto.StatusPolicyViolation}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.Either{check.Dropped{Within: longWhile}, check.Closed{}}}},
	}
	endless = []transcript.EventKind{transcript.GotMessage, transcript.GotClose}
)

// beside is a number of connections at once.
func beside(n int, conn cases.Conn) []cases.Conn {
	list := slices.Repeat([]cases.Conn{conn}, n)
	for i := range list[1:] {
		list[i+1].Beside = true
	}
	return list
}

// headLimits are heads that take long, or are long.
func headLimits() []cases.Case {
	return []cases.Case{
		{
			ID: "L.1.1", Title: "fifty requests that each send a byte every five seconds", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns:        append(beside(50, cases.Conn{Head: cases.Head{cases.Trickle(5 * time.Second)}}), guard, survived),
			Want:         notKept,
		},
		{
			ID: "L.1.2", Title: "fifty connections that send nothing", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns:        append(beside(50, cases.Conn{Head: cases.Head{cases.Trickle(time.Hour)}}), guard, survived),
			Want:         notKept,
		},
		{
			// It does not end, so a server that would read all of it before it refuses does nothing.
			ID: "L.1.3", Title: "16 MiB of a field that does not end", Roles: onlyServers, Load: cases.Alone,
			Bugs: []cases.Bug{{
				Library: "tungstenite", Buggy: "0.20.0", Fixed: "0.20.1", Role: cases.Server, Source: "CVE-2023-43669",
				What: "It searched a header without an end from its start at each piece that came.",
			}},
			Requirements: []string{"RFC9112-5-large-fields", "RFC6455-10.4-protect-limits"},
			Conns:        []cases.Conn{asked(cases.Long("X-Long", 32*mebi), cases.Cut()), guard, survived},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
				cases.Every{status4xx, check.Unprompted{}}, cases.Every{check.NoAnswer{}, check.OfItself{}, check.Ends{Within: failure}},
			}}}},
		},
		{
			// A server that reads the head from its start for each piece takes seconds.
			ID: "L.1.4", Title: "a head of 64 KiB in writes of one byte", Roles: onlyServers, Load: cases.Alone,
			Requirements: []string{"RFC9112-5-large-fields", "RFC6455-10.4-protect-limits"},
			Conns:        []cases.Conn{asked(cases.Long("X-Long", 63<<10), cases.Bytewise()), guard, survived},
			Want:         takenOrRefused,
		},
		{
			ID: "L.1.5", Title: "2,500 fields before the others", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns:        []cases.Conn{asked(cases.Many(2500)), guard, survived},
			Want:         takenOrRefused,
		},
		{
			ID: "L.1.6", Title: "100, 1,000, 1,999, 2,000, 2,001 and 5,000 fields before the others", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns: []cases.Conn{
				asked(cases.Many(100)), asked(cases.Many(1000)), asked(cases.Many(1999)), asked(cases.Many(2000)),
				asked(cases.Many(2001)), asked(cases.Many(5000)), survived,
			},
			Want: takenOrRefused,
		},
		{
			ID: "L.1.7", Title: "a field of 16 MiB in a response", Roles: onlyClients, Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-4.1-resp-nonconforming"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Long("X-Long", 16*mebi)}, Steps: probed}, survived},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}}},
		},
		{
			ID: "L.1.8", Title: "10,000 fields before the others in a response", Roles: onlyClients, Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Many(10000)}, Steps: probed}, survived},
			Want:         openedOrDropped,
		},
		{
			ID: "L.1.9", Title: "a response of 48 KiB in writes of one byte", Roles: onlyClients, Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Long("X-Long", 48<<10), cases.Bytewise()}, Steps: probed}, survived},
			Want:         openedOrDropped,
		},
	}
}

// openedOrDropped grades responses that a client may open on, or find too large.
var openedOrDropped = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
	probeEchoed, cases.Every{check.Quiet{}, check.Dropped{Within: failure}},
}}}}

// notKept grades connections that come to no request.
var notKept = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{check.Ends{Within: cases.TricklePatience}}},
	{Grade: cases.NonStrict, Checks: cases.Every{check.NoAnswer{}}},
}

// frameLimits are frames and messages.
func frameLimits() []cases.Case {
	return []cases.Case{
		{
			// What a peer that makes room for it does is die.
			ID: "L.2.1", Title: "a frame that announces 1 TiB and sends 64 KiB", Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-10.4-impose-limit"},
			Conns: conns(append(append(
				[]cases.Step{cases.FrameHeader{Opcode: wsproto.OpBinary, Length: 1 << 40}},
				slices.Repeat([]cases.Step{cases.Octets{Payload: ofSize(1 << 10)}}, 64)...,
			), cases.Await{For: patience, Until: endless}, cases.HalfClose{})),
			Want: also(overLimit, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Quiet{}}}),
		},
		{
			ID: "L.2.2", Title: "a message of 4 MiB in fragments of 64 KiB, where 1 MiB is the limit", Load: cases.Alone,
			Needs:        []cases.Need{cases.NeedLimit},
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-10.4-impose-limit"},
			Conns: conns([]cases.Step{
				cases.Binary("").More(),
				cases.Flood{Frame: cases.Frame{Opcode: wsproto.OpContinuation, Payload: ofSize(64 << 10), NotFin: true}, Times: 64},
				cases.Await{For: failure, Until: endless},
			}),
			Want: overLimit,
		},
		{
			// The memory that a fragment costs beside its bytes is not seen, the limit is.
			ID: "L.2.3", Title: "a message of 70,000 fragments of 16 bytes, where 1 MiB is the limit", Load: cases.Alone,
			Needs:        []cases.Need{cases.NeedLimit},
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns: conns([]cases.Step{
				cases.Binary("").More(),
				cases.Flood{Frame: cases.Cont("sixteen bytes...").More(), Times: 70000},
				cases.Await{For: longWhile, Until: endless},
			}),
			Want: overLimit,
		},
		{
			// A peer may stop reading, leave pongs out, or close. Without that its queue
			// grows as long as we like.
			ID: "L.2.4", Title: "pings of 125 bytes, 16 MiB more than TCP may hold, while we do not read", Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-5.5.3-pong-latest", "RFC6455-5.5.2-pong-reply"},
			Conns: conns([]cases.Step{
				cases.StopReading{},
				cases.Flood{Frame: cases.Frame{Opcode: wsproto.OpPing, Payload: ofSize(125)}, Beyond: 16 * mebi},
				cases.AwaitTaken{For: stall},
				cases.ReadOn{},
				cases.Text(probe),
				cases.Await{For: time.Minute, Until: endless},
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
				check.HeldBack{}, cases.Every{check.FewPongs{Unanswered: 8 * mebi / 127}, check.Either{check.Tally{Messages: 1}, check.Closed{}}},
			}}}},
		},
		{
			ID: "L.2.5", Title: "1,000,000 pongs of 125 bytes, and a message", Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-5.5.3-pong-unsolicited", "RFC6455-10.4-protect-limits"},
			Conns: conns([]cases.Step{
				cases.Flood{Frame: cases.Frame{Opcode: wsproto.OpPong, Payload: ofSize(125)}, Times: 1_000_000},
				cases.Text(probe),
				cases.Await{For: 2 * time.Minute, Until: endless},
			}),
			Want: accepted,
		},
		{
			ID: "L.2.6", Title: "messages of 64 KiB, 64 MiB more than TCP may hold, while we do not read the echoes", Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Needs:        []cases.Need{cases.NeedEcho}, // else nothing is sent that we do not read
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns: conns([]cases.Step{
				cases.StopReading{},
				cases.Flood{Frame: cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(64 << 10)}, Beyond: 64 * mebi},
				cases.AwaitTaken{For: stall},
				cases.Reset{},
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.HeldBack{}}}},
		},
		{
			ID: "L.2.7", Title: "20,000 empty messages, text and binary in turn", Load: cases.Heavy,
			Requirements: []string{"RFC6455-6.2-next-message", "RFC6455-5.4-receive-both"},
			Conns: []cases.Conn{{Steps: append(slices.Repeat([]cases.Step{
				cases.Flood{Frame: cases.Text(""), Times: 50}, cases.Flood{Frame: cases.Binary(""), Times: 50},
			}, 200), cases.Ping("last"), cases.Await{For: 2 * time.Minute, Until: []transcript.EventKind{transcript.GotPong, transcript.GotClose}})}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Tally{Messages: 20_000}, check.Lawful{}, check.Clean{}}}},
		},
		{
			ID: "L.2.8", Title: "5,000 connections that are reset once they are open", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-4.2.2-steps", "RFC6455-10.4-protect-limits"},
			Conns: append(slices.Repeat([]cases.Conn{{
				Steps: []cases.Step{cases.Reset{}}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Open{}}}},
			}}, 5000), survived),
			Want: accepted,
		},
		{
			ID: "L.2.9", Title: "250 connections at once", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone, Slow: true,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns:        append(beside(250, cases.Conn{Steps: append([]cases.Step{cases.Await{For: 2 * time.Second}}, probed...)}), survived),
			Want: also(accepted, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
				check.Status{From: 503, To: 503}, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
			}}}),
		},
		{
			ID: "L.2.13", Title: "60,000 pongs, and a message", Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-5.5.3-pong-unsolicited", "RFC6455-10.4-protect-limits"},
			Conns: conns([]cases.Step{
				cases.Flood{Frame: cases.Pong("still here"), Times: 60_000}, cases.Text(probe), cases.Await{For: longWhile, Until: endless},
			}),
			Want: accepted,
		},
		{
			ID: "L.2.14", Title: "110 connections that are reset once they are open", Roles: onlyServers, Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-4.2.2-steps", "RFC6455-10.4-protect-limits"},
			Conns: append(slices.Repeat([]cases.Conn{{
				Steps: []cases.Step{cases.Reset{}}, Want: left,
			}}, 110), survived),
			Want: accepted,
		},
		{
			// A peer that has to see all of a message before it refuses it has to keep it.
			ID: "L.2.12", Title: "2 MiB of a frame of 16 MiB, and a sum of lengths beyond 2^63, where 1 MiB is the limit", Load: cases.Heavy,
			Needs:        []cases.Need{cases.NeedLimit},
			Requirements: []string{"RFC6455-10.4-impose-limit", "RFC6455-10.4-protect-limits", "RFC6455-5.2-len64-msb"},
			Conns: conns(
				append(append(
					[]cases.Step{cases.FrameHeader{Opcode: wsproto.OpBinary, Length: 16 * mebi}},
					slices.Repeat([]cases.Step{cases.Octets{Payload: ofSize(64 << 10)}}, 32)...,
				), cases.Await{For: failure, Until: endless}, cases.HalfClose{}),
				[]cases.Step{
					cases.Frame{Opcode: wsproto.OpBinary, Payload: ofSize(65536), NotFin: true},
					cases.FrameHeader{Opcode: wsproto.OpContinuation, Length: 1<<63 - 50},
					cases.Octets{Payload: ofSize(64)},
					cases.Await{For: failure, Until: endless},
					cases.HalfClose{},
				},
			),
			Want: overLimit,
		},
		{
			// A peer that answers only behind a large message looks dead to the other side.
			ID: "L.2.10", Title: "pings inside a message of 8 MiB, each before more of it comes", Load: cases.Heavy,
			Requirements: []string{"RFC6455-5.5.2-pong-reply", "RFC6455-5.5.2-pong-soon"},
			Conns: conns(slices.Concat(
				[]cases.Step{cases.Binary("").More()},
				slices.Repeat([]cases.Step{
					cases.Frame{Opcode: wsproto.OpContinuation, Payload: ofSize(2 * mebi), NotFin: true},
					cases.Ping("inside"),
					cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotPong, transcript.GotClose}},
				}, 4),
				[]cases.Step{cases.Cont(""), answered},
			)),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Tally{Messages: 1}, check.PongFirst{}, check.Lawful{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					cases.Every{check.Tally{Messages: 1}, cases.Answered{Payload: "inside"}}, check.Code{wsproto.StatusMessageTooBig},
				}}},
			},
		},
		{
			ID: "L.2.11", Title: "a message of 1 MiB, which is the limit, with control frames before its last byte", Load: cases.Heavy,
			Needs:        []cases.Need{cases.NeedLimit},
			Requirements: []string{"RFC6455-10.4-impose-limit", "RFC6455-5.4-handle-control-mid", "RFC6455-6.2-control-handled"},
			Conns: conns([]cases.Step{
				cases.Frame{Opcode: wsproto.OpBinary, Payload: cases.Repeat("m", mebi-1), NotFin: true},
				cases.Frame{Opcode: wsproto.OpPong, Payload: ofSize(125)},
				cases.Frame{Opcode: wsproto.OpPing, Payload: ofSize(125)},
				cases.Frame{Opcode: wsproto.OpContinuation, Payload: cases.Repeat("m", 1)},
				answered,
			}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Messages{cases.GotBinary(cases.Repeat("m", mebi))}, check.PongFirst{}, check.Lawful{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Code{wsproto.StatusMessageTooBig}}},
			},
		},
	}
}
