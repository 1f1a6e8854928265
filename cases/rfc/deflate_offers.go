package rfc

import (
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// deflateOffers are D.1: offers that a server gets.
func deflateOffers() []cases.Case {
	return []cases.Case{
		{
			ID: "D.1.1", Title: "an offer with an unknown parameter", Roles: onlyServers,
			Requirements: []string{"RFC7692-7-server-unknown-param", "RFC7692-5-decline-all"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        offering("permessage-deflate; x-unknown", "permessage-deflate; x-unknown=1"),
			Want:         declined,
		},
		{
			ID: "D.1.2", Title: "an offer with an illegal parameter before a good one", Roles: onlyServers,
			Requirements: []string{
				"RFC7692-7-server-unknown-param", "RFC7692-7-server-invalid-value", "RFC7692-7-server-duplicate",
				"RFC7692-5-multiple-offers", "RFC7692-5-preference",
			},
			Needs: []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; x-unknown=1, permessage-deflate"}},
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=99, permessage-deflate"}},
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; server_no_context_takeover; server_no_context_takeover, permessage-deflate"}},
			},
			Want: also(agreed("client_max_window_bits"), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Status{From: 400, To: 400}}}),
		},
		{
			ID: "D.1.3", Title: "offers with windows that are no number from 8 to 15", Roles: onlyServers,
			Requirements: []string{"RFC7692-7-server-invalid-value", "RFC7692-7.1.2.1-offer-abnf", "RFC7692-7.1.2.2-offer-abnf"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: offering(
				"permessage-deflate; server_max_window_bits",
				"permessage-deflate; server_max_window_bits=7", "permessage-deflate; client_max_window_bits=7",
				"permessage-deflate; server_max_window_bits=16", "permessage-deflate; client_max_window_bits=16",
				"permessage-deflate; server_max_window_bits=08", "permessage-deflate; client_max_window_bits=08",
				"permessage-deflate; server_max_window_bits=+9", "permessage-deflate; client_max_window_bits=+9",
				"permessage-deflate; server_max_window_bits=1e1", "permessage-deflate; client_max_window_bits=1e1",
				"permessage-deflate; server_max_window_bits=8.0", "permessage-deflate; client_max_window_bits=8.0",
				"permessage-deflate; server_max_window_bits=-8", "permessage-deflate; client_max_window_bits=-8",
			),
			Want: declined,
		},
		{
			ID: "D.1.4", Title: "offers with a parameter twice", Roles: onlyServers,
			Requirements: []string{"RFC7692-7-server-duplicate"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: offering(
				"permessage-deflate; client_max_window_bits; client_max_window_bits",
				"permessage-deflate; server_no_context_takeover; server_no_context_takeover",
				"permessage-deflate; server_max_window_bits=10; server_max_window_bits=11",
			),
			Want: declined,
		},
		{
			ID: "D.1.5", Title: "offers with a value where none belongs", Roles: onlyServers,
			Requirements: []string{"RFC7692-7.1.1.1-no-value", "RFC7692-7.1.1.2-no-value", "RFC7692-7-server-invalid-value"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: offering(
				"permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
			),
			Want: declined,
		},
		{
			ID: "D.1.6", Title: "a plain offer, one with client_max_window_bits, and two behind others", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "nhooyr.io/websocket", Buggy: "1.8.7", Fixed: "1.8.10", Role: cases.Server, Source: "coder/websocket#258",
				What: "It refused a client whose second offer of compression it could have accepted.",
			}},
			Requirements: []string{
				"RFC6455-9-params-per-spec", "RFC6455-9.1-params-defined", "RFC7692-7.1.2.2-not-unasked", "RFC7692-7.1.2.1-resp-abnf",
				"RFC7692-7.1.2.2-resp-abnf", "RFC7692-5-accept-name",
			},
			Needs: []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: &cases.Deflate{Offers: "permessage-deflate"}},
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; client_max_window_bits"}, Want: agreed()},
				{
					Deflate: &cases.Deflate{Offers: "permessage-deflate; x-unknown, permessage-deflate"},
					Want:    also(agreed("client_max_window_bits"), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Status{From: 400, To: 400}}}),
				},
				// It may accept the first, and has to be able to with the second.
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=10, permessage-deflate"}},
			},
			Want: agreed("client_max_window_bits"),
		},
		{
			// A server declines what its library cannot do; many cannot do 8.
			ID: "D.1.7", Title: "server_max_window_bits from 8 to 15, and an echo in that window", Roles: onlyServers,
			Requirements: []string{
				"RFC7692-7.1.2.1-resp-not-larger", "RFC7692-7-server-unsupported", "RFC7692-5-fully-supported", "RFC7692-7.2.1-server-window",
			},
			Needs: []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				serverWindow(8), serverWindow(9), serverWindow(10), serverWindow(11),
				serverWindow(12), serverWindow(13), serverWindow(14),
				{
					Deflate: &cases.Deflate{Offers: "permessage-deflate; server_max_window_bits=15"},
					Steps:   far(),
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: cases.Every{check.Bits{Param: "server_max_window_bits", From: 8, To: 15}, cases.Echoed{Text: farText()}}},
						{Grade: cases.NonStrict, Checks: cases.Every{check.Agreed{Without: []string{"server_max_window_bits"}}, cases.Echoed{Text: farText()}}},
						{Grade: cases.Informational, Checks: cases.Every{check.Declined{}, cases.Echoed{Text: farText()}}},
					},
				},
			},
			Want: cases.Clauses{{Grade: cases.OK}},
		},
		{
			ID: "D.1.8", Title: "client_max_window_bits from 8 to 15, and a compressed message", Roles: onlyServers,
			Requirements: []string{"RFC7692-7.1.2.2-server-may", "RFC7692-7.1.2.2-client-may", "RFC7692-7.1.2.2-resp-abnf"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				clientWindow(8), clientWindow(9), clientWindow(10), clientWindow(11),
				clientWindow(12), clientWindow(13), clientWindow(14), clientWindow(15),
			},
			Want: cases.Clauses{{Grade: cases.OK}},
		},
		{
			// A server that compresses the same text again with its old window is quick to
			// notice only where a compressed message came before.
			ID: "D.1.9", Title: "server_no_context_takeover, and the same text five times", Roles: onlyServers,
			Requirements: []string{"RFC7692-7.1.1.1-server-support", "RFC7692-7.1.1.1-client-may", "RFC7692-7.2.1-server-nct", "RFC7692-5-use-agreed"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{
				Deflate: &cases.Deflate{Offers: "permessage-deflate; server_no_context_takeover"},
				Steps:   inTurn(slices.Repeat([]cases.Frame{cases.Text(shortText())}, 5)...),
			}},
			Want: cases.Clauses{undeflated, {Grade: cases.OK, Checks: cases.Every{
				check.Agreed{With: []string{"server_no_context_takeover"}}, returned(slices.Repeat([]string{shortText()}, 5)...), check.Clean{},
			}}},
		},
		{
			ID: "D.1.10", Title: "two extensions offered that use the same bit", Roles: onlyServers,
			Requirements: []string{"RFC7692-5-rsv1-conflict-server", "RFC7692-5-preference"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: &cases.Deflate{Offers: "permessage-bzip2, permessage-deflate"}}},
			Want:         agreed("client_max_window_bits"),
		},
		{
			ID: "D.1.11", Title: "RSV1 in a text frame and in a binary one, where only an unknown extension was offered", Roles: onlyServers,
			Requirements: []string{"RFC7692-5-proceed-without", "RFC6455-5.2-rsv-fail", "RFC6455-5.8-negotiate"},
			Conns: []cases.Conn{
				{Deflate: &cases.Deflate{Offers: "x-unknown"}, Steps: barred(zText(zProbe))},
				{Deflate: &cases.Deflate{Offers: "x-unknown"}, Steps: barred(marked)},
				survived,
			},
			Want: failed,
		},
		{
			ID: "D.1.12", Title: "280 offers that cannot be had, and one that can", Roles: onlyServers, Level: cases.Robustness, Load: cases.Heavy,
			Requirements: []string{"RFC7692-5-multiple-offers", "RFC6455-10.4-protect-limits"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: timed(
				cases.Add("Sec-WebSocket-Extensions", "permessage-deflate"),
				cases.Add("Sec-WebSocket-Extensions", strings.Repeat("permessage-deflate; foo, ", 280)+"permessage-deflate"),
			),
			Want: answeredOrRefused,
		},
		{
			ID: "D.1.13", Title: "two valid offers; the first asks for more", Roles: onlyServers, Level: cases.Should,
			Requirements: []string{"RFC6455-9.1-order", "RFC7692-5-preference", "RFC7692-5-multiple-offers"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{{Deflate: &cases.Deflate{Offers: "permessage-deflate; server_no_context_takeover, permessage-deflate"}}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status101, check.Agreed{With: []string{"server_no_context_takeover"}}}},
				{Grade: cases.NonStrict, Checks: cases.Every{status101, check.Agreed{}}},
				{Grade: cases.Unimplemented, Checks: cases.Every{status101, check.NoField{Name: "Sec-WebSocket-Extensions"}}},
			},
		},
		{
			// A hint, which a server may leave aside.
			ID: "D.1.14", Title: "an offer with client_no_context_takeover, with and without client_max_window_bits", Roles: onlyServers,
			Requirements: []string{"RFC7692-7.1.1.2-client-may", "RFC7692-5-decline-all"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; client_no_context_takeover"}},
				{Deflate: &cases.Deflate{Offers: "permessage-deflate; client_no_context_takeover; client_max_window_bits"}},
			},
			Want: agreed(),
		},
	}
}
