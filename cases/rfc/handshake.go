package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// handshake is H: the fields of the opening handshake.
var handshake = []cases.Case{
	{
		ID: "H.1.3", Title: "a request without Sec-WebSocket-Key", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.1-key", "RFC6455-4.2.1-reject-malformed", "RFC6455-10.7-http-status"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Key")}}, survived},
		Want:         refused,
	},
	{
		ID: "H.1.4", Title: "an empty Sec-WebSocket-Key", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.1-key"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Set("Sec-WebSocket-Key", "")}}, survived},
		Want:         refused,
	},
	{
		ID: "H.1.10", Title: "a request without Sec-WebSocket-Version", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.1-version", "RFC6455-4.2.2-version-mismatch", "RFC6455-4.4-version-list"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Version")}}, survived},
		Want:         refused,
	},
	{
		ID: "H.1.13", Title: "a request for version 99", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.1-version", "RFC6455-4.2.2-version-mismatch", "RFC6455-4.4-version-list"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Set("Sec-WebSocket-Version", "99")}}, survived},
		Want:         otherVersion,
	},
	{
		ID: "H.1.16", Title: "a request with two versions, 13 and 8, in both orders", Roles: onlyServers,
		Requirements: []string{"RFC6455-11.3.5-version-once-req", "RFC6455-4.2.1-version"},
		Conns: []cases.Conn{
			{
				Head:  cases.Head{cases.Add("Sec-WebSocket-Version", "8")},
				Steps: []cases.Step{cases.Probe{Text: probe}},
			},
			{
				Head:  cases.Head{cases.Set("Sec-WebSocket-Version", "8"), cases.Add("Sec-WebSocket-Version", "13")},
				Steps: []cases.Step{cases.Probe{Text: probe}},
			},
			survived,
		},
		Want: also(refused, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{cases.Echoed{Text: probe}}}),
	},
	{
		// The client breaks a rule itself (RFC 6455 §4.1: it waits for the response), so
		// a server may lose the frame, but not read it wrongly.
		ID: "H.1.30", Title: "the first frame in the same write as the request", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.2-steps", "RFC6455-5.1-data-any-time", "RFC6455-6.2-parse-frames"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Together()}, Steps: []cases.Step{cases.Probe{Text: probe}}}, survived},
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: probe}}},
			{Grade: cases.Informational, Checks: cases.Every{cases.Status{From: 400, To: 499}}},
			{Grade: cases.NonStrict, Checks: cases.Every{
				cases.Status{From: 101, To: 101}, cases.Quiet{}, cases.Clean{}, cases.Code{wsproto.StatusNormalClosure},
			}},
		},
	},
	{
		ID: "H.2.5", Title: "a response with the Sec-WebSocket-Accept of another key", Roles: onlyClients,
		Requirements: []string{
			"RFC6455-4.1-resp-accept", "RFC6455-4.1-validate-response", "RFC6455-7.2.1-client-fail", "RFC6455-7.1.7-client-close",
		},
		Conns: []cases.Conn{{
			Head:  cases.Head{cases.Set("Sec-WebSocket-Accept", wsproto.AcceptKey("x3JJHMbDL1EzLkh9GBhXDw=="))},
			Steps: tempted,
		}},
		Want: notOpened,
	},
	{
		ID: "H.2.6", Title: "a response without Sec-WebSocket-Accept", Roles: onlyClients,
		Requirements: []string{"RFC6455-4.1-resp-accept", "RFC6455-4.1-validate-response"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Accept")}, Steps: tempted}},
		Want:         notOpened,
	},
	{
		ID: "H.2.10", Title: "a response without Upgrade", Roles: onlyClients,
		Requirements: []string{"RFC6455-4.1-resp-upgrade", "RFC6455-4.1-validate-response"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Upgrade")}, Steps: tempted}},
		Want:         notOpened,
	},
	{
		ID: "H.2.13", Title: "a response without Connection", Roles: onlyClients,
		Requirements: []string{"RFC6455-4.1-resp-connection", "RFC6455-4.1-validate-response"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Connection")}, Steps: tempted}},
		Want:         notOpened,
	},
}

// tempted sends a client that should not have opened the connection what it would echo.
var tempted = []cases.Step{cases.Text(probe), cases.Await{For: failure, Until: append(data, cases.GotClose)}}

// notOpened grades responses on which a client must fail the connection.
var notOpened = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{cases.Quiet{}, cases.Either{
		cases.Dropped{Within: failure}, cases.Code{wsproto.StatusProtocolError},
	}}},
	{Grade: cases.NonStrict, Checks: cases.Every{cases.Quiet{}, cases.Closed{}}},
}

// otherVersion grades requests for a version that nobody speaks.
var otherVersion = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 400, To: 425}, cases.Lists{Name: "Sec-WebSocket-Version", Token: "13"}}},
	{Grade: cases.OK, Checks: cases.Every{
		cases.Status{From: 426, To: 426}, cases.Lists{Name: "Sec-WebSocket-Version", Token: "13"}, cases.Lists{Name: "Upgrade", Token: "websocket"},
	}},
	{Grade: cases.NonStrict, Checks: cases.Every{cases.Status{From: 426, To: 426}, cases.Lists{Name: "Sec-WebSocket-Version", Token: "13"}}},
}
