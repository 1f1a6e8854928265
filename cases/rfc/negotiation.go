package rfc

import (
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// negotiation is P: subprotocols and extensions.
func negotiation() []cases.Case {
	return slices.Concat(serverSubprotocols(), clientSubprotocols(), serverExtensions(), clientExtensions())
}

// serverSubprotocols are P.1: the subprotocols that a server is offered.
func serverSubprotocols() []cases.Case {
	return []cases.Case{
		{
			ID: "P.1.1", Title: "three subprotocols offered; the server speaks one", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-subprotocol-derived", "RFC6455-11.3.4-proto-once-resp"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Protocol"), cases.Add("Sec-WebSocket-Protocol", "unknown, chat, superchat")}}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Status{From: 101, To: 101}, check.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"},
			}}},
		},
		{
			ID: "P.1.2", Title: "two subprotocols offered that the server does not know", Roles: onlyServers,
			Disputed: []string{"A server may choose by the client's order or by its own: both choices pass."},
			Requirements: []string{
				"RFC6455-4.2.2-subprotocol-derived", "RFC6455-4.2.2-subprotocol-none", "RFC6455-4.2.2-subprotocol-not-empty",
			},
			Conns: []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Protocol"), cases.Add("Sec-WebSocket-Protocol", "x-unknown-1, x-unknown-2")}}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Status{From: 101, To: 101}, check.NoField{Name: "Sec-WebSocket-Protocol"}}},
				{Grade: cases.OK, Checks: cases.Every{check.Status{From: 400, To: 499}}},
				{Grade: cases.NonStrict, Checks: cases.Every{
					check.Status{From: 101, To: 101}, check.Fields{Name: "Sec-WebSocket-Protocol", Value: "x-unknown-1"},
				}},
				{Grade: cases.NonStrict, Checks: dropped},
			},
		},
		{
			ID: "P.1.4", Title: "a subprotocol offered in capitals", Roles: onlyServers,
			Requirements: []string{"RFC7936-2-case-sensitive", "RFC6455-4.2.2-subprotocol-derived"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Add("Sec-WebSocket-Protocol", "CHAT")}}},
			Want:         cases.Clauses{unprotocoled, {Grade: cases.OK, Checks: cases.Every{status4xx}}},
		},
		{
			ID: "P.1.5", Title: "three Sec-WebSocket-Protocol fields; the server speaks the last", Roles: onlyServers, Level: cases.May,
			Requirements: []string{"RFC6455-11.3.4-proto-multi-req"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns: []cases.Conn{{Head: cases.Head{
				cases.Add("Sec-WebSocket-Protocol", "x-unknown-1"), cases.Add("Sec-WebSocket-Protocol", "x-unknown-2"),
				cases.Add("Sec-WebSocket-Protocol", "chat"),
			}}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{status101, check.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"}}}},
		},
		{
			ID: "P.1.6", Title: "offers of subprotocols that are no lists of tokens", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed", "RFC6455-4.1-protocol-token"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns: []cases.Conn{
				speaking(""), speaking("chat chat"), speaking("ch@t,chat"), speaking(`"chat"`),
				{
					Head: cases.Head{cases.Add("Sec-WebSocket-Protocol", ",chat")},
					Want: cases.Clauses{spokenChat, unprotocoled, {Grade: cases.OK, Checks: cases.Every{status4xx}}},
				},
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status4xx}},
				{Grade: cases.NonStrict, Checks: cases.Every{status101, check.Either{
					check.NoField{Name: "Sec-WebSocket-Protocol"}, check.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"},
				}}},
			},
		},
		{
			ID: "P.1.7", Title: "a subprotocol offered twice", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.1-protocol-unique", "RFC6455-11.3.4-proto-once-resp"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Without("Sec-WebSocket-Protocol"), cases.Add("Sec-WebSocket-Protocol", "chat, chat")}}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Status{From: 400, To: 499}}},
				{Grade: cases.OK, Checks: cases.Every{check.Status{From: 101, To: 101}, check.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Status{From: 101, To: 101}, check.NoField{Name: "Sec-WebSocket-Protocol"}}},
			},
		},
		{
			// A pattern with two repetitions takes the square of the length to fail.
			ID: "P.1.8", Title: "a subprotocol with 7500 blanks in it", Roles: onlyServers, Load: cases.Heavy, Level: cases.Robustness,
			Requirements: []string{"RFC6455-10.4-protect-limits", "RFC6455-4.2.1-reject-malformed"},
			Conns: timed(
				cases.Add("Sec-WebSocket-Protocol", "b x"), cases.Add("Sec-WebSocket-Protocol", "b"+strings.Repeat(" ", 7500)+"x"),
			),
			Want: answeredOrRefused,
		},
		{
			ID: "P.1.9", Title: "a subprotocol and another field behind it, folded", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-subprotocol-derived", "RFC9112-5.2-obs-fold"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Line("Sec-WebSocket-Protocol: chat"), cases.Line(" X-Injected: 1")}}, survived},
			Want: append(cases.Clauses{{Grade: cases.Failed, Checks: cases.Every{check.HasField{Name: "X-Injected"}}}}, also(
				refused, cases.Clause{Grade: cases.OK, Checks: cases.Every{status101}},
			)...),
		},
	}
}

