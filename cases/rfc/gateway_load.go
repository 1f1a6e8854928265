package rfc

import (
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	// unread is how long an end does not read, and held the time in which the sender is
	// not to get rid of all.
	unread, held = 2 * time.Second, 1500 * time.Millisecond
	// huge is the payload of a frame that a gateway has no reason to hold as a whole.
	huge = 16 * mebi
	// gatewaySilence is more than the minute after which many gateways end a connection.
	gatewaySilence = 70 * time.Second
	// gatewayMemory is what a connection that nobody reads at first may cost a gateway, of the
	// 100 MiB that come. Node's collector lets a sound one have 34 MiB of what it has forwarded.
	gatewayMemory = 48 * mebi
)

// flooding sends more than TCP may hold on both sides of a gateway to an end that does not
// read, and then all of it.
var flooding = []cases.Step{
	cases.Flood{Frame: whole(wsproto.OpBinary, cases.Repeat("wsconform-flood-", 64<<10)), Beyond: 32 * mebi},
	cases.WatchTaken{For: held},
	cases.AwaitTaken{For: longWhile},
}

// late reads nothing for a while, and then all that there is.
var late = []cases.Step{
	cases.StopReading{}, cases.Pause{For: unread}, cases.ReadOn{}, cases.Await{For: longWhile, Until: []transcript.EventKind{transcript.GotClose}},
}

// What grades them. A gateway may also end a connection that nobody reads, if both ends get
// to know.
var (
	gone   = cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.OfItself{}, check.Not{Check: check.Clean{}}}}
	floods = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Waits{For: held}, check.Clean{}, check.Lawful{}}}, gone}
	reads  = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.AllCame{}, check.Clean{}, check.Lawful{}}}, gone}
)

// weighed adds a bound of memory to what is wanted at the client.
func weighed(list cases.Clauses) cases.Clauses {
	var out cases.Clauses
	for _, c := range list {
		c.Checks = append(cases.Every{check.Grows{Most: gatewayMemory}}, c.Checks...)
		out = append(out, c)
	}
	return out
}

// halves is a frame that is sent in two parts: the second behind a message of the other end.
func halves() []cases.Step {
	half := cases.Octets{Payload: cases.Repeat("wsconform-bytes-", huge/2)}
	return []cases.Step{
		cases.FrameHeader{Opcode: wsproto.OpBinary, Length: huge}, half, heardSoon, half, rest,
	}
}

var (
	heardSoon = cases.Await{For: 2 * failure, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}
	// begins answers the first bytes of a frame with a message.
	begins = []cases.Step{
		cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotBegin, transcript.GotClose}},
		cases.Text(probe),
		cases.Await{For: 2 * failure, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}},
	}
	gotHuge = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
		check.BeginsEarly{}, check.Sized{Bytes: huge}, check.Lawful{},
	}}}
	// ended grades an end of a connection that is idle. A gateway may end it, if it says so.
	ended = cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.OfItself{}, check.Quiet{}}}
)

// pinging is a ping every so often, for long.
func pinging() []cases.Step {
	var list []cases.Step
	for range 7 {
		list = append(list, cases.Pause{For: gatewaySilence / 7}, cases.Probe{Text: "still there", Ping: true})
	}
	return append(list, cases.Text(probe), heard)
}

