package rfc

import (
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// controlled is A: what a library does that its program tells to do something. The program
// obeys control messages.
func controlled() []cases.Case {
	closes, last := []cases.Need{cases.NeedControlClose}, []cases.Need{cases.NeedControlLast}
	return []cases.Case{
		{
			ID: "A.1.1", Title: "told to close with codes that are never sent, and with a reason of 124 bytes",
			Requirements: []string{
				"RFC6455-7.4.1-1004", "RFC6455-7.4.1-1005", "RFC6455-7.4.1-1006", "RFC6455-7.4.1-1015", "RFC6455-7.4.2-0-999",
				"RFC6455-7.4.2-1000-2999", "IANA-CLOSE-5000-up", "RFC6455-5.5-control-125", "WHATWG-WS-close-code-range", "WHATWG-WS-close-reason-123",
			},
			Needs: closes,
			Conns: conns(
				told("close 999"), told("close 1004"), told("close 1005"), told("close 1006"), told("close 1015"), told("close 2999"),
				told("close 5000"), told("close 1000 "+strings.Repeat("r", 124)),
			),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Lawful{}, check.SoundCloses{}}}},
		},
		{
			// The code that stands for none is for the program alone.
			ID: "A.1.2", Title: "told to close without a code",
			Requirements: []string{"WHATWG-WS-close-no-body", "RFC6455-7.4.1-1005", "RFC6455-7.1.2-start-close"},
			Needs:        closes,
			Conns:        conns(told("close")),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Code{0, wsproto.StatusNormalClosure}, check.SoundCloses{}, check.OfItself{}, check.Clean{},
			}}},
		},
		{
			ID: "A.1.3", Title: "told to close, and a message at once behind that",
			Requirements: []string{"RFC6455-6.1-open-state", "RFC6455-5.5.1-no-data-after-close", "WHATWG-WS-buffered-after-close"},
			Needs:        closes,
			Conns:        conns([]cases.Step{cases.Tell("close 1000"), cases.Text(probe), cases.Await{For: failure, Until: closeFrames}}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Code{wsproto.StatusNormalClosure}, check.SilentAfterClose{}, check.Lawful{},
			}}},
		},
		{
			// What a program passes on must not become a field of its own.
			ID: "A.1.4", Title: "told to offer subprotocols twice, without a name, and that are no tokens", Roles: onlyClients,
			Requirements: []string{"WHATWG-WS-protocols-invalid", "RFC6455-4.1-protocol-unique", "RFC6455-4.1-protocol-token"},
			Needs:        []cases.Need{cases.NeedControlOffer},
			Conns: []cases.Conn{
				{Steps: told("offer chat, chat"), Want: usual},
				{},
				{Steps: told("offer ,"), Want: usual},
				{},
				{Steps: told("offer ch@t"), Want: usual},
				{},
				{Steps: told("offer chat\r\nX-Injected: 1"), Want: usual},
				{},
			},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Sound{}, check.AsksNot{Name: "X-Injected"}}}},
		},
		{
			// What a library reports of an end without a close frame must not be sent as one.
			ID: "A.1.5", Title: "told to end TCP, and a bad frame while it waits for a pong",
			Requirements: []string{"RFC6455-7.4.1-1004", "RFC6455-7.4.1-1005", "RFC6455-7.4.1-1006", "RFC6455-7.4.1-1015", "RFC6455-7.4-may-indicate"},
			Needs:        []cases.Need{cases.NeedControlDrop, cases.NeedControlPing},
			Conns: conns(
				[]cases.Step{cases.Tell("drop"), cases.Await{For: failure, Until: closeFrames}},
				append([]cases.Step{cases.Tell("ping waiting")}, barred(cases.Text(probe).WithRSV(wsproto.RSV2))...),
			),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Lawful{}, check.SoundCloses{}, check.OfItself{}}}},
		},
		{
			// A browser tells a page no more than 1006, so that it cannot scan a network.
			ID: "A.1.6", Title: "what a client tells of a 403 with a body", Roles: onlyClients, Level: cases.Informing,
			Requirements: []string{"WHATWG-WS-no-failure-detail", "RFC6455-7.1.7-client-report"},
			Needs:        last,
			Conns: []cases.Conn{
				misled(cases.Start("HTTP/1.1 403 Forbidden"), cases.Set("Connection", "close"), cases.Add("Content-Length", "6"), cases.Replace("\r\n\r\n", "\r\n\r\nsecret")),
				{Steps: told("last"), Want: append(tells("1006"), cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Tally{Messages: 1}}})},
			},
			Want: notOpened,
		},
		{
			ID: "C.1.6", Title: "a reset of TCP, and what is told of it", Load: cases.Alone, // the connection before is ours
			Requirements: []string{"RFC6455-7.1.4-clean", "RFC6455-7.1.5-code-1006", "RFC6455-7.2.1-transport-lost"},
			Needs:        last,
			Conns: []cases.Conn{
				{Steps: []cases.Step{cases.Probe{Text: probe}, cases.Reset{}}, Want: accepted},
				{Steps: told("last"), After: time.Second}, // it has noticed the reset
			},
			Want: tells("1006"),
		},
		{
			// An exception that strands the peer costs it the time until it notices.
			ID: "C.1.20", Title: "told to fail, as a program does that throws an exception", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-7.4.1-1011", "RFC6455-7.4.1-1010-client-only", "RFC6455-7.1.2-start-close"},
			Needs:        []cases.Need{"control:fail"},
			Conns:        conns([]cases.Step{cases.Tell("fail"), cases.Await{For: failure, Until: closeFrames}}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Code{wsproto.StatusInternalError}, check.SoundCloses{}, check.OfItself{}, check.Ends{Within: failure}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.Ends{Within: failure}, check.Either{
					check.Dropped{Within: failure},
					cases.Every{check.SoundCloses{}, check.Lawful{}, check.Not{Check: check.Code{wsproto.StatusMandatoryExt}}},
				}}},
			},
		},
		{
			// A server that never ends TCP must not cost the client a socket for ever.
			ID: "C.1.4", Title: "told to close, and TCP left open behind our answer", Roles: onlyClients, Level: cases.Should, Load: cases.Idle, Slow: true,
			Requirements: []string{
				"RFC6455-5.5.1-client-waits", "RFC6455-7.1.1-client-should-wait", "RFC6455-7.1.1-client-abnormal", "RFC6455-5.5.1-client-may-close",
			},
			Needs: closes,
			Conns: []cases.Conn{{
				Steps: []cases.Step{
					cases.Tell("close 1000"),
					cases.Await{For: failure, Until: closeFrames},
					cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(normal.Body())},
					cases.Await{For: time.Minute},
				},
				Unanswered: true, // but by that frame
			}, survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Closed{}, check.EndsTCP{Within: time.Minute}, check.Not{Check: check.EndsTCP{Within: clientPatience}}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Closed{}, check.EndsTCP{Within: clientPatience}}},
			},
		},
		{
			ID: "C.1.29", Title: "a close frame without a code, two close frames in a row, and what is told of that", Load: cases.Alone, // the connection before is ours
			Requirements: []string{"RFC6455-7.1.5-code-1005", "RFC6455-7.1.5-first-close-wins"},
			Needs:        last,
			Conns: []cases.Conn{
				{Steps: []cases.Step{cases.Close{}}, Want: usual},
				{Steps: told("last"), Want: tells("1005"), After: clientPatience},
				{
					Steps: []cases.Step{
						cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(cases.Close{Code: 3000, Reason: []byte("one")}.Body())},
						cases.Close{Code: 3001, Reason: []byte("two")},
					},
					Want: left,
				},
				{Steps: told("last"), Want: also(tells("3000 one"), tells("3000")...), After: clientPatience}, // not every library tells the reason
			},
			Want: usual,
		},
		{
			ID: "C.2.3", Title: "told to send fragments and pings",
			Requirements: []string{
				"RFC6455-5.4-fragment-type", "RFC6455-5.2-rsv-zero", "RFC6455-5.4-control-not-fragmented", "RFC6455-5.5-control-125", "RFC6455-5.5.2-ping-data",
			},
			Needs: []cases.Need{cases.NeedControlFragment, cases.NeedControlPing},
			Conns: []cases.Conn{
				{
					Steps: []cases.Step{cases.Tell("fragment 3 " + probe), answered},
					Want:  echoed(cases.GotText(cases.Data([]byte(probe)))),
				},
				{
					Steps: []cases.Step{cases.Tell("ping p"), cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotPing, transcript.GotClose}}},
					Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Lawful{}, check.PingWith{Text: "p"}, check.Clean{}}}},
				},
				{Steps: told("ping " + strings.Repeat("p", 126)), Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Lawful{}}}}},
				survived,
			},
			Want: accepted,
		},
		{
			ID: "S.2.6", Title: "the end of TCP without that of TLS in the middle of a message, and what a client tells of it", Roles: onlyClients,
			Requirements: []string{"RFC6455-7.1.5-code-1006", "RFC6455-7.2.1-transport-lost"},
			Needs:        append([]cases.Need{cases.NeedTLS}, last...),
			Conns: []cases.Conn{
				{
					Steps: []cases.Step{cases.Text(probe).More(), cases.Truncate{}, cases.Await{For: failure}},
					Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Ends{Within: failure}}}},
				},
				{Steps: told("last")},
			},
			Want: tells("1006"),
		},
		{
			ID: "T.1.14", Title: "a pong with another payload than the ping it should answer", Level: cases.May,
			Requirements: []string{"RFC6455-5.5.3-pong-unsolicited"},
			Needs:        []cases.Need{cases.NeedControlPing},
			Conns: conns([]cases.Step{
				cases.Tell("ping one"), cases.Pong("another"), cases.Text(probe), answered,
			}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{probeEchoed, check.Clean{}}}},
		},
	}
}

var (
	closeFrames = []transcript.EventKind{transcript.GotClose}

	// clientPatience is how long a client should leave the end of TCP to the server, and how
	// long a program gets to notice the end of a connection.
	clientPatience = 500 * time.Millisecond

	// usual grades a connection on which the program is told what to do later.
	usual = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Lawful{}, check.Clean{}}}}
)

// told tells the program, and waits for what it does.
func told(command string) []cases.Step {
	return []cases.Step{cases.Tell(command), cases.Await{For: patience, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}}
}

// tells wants this of the connection before.
func tells(end string) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{returned("wsconform:last " + end), check.Clean{}}}}
}
