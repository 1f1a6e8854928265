package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// fragmentation is section 5: messages in several frames, control frames
// between them, and continuations that continue nothing (RFC 6455 §5.4). Many
// stories are told three times: in one write, a write per frame and a write per
// byte.
func fragmentation() []entry {
	const (
		stray  = "non-continuation payload"
		ping   = "ping payload"
		both   = "the message comes back whole, and our close is answered"
		amid   = "the pong comes first, then the whole message, and our close is answered"
		joined = "fragment1fragment2"
	)
	var (
		whole     = Echoes(cases.GotText(cases.Data([]byte(joined))))
		pongFirst = Echoes(cases.Ponged(cases.Data([]byte(ping))), cases.GotText(cases.Data([]byte(joined))))
		fails     = failing(wsproto.StatusProtocolError)

		rfcOK    = rfc6455("5.4")
		rfcFail  = rfc6455("5.4", "7.1.7")
		rfcPing  = rfc6455("5.4", "5.5.2", "5.5.3")
		rfcSplit = rfc6455("5.4", "5.5", "7.1.7")
	)
	return []entry{
		{
			ID: "5.1", Title: "a ping in two fragments", Expect: expectFail, RFC: rfcSplit,
			Steps: []cases.Step{cases.Ping("fragment1").More(), cases.Cont("fragment2"), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},
		{
			ID: "5.2", Title: "a pong in two fragments", Expect: expectFail, RFC: rfcSplit,
			Steps: []cases.Step{cases.Pong("fragment1").More(), cases.Cont("fragment2"), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},

		{
			ID: "5.3", Title: "a text message in two fragments", Expect: both, RFC: rfcOK,
			Steps: []cases.Step{cases.Text("fragment1").More(), cases.Cont("fragment2"), cases.CloseAfter{After: time.Second}},
			Want:  whole,
		},
		{
			ID: "5.4", Title: "a text message in two fragments, a write each", Expect: both, RFC: rfcOK,
			Steps: []cases.Step{cases.Text("fragment1").More().Apart(), cases.Cont("fragment2").Apart(), cases.CloseAfter{After: time.Second}},
			Want:  whole,
		},
		{
			ID: "5.5", Title: "a text message in two fragments, one byte per write", Expect: both, RFC: rfcOK,
			Steps: []cases.Step{cases.Text("fragment1").More().Chopped(1), cases.Cont("fragment2").Chopped(1), cases.CloseAfter{After: time.Second}},
			Want:  whole,
		},

		{
			ID: "5.6", Title: "a ping between the two fragments of a message", Expect: amid, RFC: rfcPing,
			Steps: []cases.Step{cases.Text("fragment1").More(), cases.Ping(ping), cases.Cont("fragment2"), cases.CloseAfter{After: time.Second}},
			Want:  pongFirst,
		},
		{
			ID: "5.7", Title: "a ping between the two fragments of a message, a write each", Expect: amid, RFC: rfcPing,
			Steps: []cases.Step{
				cases.Text("fragment1").More().Apart(),
				cases.Ping(ping).Apart(),
				cases.Cont("fragment2").Apart(),
				cases.CloseAfter{After: time.Second},
			},
			Want: pongFirst,
		},
		{
			ID: "5.8", Title: "a ping between the two fragments of a message, one byte per write",
			Expect: amid, RFC: rfcPing,
			Steps: []cases.Step{
				cases.Text("fragment1").More().Chopped(1),
				cases.Ping(ping).Chopped(1),
				cases.Cont("fragment2").Chopped(1),
				cases.CloseAfter{After: time.Second},
			},
			Want: pongFirst,
		},

		{
			ID: "5.9", Title: "a last continuation of nothing, then a message", Expect: expectFail, RFC: rfcFail,
			Bugs: []cases.Bug{{
				Library: "undici", Buggy: "6.16.0", Fixed: "6.17.0", Role: cases.Client, Source: "nodejs/undici#3247",
				What: "An empty fragment ended a message early, and a continuation of nothing was delivered.",
			}},
			Steps: []cases.Step{cases.Cont(stray), cases.Text(greeting), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},
		{
			ID: "5.10", Title: "a last continuation of nothing, then a message, a write each",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{cases.Cont(stray).Apart(), cases.Text(greeting).Apart(), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},
		{
			ID: "5.11", Title: "a last continuation of nothing, then a message, one byte per write",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{cases.Cont(stray).Chopped(1), cases.Text(greeting).Chopped(1), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},

		{
			ID: "5.12", Title: "a first continuation of nothing, then a message", Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{cases.Cont(stray).More(), cases.Text(greeting), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},
		{
			ID: "5.13", Title: "a first continuation of nothing, then a message, a write each",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{cases.Cont(stray).More().Apart(), cases.Text(greeting).Apart(), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},
		{
			ID: "5.14", Title: "a first continuation of nothing, then a message, one byte per write",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{cases.Cont(stray).More().Chopped(1), cases.Text(greeting).Chopped(1), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},

		{
			ID: "5.15", Title: "a message in two fragments, a continuation of nothing, a message",
			Expect: expectEchoThenFail, RFC: rfcFail,
			Steps: []cases.Step{
				cases.Text("fragment1").More(),
				cases.Cont("fragment2"),
				cases.Cont("fragment3").More(), // nothing is open any more
				cases.Text("fragment4"),
				cases.KillAfter{After: time.Second},
			},
			Want: failing(wsproto.StatusProtocolError, cases.GotText(cases.Data([]byte(joined)))).tolerate(),
		},
		{
			ID: "5.16", Title: "a first continuation of nothing before a message in two fragments, twice",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{
				cases.Cont("fragment1").More(), cases.Text("fragment2").More(), cases.Cont("fragment3"),
				cases.Cont("fragment1").More(), cases.Text("fragment2").More(), cases.Cont("fragment3"),
				cases.KillAfter{After: time.Second},
			},
			Want: fails,
		},
		{
			ID: "5.17", Title: "a last continuation of nothing before a message in two fragments, twice",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{
				cases.Cont("fragment1"), cases.Text("fragment2").More(), cases.Cont("fragment3"),
				cases.Cont("fragment1"), cases.Text("fragment2").More(), cases.Cont("fragment3"),
				cases.KillAfter{After: time.Second},
			},
			Want: fails,
		},
		{
			ID: "5.18", Title: "a new text frame where the message before it is not finished",
			Expect: expectFail, RFC: rfcFail,
			Steps: []cases.Step{cases.Text("fragment1").More(), cases.Text("fragment2"), cases.KillAfter{After: time.Second}},
			Want:  fails,
		},

		fiveFragments("5.19", "five fragments with two pings among them and a pause after the first ping", false),
		fiveFragments("5.20", "five fragments with two pings among them and a pause after the first ping, a write each", true),
	}
}

// fiveFragments pauses in the middle of a message. Only the order of the
// events counts, so the pause may end when the first pong is in.
func fiveFragments(id cases.ID, title string, alone bool) entry {
	write := func(f cases.Frame) cases.Frame { f.Alone = alone; return f }
	return entry{
		ID: id, Title: title, RFC: rfc6455("5.4", "5.5.2", "5.5.3"),
		Expect: "two pongs in the order of the pings, then the message in one piece, and our close is answered",
		Steps: []cases.Step{
			write(cases.Text("fragment1").More()),
			write(cases.Cont("fragment2").More()),
			write(cases.Ping("pongme 1!")),
			cases.Pause{For: time.Second, Until: 1},
			write(cases.Cont("fragment3").More()),
			write(cases.Cont("fragment4").More()),
			write(cases.Ping("pongme 2!")),
			write(cases.Cont("fragment5")),
			cases.CloseAfter{After: time.Second},
		},
		Want: Echoes(
			cases.Ponged(cases.Data([]byte("pongme 1!"))),
			cases.Ponged(cases.Data([]byte("pongme 2!"))),
			cases.GotText(cases.Data([]byte("fragment1fragment2fragment3fragment4fragment5"))),
		),
	}
}