// clientSubprotocols are P.2: those that a client offers, and responses to them.
func clientSubprotocols() []cases.Case {
	return []cases.Case{
		{
			ID: "P.2.1", Title: "the subprotocols that a client offers", Roles: onlyClients,
			Requirements: []string{
				"RFC6455-4.1-protocol-optional", "RFC6455-4.1-protocol-token", "RFC6455-4.1-protocol-unique", "RFC6455-11.3.4-proto-multi-req",
			},
			Conns: []cases.Conn{{}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Unasked{Name: "Sec-WebSocket-Protocol"}}},
				{Grade: cases.OK, Checks: cases.Every{check.Sound{}}},
			},
		},
		{
			ID: "P.2.2", Title: "a response with a subprotocol that was not offered", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC6455-4.1-validate-response"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Add("Sec-WebSocket-Protocol", "x-unrequested")}, Steps: tempted}},
			Want:         notOpened,
		},
		{
			ID: "P.2.3", Title: "a subprotocol in another case than it was offered in", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC7936-2-case-sensitive"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{chosen("{PROTOCOL}")},
			Want:         notSpoken,
		},
		{
			ID: "P.2.4", Title: "two fields of subprotocols in the response", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC6455-11.3.4-proto-once-resp"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{chosen("{protocol}", "{protocol}")},
			Want:         notSpoken,
		},
		{
			ID: "P.2.5", Title: "a response with an empty subprotocol", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC6455-4.2.2-subprotocol-not-empty"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{chosen("")},
			Want:         notSpoken,
		},
		{
			// RFC 6455 lets the client go on; a browser has to fail (WHATWG).
			ID: "P.2.6", Title: "a response without one of the subprotocols that were offered", Roles: onlyClients, Level: cases.Informing,
			Requirements: []string{"RFC6455-4.1-resp-protocol", "WHATWG-WS-subprotocol-required"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{chosen()},
			Want:         append(cases.Clauses{voiceless, {Grade: cases.OK, Checks: cases.Every{probeEchoed}}}, notOpened...),
		},
		{
			ID: "P.2.7", Title: "a response with a list of subprotocols", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC6455-11.3.4-proto-once-resp"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{chosen("{protocol}, {protocol}")},
			Want:         notSpoken,
		},
		{
			ID: "P.2.8", Title: "each of the subprotocols that were offered", Roles: onlyClients,
			Bugs: []cases.Bug{{
				Library: "undici", Buggy: "6.6.2", Fixed: "6.7.0", Role: cases.Client, Source: "nodejs/undici#2845",
				What: "It refused the second of the subprotocols that it had offered.",
			}},
			Requirements: []string{"RFC6455-4.1-resp-protocol", "RFC6455-4.1-validate-response"},
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Conns:        []cases.Conn{chosen("{protocol}"), chosen("{protocol-last}")},
			Want:         append(cases.Clauses{voiceless}, accepted...),
		},
	}
}

