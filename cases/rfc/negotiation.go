package rfc

import "github.com/wsconform/wsconform/cases"

// negotiation is P: subprotocols.
var negotiation = []cases.Case{
	{
		ID: "P.1.1", Title: "three subprotocols offered, one of which the server speaks", Roles: onlyServers,
		Requirements: []string{"RFC6455-4.2.2-subprotocol-derived", "RFC6455-11.3.4-proto-once-resp"},
		Needs:        []cases.Need{cases.NeedSubprotocol},
		Conns:        []cases.Conn{{Head: cases.Head{cases.Add("Sec-WebSocket-Protocol", "unknown, chat, superchat")}}},
		Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
			cases.Status{From: 101, To: 101}, cases.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"},
		}}},
	},
}
