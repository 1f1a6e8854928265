package rfc

import "github.com/wsconform/wsconform/cases"

// negotiation is P: subprotocols and extensions.
var negotiation = []cases.Case{
	{
		ID: "P.1.1", Title: "three subprotocols offered, one of which the server speaks", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.2-subprotocol-derived", "RFC6455-11.3.4-proto-once-resp"},
		Needs:        []cases.Need{cases.NeedSubprotocol},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Protocol"), cases.Add("Sec-WebSocket-Protocol", "unknown, chat, superchat")}}},
		Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
			cases.Status{From: 101, To: 101}, cases.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"},
		}}},
	},
	{
		ID: "P.1.2", Title: "two subprotocols offered that the server does not know", Roles: onlyServers,
		Requirements: []string{
			"RFC6455-4.2.2-subprotocol-derived", "RFC6455-4.2.2-subprotocol-none", "RFC6455-4.2.2-subprotocol-not-empty",
		},
		Conns: []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Protocol"), cases.Add("Sec-WebSocket-Protocol", "x-unknown-1, x-unknown-2")}}},
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.NoField{Name: "Sec-WebSocket-Protocol"}}},
			{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 400, To: 499}}},
			{Grade: cases.NonStrict, Checks: cases.Every{
				cases.Status{From: 101, To: 101}, cases.Fields{Name: "Sec-WebSocket-Protocol", Value: "x-unknown-1"},
			}},
			{Grade: cases.NonStrict, Checks: dropped},
		},
	},
	{
		ID: "P.1.7", Title: "a subprotocol offered twice", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.1-protocol-unique", "RFC6455-11.3.4-proto-once-resp"},
		Needs:        []cases.Need{cases.NeedSubprotocol},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Protocol"), cases.Add("Sec-WebSocket-Protocol", "chat, chat")}}},
		Want: cases.Clauses{
			{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 400, To: 499}}},
			{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"}}},
			{Grade: cases.NonStrict, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.NoField{Name: "Sec-WebSocket-Protocol"}}},
		},
	},
	{
		ID: "P.2.2", Title: "a response with a subprotocol that was not offered", Roles: onlyClients,
		Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC6455-4.1-validate-response"},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Add("Sec-WebSocket-Protocol", "x-unrequested")}, Steps: tempted}},
		Want:         notOpened,
	},
	{
		ID: "P.3.1", Title: "a request without extensions", Roles: onlyServers,
		Requirements: []string{
			"RFC6455-9-server-unrequested", "RFC6455-4.2.2-extensions-unlisted", "RFC6455-4.2.2-extensions-derived", "RFC6455-5.8-negotiate",
		},
		Conns: []cases.Conn{{}},
		Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
			cases.Status{From: 101, To: 101}, cases.NoField{Name: "Sec-WebSocket-Extensions"},
		}}},
	},
	{
		ID: "P.3.2", Title: "an unknown extension offered", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.2-extensions-unlisted", "RFC6455-4.2.2-extensions-derived", "RFC6455-9.1-registered"},
		Conns:        []cases.Conn{{Deflate: &cases.Deflate{Offers: "x-unknown; a=1"}}},
		Want:         cases.Clauses{unextended, {Grade: cases.NonStrict, Checks: cases.Every{cases.Status{From: 400, To: 499}}}},
	},
	{
		// Tables of names that are objects of a language have more in them than was put
		// there: a server died of these.
		ID: "P.3.4", Title: "extensions named like properties of objects offered", Roles: onlyServers, Level: cases.Robustness,
		Requirements: []string{"RFC6455-9.1-malformed-fail", "RFC6455-10.4-protect-limits", "RFC6455-4.2.2-extensions-derived"},
		Conns: []cases.Conn{
			{Deflate: &cases.Deflate{Offers: "constructor, __proto__; toString=1, hasOwnProperty; a"}},
			survived,
		},
		Want: cases.Clauses{unextended, {Grade: cases.OK, Checks: cases.Every{cases.Status{From: 400, To: 499}}}},
	},
	{
		ID: "P.3.6", Title: "offers over two fields, in both orders", Roles: onlyServers,
		Requirements: []string{
			"RFC6455-9.1-split", "RFC6455-11.3.2-ext-multi-req", "RFC6455-4.2.2-extensions-derived",
		},
		Needs: []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: &cases.Deflate{Offers: "permessage-deflate"}},
			{
				Deflate: &cases.Deflate{Offers: "x-unknown"},
				Head:    cases.Head{cases.Add("Sec-WebSocket-Extensions", "permessage-deflate")},
			},
			{
				Deflate: &cases.Deflate{Offers: "permessage-deflate"},
				Head:    cases.Head{cases.Add("Sec-WebSocket-Extensions", "x-unknown")},
			},
		},
		Want: agreed("client_max_window_bits"),
	},
	{
		ID: "P.4.1", Title: "a response with an extension that was not offered", Roles: onlyClients,
		Requirements: []string{
			"RFC6455-4.1-resp-extension", "RFC6455-9-server-unrequested", "RFC6455-9.1-registered", "RFC6455-4.1-validate-response",
		},
		Conns: []cases.Conn{answers("x-unrequested")},
		Want:  notOpened,
	},
}

// unextended is the clause of servers that open the connection without an extension.
var unextended = cases.Clause{Grade: cases.OK, Checks: cases.Every{
	cases.Status{From: 101, To: 101}, cases.NoField{Name: "Sec-WebSocket-Extensions"},
}}
