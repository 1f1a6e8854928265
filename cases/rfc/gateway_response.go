package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// gatewayResponses are responses of the origin that open a connection, or seem to.
func gatewayResponses() []cases.Case {
	return []cases.Case{
		{
			ID: "G.2.1", Title: "a 101 with two cookies, a subprotocol and a field that nobody knows", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC9110-5.3-order"},
			Conns: answering(
				comes(
					check.Forwarded{Name: "Set-Cookie"}, check.Forwarded{Name: "Sec-WebSocket-Protocol"}, check.Forwarded{Name: "Sec-WebSocket-Accept"},
					check.Forwarded{Name: "X-Nobody"},
				),
				cases.Add("Set-Cookie", "a=b; Path=/"), cases.Add("Set-Cookie", "c=d; Path=/"), cases.Add("Sec-WebSocket-Protocol", "superchat"),
				cases.Add("X-Nobody", "knows"),
			),
		},
		{
			ID: "G.2.2", Title: "a wrong Sec-WebSocket-Accept from the origin", Roles: onlyGateways,
			Requirements: []string{"RFC6455-4.1-resp-accept", "RFC9110-15.6.3-502"},
			Conns:        answering(exposed(check.Forwarded{Name: "Sec-WebSocket-Accept"}), cases.Set("Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
		},
		{
			ID: "G.2.3", Title: "a 101 of the origin without Sec-WebSocket-Accept", Roles: onlyGateways,
			Requirements: []string{"RFC6455-4.1-resp-accept", "RFC9110-15.6.3-502"},
			Conns:        answering(exposed(check.Removed{Name: "Sec-WebSocket-Accept"}), cases.Without("Sec-WebSocket-Accept")),
		},
		{
			ID: "G.2.4", Title: "a 101 of the origin without Upgrade", Roles: onlyGateways,
			Requirements: []string{"RFC6455-4.1-resp-upgrade", "RFC9110-15.2.2-switch", "RFC9110-15.6.3-502"},
			Conns:        answering(exposed(check.Removed{Name: "Upgrade"}), cases.Without("Upgrade")),
		},
		{
			ID: "G.2.5", Title: "a 101 of the origin that upgrades to another protocol", Roles: onlyGateways,
			Requirements: []string{"RFC6455-4.1-resp-upgrade", "RFC9110-7.8-not-indicated", "RFC9110-15.6.3-502"},
			Conns:        answering(exposed(check.Forwarded{Name: "Upgrade"}), cases.Set("Upgrade", "foo")),
		},
		{
			ID: "G.2.6", Title: "a 101 of the origin with Transfer-Encoding: chunked", Roles: onlyGateways,
			Requirements: []string{"RFC9112-6.3-1xx-no-body"},
			Conns:        answering(eitherWay, cases.Add("Transfer-Encoding", "chunked")),
		},
		{
			ID: "G.2.7", Title: "a 101 of the origin with Content-Length: 5", Roles: onlyGateways,
			Requirements: []string{"RFC9112-6.3-1xx-no-body"},
			Conns:        answering(eitherWay, cases.Add("Content-Length", "5")),
		},
		{
			ID: "G.2.8", Title: "a 101 of the origin after half a second", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.2.2-switch"},
			Conns: through(
				cases.Conn{Head: cases.Head{cases.Add("X-Client", "wsconform")}, Steps: probed},
				cases.Conn{Head: cases.Head{cases.Delayed()}, Steps: replies},
			),
		},
		{
			ID: "G.2.9", Title: "a 103 of the origin before the 101", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.2-forward-1xx", "RFC9110-15.2-1xx"},
			Conns: answering(comes(), cases.Start(
				"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 101 Switching Protocols",
			)),
		},
		{
			ID: "G.2.10", Title: "a 101 of the origin with another reason phrase, in pieces of 20 bytes", Roles: onlyGateways,
			Requirements: []string{"RFC6455-4.1-resp-nonconforming"},
			Conns:        answering(comes(), cases.Start("HTTP/1.1 101 Whatever-You-Say"), cases.Apart(20)),
		},
		{
			ID: "G.2.11", Title: "half a response of the origin, then a reset", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.6.3-502", "RFC6455-4.1-open-failure"},
			Conns: through(
				cases.Conn{Steps: probed, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{
					status5xx, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
				}}}}},
				cases.Conn{Head: cases.Head{cases.Cut()}, Steps: []cases.Step{cases.Reset{}}, Want: unreached},
			),
		},
		{
			ID: "G.2.12", Title: "a 101 of the origin to a request that asks for no upgrade", Roles: onlyGateways, Level: cases.Robustness,
			Requirements: []string{"RFC9110-7.8-not-indicated"},
			Conns: through(
				cases.Conn{
					Head:  cases.Head{cases.Without("Upgrade"), cases.Set("Connection", "keep-alive")},
					Steps: probed,
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Either{
							status4xx, status5xx, cases.Every{check.NoAnswer{}, check.Ends{Within: refusal}},
						}}},
						{Grade: cases.Informational, Checks: cases.Every{check.Tunnelled{}}},
					},
				},
				cases.Conn{Head: cases.Head{cases.Add("X-Origin", "wsconform")}, Steps: replies, Want: unreached},
			),
		},
	}
}