// serverExtensions are P.3: extensions that a server is offered.
func serverExtensions() []cases.Case {
	return []cases.Case{
		{
			ID: "P.3.1", Title: "a request without extensions", Roles: onlyServers,
			Requirements: []string{
				"RFC6455-9-server-unrequested", "RFC6455-4.2.2-extensions-unlisted", "RFC6455-4.2.2-extensions-derived", "RFC6455-5.8-negotiate",
			},
			Conns: []cases.Conn{{}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
				check.Status{From: 101, To: 101}, check.NoField{Name: "Sec-WebSocket-Extensions"},
			}}},
		},
		{
			ID: "P.3.2", Title: "an unknown extension offered", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-extensions-unlisted", "RFC6455-4.2.2-extensions-derived", "RFC6455-9.1-registered"},
			Conns:        []cases.Conn{{Deflate: &cases.Deflate{Offers: "x-unknown; a=1"}}},
			Want:         cases.Clauses{unextended, {Grade: cases.NonStrict, Checks: cases.Every{check.Status{From: 400, To: 499}}}},
		},
		{
			ID: "P.3.3", Title: "fields of extensions that are no lists of extensions", Roles: onlyServers,
			Requirements: []string{"RFC6455-9.1-malformed-fail", "RFC6455-9.1-quoted-token", "RFC6455-4.3-quoted-token"},
			Conns: offering(
				"permessage-deflate;; a", "permessage-deflate; =1", `permessage-deflate; a="b c"`, ";x", `"unterminated`,
			),
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status4xx}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					dropped, cases.Every{status101, check.NoField{Name: "Sec-WebSocket-Extensions"}},
				}}},
			},
		},
		{
			// Tables of names that are objects of a language have more in them than was put
			// there: a server died of these.
			ID: "P.3.4", Title: "extensions named like properties of objects offered", Roles: onlyServers, Level: cases.Robustness,
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "3.3.0", Fixed: "3.3.1", Role: cases.Server, Source: "websockets/ws commit c4fe4660",
				What: "An extension named constructor, which every JavaScript object inherits, ended the process.",
			}},
			Requirements: []string{"RFC6455-9.1-malformed-fail", "RFC6455-10.4-protect-limits", "RFC6455-4.2.2-extensions-derived"},
			Conns: []cases.Conn{
				{Deflate: &cases.Deflate{Offers: "constructor, __proto__; toString=1, hasOwnProperty; a"}},
				survived,
			},
			Want: cases.Clauses{unextended, {Grade: cases.OK, Checks: cases.Every{check.Status{From: 400, To: 499}}}},
		},
		{
			// Patterns for quoted values were known to take the square or the exponent of their
			// length.
			ID: "P.3.5", Title: "an extension with 7000 backslashes in quotes that do not end", Roles: onlyServers, Load: cases.Heavy, Level: cases.Robustness,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns: timed(
				cases.Add("Sec-WebSocket-Extensions", `a; b="\\\\"`), cases.Add("Sec-WebSocket-Extensions", `a; b="`+strings.Repeat(`\\`, 3500)),
			),
			Want: answeredOrRefused,
		},
		{
			ID: "P.3.6", Title: "offers over two fields, in both orders", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "wsproto", Buggy: "1.1.0", Fixed: "1.2.0", Role: cases.Server, Source: "wsproto changelog 1.2.0",
				What: "A second Sec-WebSocket-Extensions line replaced the first.",
			}},
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
			ID: "P.3.7", Title: "a window in quotes", Roles: onlyServers,
			Requirements: []string{"RFC6455-9.1-quoted-token", "RFC6455-4.3-quoted-token", "RFC7692-7.1.2.1-resp-not-larger"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        offering(`permessage-deflate; server_max_window_bits="10"`),
			Want: append(cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status101, check.Bits{Param: "server_max_window_bits", From: 8, To: 10}}},
			}, declined...),
		},
		{
			ID: "P.3.8", Title: "an extension with 3500 parameters", Roles: onlyServers, Load: cases.Heavy, Level: cases.Robustness,
			Requirements: []string{"RFC6455-10.4-protect-limits"},
			Conns: timed(
				cases.Add("Sec-WebSocket-Extensions", "a; a; a"), cases.Add("Sec-WebSocket-Extensions", "a"+strings.Repeat(";a", 3500)),
			),
			Want: answeredOrRefused,
		},
	}
}

