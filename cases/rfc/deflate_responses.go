package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// deflateResponses are D.2: what a client offers, and responses that it gets.
func deflateResponses() []cases.Case {
	return []cases.Case{
		{
			ID: "D.2.1", Title: "the offer of a client", Roles: onlyClients,
			Requirements: []string{
				"RFC7692-5-offer-name", "RFC7692-5-window-hint", "RFC7692-7.1.1.2-client-may", "RFC7692-7.1.2.1-client-may",
				"RFC6455-9-client-may", "RFC6455-4.1-extensions-optional", "RFC7692-7.1.2.2-offer-abnf", "RFC7692-7.1.2.1-offer-abnf",
				"RFC7692-7.1.1.1-no-value", "RFC6455-9.1-params-defined", "RFC6455-9-params-per-spec",
			},
			Needs: []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{Deflate: plain}},
			Want: cases.Clauses{
				{Grade: cases.Unimplemented, Checks: cases.Every{check.Unasked{Name: "Sec-WebSocket-Extensions"}}},
				{Grade: cases.OK, Checks: cases.Every{check.Sound{}}},
			},
		},
		{
			ID: "D.2.2", Title: "windows of 7, 16, 08, 99 and no bits in the response", Roles: onlyClients,
			Requirements: []string{"RFC7692-7-client-invalid-value", "RFC7692-7.1.2.1-resp-abnf"},
			Conns: []cases.Conn{
				answers("permessage-deflate; server_max_window_bits=7"), answers("permessage-deflate; server_max_window_bits=16"),
				answers("permessage-deflate; server_max_window_bits=08"), answers("permessage-deflate; server_max_window_bits=99"),
				answers("permessage-deflate; server_max_window_bits"),
			},
			Want: notOpened,
		},
		{
			ID: "D.2.3", Title: "an unknown parameter of permessage-deflate in the response", Roles: onlyClients,
			Requirements: []string{"RFC7692-7-client-unknown-param"},
			Conns:        []cases.Conn{answers("permessage-deflate; x-unknown=1")},
			Want:         notOpened,
		},
		{
			ID: "D.2.4", Title: "a parameter of permessage-deflate twice in the response", Roles: onlyClients,
			Requirements: []string{"RFC7692-7-client-duplicate"},
			Conns:        []cases.Conn{answers("permessage-deflate; server_no_context_takeover; server_no_context_takeover")},
			Want:         notOpened,
		},
		{
			ID: "D.2.5", Title: "client_max_window_bits in the response to an offer without it", Roles: onlyClients,
			Requirements: []string{"RFC7692-7-client-unsupported", "RFC7692-7.1.2.2-not-unasked"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{answers("permessage-deflate; client_max_window_bits=10")},
			Want:         also(notOpened, cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Offers{Param: "client_max_window_bits", Bits: 10}}}),
		},
		{
			ID: "D.2.6", Title: "client_max_window_bits without a value, and above the value offered, in the response", Roles: onlyClients,
			Requirements: []string{"RFC7692-7-client-invalid-value", "RFC7692-7.1.2.2-resp-abnf", "RFC7692-7-client-unsupported"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				answers("permessage-deflate; client_max_window_bits"),
				{
					Head:  cases.Head{cases.Add("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=15")},
					Steps: tempted,
					Want:  also(notOpened, cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Offers{Param: "client_max_window_bits", Bits: 15}}}),
				},
			},
			Want: notOpened,
		},
		{
			ID: "D.2.7", Title: "client_no_context_takeover, and the same text five times", Roles: onlyClients,
			Requirements: []string{"RFC7692-7.1.1.2-client-support", "RFC7692-7.2.1-client-nct", "RFC7692-7.1.1.2-server-may", "RFC7692-5-use-agreed"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{
				Deflate: &cases.Deflate{Accept: []cases.Demand{{NoContextTakeover: true}}},
				Steps:   inTurn(slices.Repeat([]cases.Frame{cases.Text(shortText())}, 5)...),
			}},
			Want: comesBack(slices.Repeat([]string{shortText()}, 5)...),
		},
		{
			// Not every library can compress with 8 bits; zlib takes 9 for them.
			ID: "D.2.8", Title: "client_max_window_bits of 8, 9, 10 and 13, and an echo in that window", Roles: onlyClients,
			Requirements: []string{"RFC7692-7.2.1-client-window", "RFC7692-7.1.2.2-client-may", "RFC7692-7.2.1-max-32k"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: &cases.Deflate{Accept: []cases.Demand{{MaxWindowBits: 8}}}, Steps: inTurn(cases.Text(nearText()))},
				{Deflate: &cases.Deflate{Accept: []cases.Demand{{MaxWindowBits: 9}}}, Steps: inTurn(cases.Text(nearText()))},
				{Deflate: &cases.Deflate{Accept: []cases.Demand{{MaxWindowBits: 10}}}, Steps: inTurn(cases.Text(nearText()))},
				{Deflate: &cases.Deflate{Accept: []cases.Demand{{MaxWindowBits: 13}}}, Steps: inTurn(cases.Text(nearText()))},
			},
			Want: also(comesBack(nearText()), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
				check.Quiet{}, check.Lawful{}, check.Either{check.Dropped{Within: failure}, check.Code{wsproto.StatusProtocolError, wsproto.StatusMandatoryExt}},
			}}),
		},
		{
			ID: "D.2.9", Title: "permessage-deflate twice in the response", Roles: onlyClients,
			Requirements: []string{"RFC7692-5-rsv1-conflict-client", "RFC7692-5-invalid-response", "RFC6455-4.1-validate-response"},
			Conns:        []cases.Conn{answers("permessage-deflate, permessage-deflate")},
			Want:         notOpened,
		},
		{
			ID: "D.2.10", Title: "server_no_context_takeover and server_max_window_bits in the response, unasked", Roles: onlyClients, Level: cases.May,
			Requirements: []string{"RFC7692-7.1.1.1-server-unasked", "RFC7692-7.1.2.1-server-unasked"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{
				Deflate: &cases.Deflate{Accept: []cases.Demand{{ServerNoContextTakeover: true, ServerMaxWindowBits: 10}}},
				Steps:   inTurn(zText(zProbe), zText(zProbe)),
			}},
			Want: comesBack(probe, probe),
		},
		{
			ID: "D.2.11", Title: "RSV1 in a text frame and in a binary one to a client, where no extension was agreed", Roles: onlyClients,
			Bugs: []cases.Bug{{
				Library: "aiohttp", Buggy: "3.14.1", Fixed: "3.14.2", Role: cases.Client, Source: "aio-libs/aiohttp#12976",
				What: "It inflated frames with RSV1 though no compression was agreed.",
			}},
			Requirements: []string{"RFC7692-5-proceed-without", "RFC6455-5.2-rsv-fail", "RFC6455-5.8-negotiate"},
			Conns:        []cases.Conn{{Steps: barred(zText(zProbe))}, {Steps: barred(marked)}, survived},
			Want:         failed,
		},
		{
			ID: "D.2.12", Title: "a value where none belongs in the response", Roles: onlyClients,
			Requirements: []string{"RFC7692-7.1.1.1-no-value", "RFC7692-7.1.1.2-no-value", "RFC7692-7-client-invalid-value"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				answers("permessage-deflate; server_no_context_takeover=1"), answers("permessage-deflate; client_no_context_takeover=true"),
			},
			Want: notOpened,
		},
	}
}
