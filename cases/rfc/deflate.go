package rfc

import "github.com/wsconform/wsconform/cases"

// deflate is D: permessage-deflate.
var deflate = []cases.Case{
	{
		ID: "D.1.6", Title: "a plain offer, one with client_max_window_bits, and one behind another that cannot be had", Roles: onlyServers,
		Requirements: []string{
			"RFC6455-9-params-per-spec", "RFC6455-9.1-params-defined", "RFC7692-7.1.2.2-not-unasked", "RFC7692-7.1.2.1-resp-abnf",
			"RFC7692-7.1.2.2-resp-abnf", "RFC7692-5-accept-name",
		},
		Needs: []cases.Need{cases.NeedDeflate},
		Conns: []cases.Conn{
			{Deflate: &cases.Deflate{Offers: "permessage-deflate"}},
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; client_max_window_bits"}, Want: agreed()},
			{Deflate: &cases.Deflate{Offers: "permessage-deflate; x-unknown, permessage-deflate"}},
		},
		Want: agreed("client_max_window_bits"),
	},
}

// agreed wants permessage-deflate without these parameters.
func agreed(without ...string) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.Agreed{Without: without}}},
		{Grade: cases.Unimplemented, Checks: cases.Every{cases.Status{From: 101, To: 101}, cases.NoField{Name: "Sec-WebSocket-Extensions"}}},
	}
}