// clientExtensions are P.4: extensions in responses.
func clientExtensions() []cases.Case {
	return []cases.Case{
		{
			ID: "P.4.1", Title: "a response with an extension that was not offered", Roles: onlyClients,
			Requirements: []string{
				"RFC6455-4.1-resp-extension", "RFC6455-9-server-unrequested", "RFC6455-9.1-registered", "RFC6455-4.1-validate-response",
			},
			Conns: []cases.Conn{answers("x-unrequested")},
			Want:  notOpened,
		},
		{
			ID: "P.4.2", Title: "extensions in the response that are no list of extensions", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-extension", "RFC6455-9.1-malformed-fail", "RFC6455-9.1-quoted-token", "RFC6455-4.3-quoted-token"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns:        []cases.Conn{answers(`permessage-deflate; ="1`), answers(`permessage-deflate; server_max_window_bits="1 0"`)},
			Want:         notOpened,
		},
		{
			// The RFC's text forbids a second field, its erratum 3433 allows it.
			ID: "P.4.3", Title: "extensions over two fields of the response", Roles: onlyClients, Level: cases.May,
			Requirements: []string{"RFC6455-11.3.2-ext-multi-resp"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{
				{Deflate: plain, Head: cases.Head{cases.Add("Sec-WebSocket-Extensions", "")}, Steps: inTurn(zText(zProbe))},
				{
					Head:  cases.Head{cases.Add("Sec-WebSocket-Extensions", ""), cases.Add("Sec-WebSocket-Extensions", "x-unrequested")},
					Steps: tempted, Want: notOpened,
				},
			},
			Want: also(comesBack(probe), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}}}),
		},
		{
			ID: "P.4.4", Title: "permessage-deflate in the response to a request without it", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-extension", "RFC6455-5.8-negotiate", "RFC7692-5-invalid-response", "RFC7692-5-offer-name"},
			Conns:        []cases.Conn{answers("permessage-deflate")},
			Want:         append(cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Offers{}}}}, notOpened...),
		},
		{
			ID: "P.4.5", Title: "a window in quotes in the response", Roles: onlyClients,
			Requirements: []string{"RFC6455-9.1-quoted-token", "RFC6455-4.3-quoted-token", "RFC6455-9-params-per-spec"},
			Needs:        []cases.Need{cases.NeedDeflate},
			Conns: []cases.Conn{{
				Deflate: &cases.Deflate{Accept: []cases.Demand{{ServerMaxWindowBits: 10}}},
				Head:    cases.Head{cases.Replace("server_max_window_bits=10", `server_max_window_bits="10"`)},
				Steps:   inTurn(zText(zProbe)),
			}},
			Want: also(comesBack(probe), cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{
				check.Quiet{}, check.Either{check.Dropped{Within: failure}, check.Code{wsproto.StatusProtocolError, wsproto.StatusMandatoryExt}},
			}}),
		},
	}
}

// unextended is the clause of servers that open the connection without an extension.
var unextended = cases.Clause{Grade: cases.OK, Checks: cases.Every{
	check.Status{From: 101, To: 101}, check.NoField{Name: "Sec-WebSocket-Extensions"},
}}

// What the grades of subprotocols have in common.
var (
	spokenChat   = cases.Clause{Grade: cases.OK, Checks: cases.Every{status101, check.Fields{Name: "Sec-WebSocket-Protocol", Value: "chat"}}}
	unprotocoled = cases.Clause{Grade: cases.OK, Checks: cases.Every{status101, check.NoField{Name: "Sec-WebSocket-Protocol"}}}

	// voiceless is the clause of clients that offer no subprotocol.
	voiceless = cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{check.Unasked{Name: "Sec-WebSocket-Protocol"}}}
	notSpoken = append(cases.Clauses{voiceless}, notOpened...)
)

// speaking offers subprotocols.
func speaking(offer string) cases.Conn {
	return cases.Conn{Head: cases.Head{cases.Add("Sec-WebSocket-Protocol", offer)}}
}

// chosen is a response with these subprotocols, in a field each, and no other.
func chosen(protocols ...string) cases.Conn {
	head := cases.Head{cases.Without("Sec-WebSocket-Protocol")}
	for _, p := range protocols {
		head = append(head, cases.Add("Sec-WebSocket-Protocol", p))
	}
	return cases.Conn{Head: head, Steps: tempted}
}