// eitherWay grades a 101 whose oddity a gateway may overlook, or refuse.
var eitherWay = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
	cases.Every{probeEchoed, check.Lawful{}}, cases.Every{check.Quiet{}, status5xx},
}}}}

// gatewayRefusals are responses of the origin that open nothing.
func gatewayRefusals() []cases.Case {
	return []cases.Case{
		{
			ID: "G.3.1", Title: "the origin answers 200 with a page", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.2.2-switch", "RFC6455-4.1-non-101"},
			Conns: refusing("200 OK", asSent(check.BodyHas{Text: "a page"}),
				cases.Add("Content-Length", "6"), cases.Replace("\r\n\r\n", "\r\n\r\na page")),
		},
		{
			ID: "G.3.2", Title: "the origin answers 401", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC6455-4.1-non-101"},
			Conns: refusing("401 Unauthorized", asSent(check.Forwarded{Name: "WWW-Authenticate"}),
				cases.Add("WWW-Authenticate", "Basic realm=\"wsconform\""), cases.Add("Content-Length", "0")),
		},
		{
			ID: "G.3.3", Title: "the origin answers 302 to another host", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC6455-4.1-non-101"},
			Conns: refusing("302 Found", asSent(check.Forwarded{Name: "Location"}),
				cases.Add("Location", "https://elsewhere.test/chat"), cases.Add("Content-Length", "0")),
		},
		{
			ID: "G.3.4", Title: "the origin answers 404, its body chunked", Roles: onlyGateways,
			Requirements: []string{"RFC9112-7.1-chunked", "RFC6455-4.1-non-101"},
			Conns: refusing("404 Not Found", asSent(check.BodyHas{Text: "no such room"}),
				cases.Add("Transfer-Encoding", "chunked"), cases.Replace("\r\n\r\n", "\r\n\r\nc\r\nno such room\r\n0\r\n\r\n")),
		},
		{
			ID: "G.3.5", Title: "the origin answers 426 with the version that it speaks", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC6455-4.1-non-101"},
			Conns: refusing("426 Upgrade Required", asSent(check.Forwarded{Name: "Sec-WebSocket-Version"}),
				cases.Add("Sec-WebSocket-Version", "13"), cases.Add("Content-Length", "0")),
		},
		{
			ID: "G.3.6", Title: "the origin answers 503 with Retry-After", Roles: onlyGateways,
			Requirements: []string{"RFC9110-5.1-forward", "RFC6455-4.1-non-101"},
			Conns: refusing("503 Service Unavailable", asSent(check.Forwarded{Name: "Retry-After"}),
				cases.Add("Retry-After", "120"), cases.Add("Content-Length", "0")),
		},
		{
			ID: "G.3.7", Title: "the origin answers 403 with the fields of a 101", Roles: onlyGateways,
			Requirements: []string{"RFC9110-15.2.2-switch", "RFC6455-4.1-non-101"},
			Conns: through(
				cases.Conn{Steps: probed, Want: asSent()},
				cases.Conn{Head: cases.Head{cases.Start("HTTP/1.1 403 Forbidden"), cases.Add("Content-Length", "0")}, Want: unreached},
			),
		},
	}
}