// gatewayLoad is much at once, and nothing for long.
func gatewayLoad() []cases.Case {
	return []cases.Case{
		{
			// A gateway may refuse what is too much for it. What it lets in has to work.
			ID: "G.7.1", Title: "1,000 connections at once, each with messages both ways", Roles: onlyGateways, Load: cases.Alone,
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-5.1-data-any-time"},
			Conns: through(
				cases.Conn{Crowd: 1000, Steps: probed, Want: cases.Clauses{
					{Grade: cases.OK, Checks: cases.Every{check.CrowdOpens{}, check.CrowdSound{}, probeEchoed}},
					{Grade: cases.Informational, Checks: cases.Every{check.CrowdSound{}, check.Either{probeEchoed, check.Not{Check: check.Open{}}}}},
				}},
				cases.Conn{Steps: replies, Want: also(untouched, cases.Clause{Grade: cases.Informational, Checks: cases.Every{unasked{}}})},
			),
		},
		{
			ID: "G.7.2", Title: "32 MiB of the client, more than TCP may hold, while the origin does not read", Roles: onlyGateways,
			Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-6.2-parse-frames"},
			Conns:        through(cases.Conn{Steps: flooding, Want: weighed(floods)}, cases.Conn{Steps: late, Want: reads}),
		},
		{
			ID: "G.7.3", Title: "32 MiB of the origin, more than TCP may hold, while the client does not read", Roles: onlyGateways,
			Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-6.2-parse-frames"},
			Conns:        through(cases.Conn{Steps: late, Want: weighed(reads)}, cases.Conn{Steps: flooding, Want: floods}),
		},
		{
			ID: "G.7.4", Title: "half a frame of 16 MiB of the client, and the rest when the origin has seen its beginning", Roles: onlyGateways,
			Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-6.2-parse-frames"},
			Conns:        through(cases.Conn{Steps: halves(), Want: comes()}, cases.Conn{Steps: begins, Want: gotHuge}),
		},
		{
			ID: "G.7.5", Title: "half a frame of 16 MiB of the origin, and the rest when the client has seen its beginning", Roles: onlyGateways,
			Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-6.2-parse-frames"},
			Conns:        through(cases.Conn{Steps: begins, Want: gotHuge}, cases.Conn{Steps: halves(), Want: untouched}),
		},
		{
			// A gateway may end what is idle, but not forget it.
			ID: "G.7.6", Title: "seventy seconds of silence, then a message", Roles: onlyGateways, Load: cases.Idle, Slow: true,
			Requirements: []string{"RFC6455-5.1-data-any-time", "RFC6455-7.1.5-code-1006"},
			Conns: through(
				cases.Conn{Steps: []cases.Step{cases.Pause{For: gatewaySilence}, cases.Text(probe), heard}, Want: also(accepted, ended)},
				cases.Conn{Steps: []cases.Step{
					cases.Await{For: 2 * gatewaySilence, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}, cases.Text(probe), rest,
				}, Want: also(untouched, ended)},
			),
		},
		{
			ID: "G.7.7", Title: "a ping every ten seconds, for seventy seconds, then a message", Roles: onlyGateways, Load: cases.Idle, Slow: true,
			Requirements: []string{"RFC6455-5.4-proxy-control", "RFC6455-5.1-data-any-time"},
			Conns: through(
				cases.Conn{Steps: pinging()},
				cases.Conn{Steps: []cases.Step{
					cases.Await{For: 2 * gatewaySilence, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}, cases.Text(probe), rest,
				}},
			),
		},
		{
			ID: "G.7.8", Title: "a request for a page beside 20 open connections", Roles: onlyGateways, Load: cases.Alone,
			Requirements: []string{"RFC9110-15.2.2-switch", "RFC6455-5.1-data-any-time"},
			Conns: through(
				cases.Conn{
					Crowd: 20, Head: cases.Head{cases.Without("Upgrade"), cases.Set("Connection", "close")}, Steps: probed,
					Want: asSent(check.Status{From: 200, To: 200}, check.BodyHas{Text: "a page"}, check.CrowdOpens{}, check.CrowdSound{}),
				},
				cases.Conn{
					Head: cases.Head{
						cases.Start("HTTP/1.1 200 OK"), cases.Without("Upgrade"), cases.Without("Sec-WebSocket-Accept"),
						cases.Set("Connection", "close"), cases.Add("Content-Length", "6"), cases.Replace("\r\n\r\n", "\r\n\r\na page"),
					},
					Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Reached{}}}},
				},
			),
		},
	}
}
