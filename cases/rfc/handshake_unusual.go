package rfc

import (
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// unusual is H.4: handshakes that are right, in forms that libraries have refused.
func unusual() []cases.Case {
	return []cases.Case{
		{
			ID: "H.4.1", Title: "blanks and tabs around the values of a request, and no blank behind its colons", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-upgrade", "RFC6455-4.2.1-connection", "RFC6455-4.2.1-version"},
			Conns: []cases.Conn{
				asked(
					cases.Set("Upgrade", " \twebsocket \t"), cases.Set("Connection", "\tUpgrade\t "), cases.Set("Sec-WebSocket-Version", " \t13 \t"),
				),
				asked(cases.Replace(": ", ":")),
			},
			Want: accepted,
		},
		{
			ID: "H.4.2", Title: "two Upgrade fields, websocket in the second", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-upgrade"},
			Conns:        []cases.Conn{asked(cases.Set("Upgrade", "x-other"), cases.Add("Upgrade", "websocket"))},
			Want:         also(accepted, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Status{From: 200, To: 499}}}), // no server has to upgrade
		},
		{
			ID: "H.4.3", Title: "Content-Length: 0 in a request", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-unknown-headers", "RFC9112-6.3-cl-invalid"},
			Conns:        []cases.Conn{asked(cases.Add("Content-Length", "0"))},
			Want:         accepted,
		},
		{
			ID: "H.4.4", Title: "a request as browsers send it, with 3 KiB of cookies", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-4.2.1-unknown-headers", "RFC9112-5-large-fields"},
			Conns: []cases.Conn{asked(
				cases.Add("Accept-Encoding", "gzip, deflate, br, zstd"), cases.Add("Accept-Language", "de,en-US;q=0.7,en;q=0.3"),
				cases.Add("Sec-Fetch-Dest", "empty"), cases.Add("Sec-Fetch-Mode", "websocket"), cases.Add("Sec-Fetch-Site", "same-origin"),
				cases.Add("Cookie", "session="+strings.Repeat("c0ffee", 500)+"; theme=dark"),
			)},
			Want: accepted,
		},
		{
			// The client breaks a rule itself, as in H.1.30.
			ID: "H.4.5", Title: "a close frame in the same write as the request", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-5.5.1-close-reply"},
			Conns:        andSurvived(cases.Conn{Head: cases.Head{cases.Together()}, Steps: closedAtOnce}),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status101, check.Quiet{}, check.Code{wsproto.StatusNormalClosure, 0}, check.Ends{Within: refusal}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Ends{Within: refusal}}},
			},
		},
		{
			ID: "H.4.6", Title: "names of the response's fields in odd case", Roles: onlyClients,
			Requirements: []string{"RFC9110-5.1-name-case"},
			Conns: []cases.Conn{
				openedBy(
					cases.Replace("Upgrade:", "upgrade:"), cases.Replace("Connection:", "connection:"),
					cases.Replace("Sec-WebSocket-Accept:", "sec-websocket-accept:"),
				),
				openedBy(
					cases.Replace("Upgrade:", "UPGRADE:"), cases.Replace("Connection:", "cONNECTION:"),
					cases.Replace("Sec-WebSocket-Accept:", "SEC-WEBSOCKET-ACCEPT:"),
				),
			},
			Want: accepted,
		},
		{
			ID: "H.4.7", Title: "blanks and tabs around the values of a response, and no blank behind its colons", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-upgrade", "RFC6455-4.1-resp-connection"},
			Conns: []cases.Conn{
				openedBy(cases.Set("Upgrade", " \twebsocket \t"), cases.Set("Connection", "\tUpgrade\t ")),
				openedBy(cases.Replace(": ", ":")),
			},
			Want: accepted,
		},
		{
			ID: "H.4.8", Title: "Upgrade in the second of two Connection fields of the response", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-connection"},
			Conns:        []cases.Conn{openedBy(cases.Set("Connection", "keep-alive"), cases.Add("Connection", "Upgrade"))},
			Want:         accepted,
		},
		{
			ID: "H.4.9", Title: "a response with its fields in reverse order, unknown ones and 3 KiB of cookies", Roles: onlyClients, Level: cases.Robustness,
			Requirements: []string{"RFC6455-4.1-validate-response", "RFC6455-4.1-resp-nonconforming"},
			Conns: []cases.Conn{openedBy(
				cases.Add("X-One", "1"), cases.Add("X-Two", ""), cases.Add("X-Three", "a, b; c=\"d\""),
				cases.Add("Set-Cookie", "session="+strings.Repeat("c0ffee", 250)), cases.Add("Set-Cookie", "other="+strings.Repeat("decade", 250)),
				cases.Reversed(),
			)},
			Want: accepted,
		},
		{
			ID: "H.4.10", Title: "a close frame in the same write as the response", Roles: onlyClients,
			Requirements: []string{"RFC6455-6.2-parse-frames", "RFC6455-5.5.1-close-reply"},
			Conns:        andSurvived(cases.Conn{Head: cases.Head{cases.Together()}, Steps: closedAtOnce}),
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Quiet{}, check.Code{wsproto.StatusNormalClosure, 0}, check.Ends{Within: refusal},
			}}},
		},
		{
			ID: "H.4.11", Title: "the end of our direction of TCP behind the handshake, and a reset", Level: cases.Robustness,
			Requirements: []string{"RFC6455-7.1.4-clean", "RFC6455-7.1.5-code-1006"},
			Conns: andSurvived(
				cases.Conn{
					Steps: []cases.Step{cases.HalfClose{}, cases.Await{For: failure}},
					Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Ends{Within: failure}}}},
				},
				cases.Conn{Steps: []cases.Step{cases.Reset{}}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Open{}}}}},
			),
			Want: accepted,
		},
	}
}

// closedAtOnce is a close frame, and TCP left to the peer for a while.
var closedAtOnce = []cases.Step{
	cases.Frame{Opcode: wsproto.OpClose, Payload: cases.Data(normal.Body())},
	cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotClose}},
	cases.HalfClose{},
	cases.Await{For: failure}, // a peer that has lost the frame sees the end of TCP
}

// andSurvived returns the connections, and one more that shows that the peer lives.
func andSurvived(list ...cases.Conn) []cases.Conn { return append(list, survived) }
