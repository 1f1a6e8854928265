package rfc

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// large is a message of 1 MiB.
var large = cases.Repeat("wsconform-gateway-", 1<<20)

// whole is the frame of a message.
func whole(op wsproto.Opcode, p cases.Payload) cases.Frame {
	return cases.Frame{Opcode: op, Payload: p}
}

// got grades an end that these messages came to.
func got(messages ...transcript.Event) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Messages(messages), check.Lawful{}}}}
}

func texts(words ...string) []transcript.Event {
	var list []transcript.Event
	for _, w := range words {
		list = append(list, cases.GotText(cases.Data([]byte(w))))
	}
	return list
}

// gatewayFrames are frames through an open connection.
func gatewayFrames() []cases.Case {
	return []cases.Case{
		{
			// The client breaks a rule itself (RFC 6455 §4.1: it waits for the response), so a
			// gateway may refuse the request, but not answer 101 and lose the frame.
			ID: "G.4.1", Title: "the client's first frame in the segment of its request", Roles: onlyGateways, Level: cases.Robustness,
			Requirements: []string{"RFC9110-15.2.2-switch", "RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{
					Head: cases.Head{cases.Together()}, Steps: []cases.Step{cases.Text(probe), heard},
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: cases.Every{probeEchoed}},
						{Grade: cases.Informational, Checks: cases.Every{check.Either{status4xx, dropped}}},
					},
				},
				cases.Conn{Steps: replies, Want: also(untouched, cases.Clause{Grade: cases.Informational, Checks: cases.Every{unasked{}}})},
			),
		},
		{
			ID: "G.4.2", Title: "the origin's first frames in the segment of its 101", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.1-data-any-time", "RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Pause{For: failure, Until: 3}}, Want: got(texts("one", "two", "three")...)},
				cases.Conn{
					Head:  cases.Head{cases.Together()},
					Steps: []cases.Step{cases.Text("one"), cases.Text("two"), cases.Pause{For: 200 * time.Millisecond}, cases.Text("three"), rest},
					Want:  got(),
				},
			),
		},
		{
			ID: "G.4.3", Title: "a binary message of 1 MiB each way", Roles: onlyGateways,
			Requirements: []string{"RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{whole(wsproto.OpBinary, large), heard}, Want: got(cases.GotBinary(large))},
				cases.Conn{Steps: []cases.Step{heard, whole(wsproto.OpBinary, large), rest}, Want: got(cases.GotBinary(large))},
			),
		},
		{
			ID: "G.4.4", Title: "a message in fragments with a ping between, in writes of one byte", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control", "RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{
					Steps: []cases.Step{cases.Text("frag").More().Chopped(1), cases.Ping("between"), cases.Cont("ments").Chopped(1), heard},
					Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{probeEchoed, check.PongWith{Text: "between"}, check.Unanswered{}}}},
				},
				cases.Conn{Steps: replies, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
					check.Messages(texts("fragments")), check.Pinged{"between"}, check.Lawful{},
				}}}},
			),
		},
		{
			ID: "G.4.5", Title: "a ping of the client", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Probe{Text: "who answers", Ping: true}}, Want: cases.Clauses{
					{Grade: cases.OK, Checks: cases.Every{check.PongWith{Text: "who answers"}, check.Unanswered{}}},
				}},
				cases.Conn{Steps: []cases.Step{rest}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Pinged{"who answers"}, check.Lawful{}}}}},
			),
		},
		{
			ID: "G.4.6", Title: "a ping of the origin", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{heard}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Pinged{"are you there"}, check.Lawful{}}}}},
				cases.Conn{
					Steps: []cases.Step{cases.Probe{Text: "are you there", Ping: true}, cases.Text(probe), rest},
					Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.PongWith{Text: "are you there"}, check.Unanswered{}}}},
				},
			),
		},
		{
			ID: "G.4.7", Title: "an unsolicited pong each way", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Pong("from the client"), cases.Text(probe), heard}, Want: comes(check.PongWith{Text: "from the origin"})},
				cases.Conn{
					Steps: []cases.Step{heard, cases.Pong("from the origin"), cases.Text(probe), rest},
					Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{probeHeard, check.PongWith{Text: "from the client"}}}},
				},
			),
		},
		{
			ID: "G.4.8", Title: "a second and a half of silence, then a message", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.4-proxy-control", "RFC6455-5.1-data-any-time"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Pause{For: gatewayIdle}, cases.Text(probe), heard}, Want: cases.Clauses{
					{Grade: cases.OK, Checks: cases.Every{probeEchoed, check.Pinged{}}},
					{Grade: cases.Informational, Checks: cases.Every{probeEchoed}},
				}},
				cases.Conn{Steps: replies, Want: also(untouched, cases.Clause{Grade: cases.Informational, Checks: cases.Every{probeHeard}})},
			),
		},
		{
			ID: "G.4.9", Title: "empty messages, text and binary, each way", Roles: onlyGateways,
			Requirements: []string{"RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{
					Steps: []cases.Step{cases.Text(""), cases.Binary(""), cases.Pause{For: failure, Until: 2}},
					Want:  got(cases.GotBinary(cases.Data(nil)), cases.GotText(cases.Data(nil))),
				},
				cases.Conn{
					Steps: []cases.Step{cases.Pause{For: failure, Until: 2}, cases.Binary(""), cases.Text(""), rest},
					Want:  got(cases.GotText(cases.Data(nil)), cases.GotBinary(cases.Data(nil))),
				},
			),
		},
		{
			ID: "G.4.10", Title: "50 messages of the client in a row, then one of the origin", Roles: onlyGateways,
			Requirements: []string{"RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Repeated{Frame: cases.Text("x"), Times: 50}, heard}},
				cases.Conn{
					Steps: []cases.Step{cases.Pause{For: failure, Until: 50}, cases.Text(probe), rest},
					Want:  got(repeatEvent(cases.GotText(cases.Data([]byte("x"))), 50)...),
				},
			),
		},
		{
			ID: "G.4.11", Title: "messages of both ends at once, of 126 and 65,536 bytes", Roles: onlyGateways,
			Requirements: []string{"RFC6455-5.1-data-any-time", "RFC6455-6.2-parse-frames"},
			Conns: through(
				cases.Conn{
					Steps: []cases.Step{whole(wsproto.OpText, cases.Repeat("c", 126)), whole(wsproto.OpText, cases.Repeat("C", 65536)), cases.Pause{For: failure, Until: 2}},
					Want:  got(cases.GotText(cases.Repeat("s", 126)), cases.GotText(cases.Repeat("S", 65536))),
				},
				cases.Conn{
					Steps: []cases.Step{whole(wsproto.OpText, cases.Repeat("s", 126)), whole(wsproto.OpText, cases.Repeat("S", 65536)), rest},
					Want:  got(cases.GotText(cases.Repeat("c", 126)), cases.GotText(cases.Repeat("C", 65536))),
				},
			),
		},
	}
}

func repeatEvent(e transcript.Event, n int) []transcript.Event {
	list := make([]transcript.Event, n)
	for i := range list {
		list[i] = e
	}
	return list
}
