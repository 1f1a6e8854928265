package rfc

import (
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

// http is X: the handshake as messages of HTTP/1.1.
func http() []cases.Case {
	return slices.Concat(requestLines(), requestHosts(), requestForms(), requestBodies(), refusals(), redirects(), proxies())
}

// requestLines are requests with another method, version or target.
func requestLines() []cases.Case {
	return []cases.Case{
		{
			ID: "X.1.1", Title: "a POST with the fields of a handshake", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-get-1.1", "RFC9110-15.5.6-405"},
			Conns:        []cases.Conn{asked(cases.Start("POST {target} HTTP/1.1"), cases.Add("Content-Length", "0")), survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{
					check.Status{From: 400, To: 404},
					check.Status{From: 406, To: 499},
					cases.Every{check.Status{From: 405, To: 405}, check.HasField{Name: "Allow"}},
				}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{check.Status{From: 501, To: 501}, dropped}}},
			},
		},
		{
			ID: "X.1.2", Title: "a HEAD with the fields of a handshake", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-get-1.1"},
			Conns:        []cases.Conn{asked(cases.Start("HEAD {target} HTTP/1.1")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.3", Title: "the method get, in lower case", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-get-1.1", "RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{asked(cases.Start("get {target} HTTP/1.1")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.4", Title: "a handshake in HTTP/1.0", Roles: onlyServers,
			Disputed:     []string{"Many HTTP servers refuse or accept HTTP/1.0 before the WebSocket library sees the request."},
			Requirements: []string{"RFC9110-7.8-http10-ignore", "RFC6455-4.2.1-get-1.1"},
			Conns:        []cases.Conn{asked(cases.Start("GET {target} HTTP/1.0")), survived},
			Want: also(cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{check.Status{From: 200, To: 499}, check.Status{From: 505, To: 505}}}},
			}, refused...),
		},
		{
			ID: "X.1.5", Title: "HTTP/1.2, and HTTP/2.0, in the request line", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-get-1.1", "RFC9110-15.6.6-505"},
			Conns: []cases.Conn{
				asked(cases.Start("GET {target} HTTP/1.2")),
				{
					Head: cases.Head{cases.Start("GET {target} HTTP/2.0")}, Steps: probed,
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: cases.Every{check.Either{status4xx, check.Status{From: 505, To: 505}}}},
						{Grade: cases.NonStrict, Checks: cases.Every{check.Either{probeEchoed, check.Status{From: 501, To: 501}, dropped}}},
					},
				},
				survived,
			},
			Want: also(accepted, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Either{status4xx, check.Status{From: 505, To: 505}, dropped}}}),
		},
		{
			ID: "X.1.27", Title: "an empty line before the request line", Roles: onlyServers, Level: cases.Should,
			Disputed:     []string{"RFC 9112 2.2 says SHOULD, so a server that refuses a leading empty line is lenient, not failed."},
			Requirements: []string{"RFC9112-2.2-leading-crlf"},
			Conns:        []cases.Conn{asked(cases.Start("\r\nGET {target} HTTP/1.1")), survived},
			Want:         also(accepted, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Either{status4xx, dropped}}}),
		},
		{
			ID: "X.1.28", Title: "a request target of 7,900 bytes", Roles: onlyServers, Level: cases.Should,
			Requirements: []string{"RFC9112-3-long-target"},
			Conns:        []cases.Conn{asked(cases.Start("GET {target}?x=" + strings.Repeat("a", 7890) + " HTTP/1.1")), survived},
			Want: also(accepted, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
				check.Status{From: 414, To: 414}, check.Status{From: 431, To: 431},
			}}}),
		},
		{
			// A server that makes a Location of the target must not let it become a field.
			ID: "X.1.25", Title: "targets that a server may redirect, with a line break in them", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-4.2.2-redirect"},
			Conns: []cases.Conn{
				asked(cases.Start("GET /x%0d%0aX-Injected:%201 HTTP/1.1")), asked(cases.Start("GET //x-wsconform.test/%0d%0aX-Injected:%201 HTTP/1.1")),
				survived,
			},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NoField{Name: "X-Injected"}, check.Either{
				probeEchoed, status4xx, cases.Every{check.Status{From: 300, To: 399}, check.HasField{Name: "Location"}},
			}}}},
		},
		{
			ID: "X.1.34", Title: "the targets *, host:port, one with a fragment, and two blanks before one", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed"},
			Conns: []cases.Conn{
				asked(cases.Start("GET * HTTP/1.1")), asked(cases.Start("GET {host} HTTP/1.1")),
				asked(cases.Start("GET {target}#fragment HTTP/1.1")), asked(cases.Start("GET  {target} HTTP/1.1")),
				survived,
			},
			Want: refusedOrNot,
		},
	}
}

// requestHosts are requests with another Host.
func requestHosts() []cases.Case {
	return []cases.Case{
		{
			ID: "X.1.6", Title: "a request without Host", Roles: onlyServers,
			Requirements: []string{"RFC9112-3.2-host-400", "RFC6455-4.2.1-host"},
			Conns:        []cases.Conn{asked(cases.Without("Host")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.7", Title: "two Host fields, the right one second", Roles: onlyServers,
			Requirements: []string{"RFC9112-3.2-host-400", "RFC6455-4.2.1-host"},
			Conns:        []cases.Conn{asked(cases.Set("Host", "a.test"), cases.Add("Host", "{host}")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.8", Title: "a control byte in Host", Roles: onlyServers,
			Requirements: []string{"RFC9112-3.2-host-400"},
			Conns:        []cases.Conn{asked(cases.Set("Host", "a\x01b")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.33", Title: "a Host that is no host: a b, a/b, [::1 and a:b:c", Roles: onlyServers,
			Requirements: []string{"RFC9112-3.2-host-400"},
			Conns: []cases.Conn{
				asked(cases.Set("Host", "a b")), asked(cases.Set("Host", "a/b")), asked(cases.Set("Host", "[::1")), asked(cases.Set("Host", "a:b:c")),
				survived,
			},
			Want: refused,
		},
	}
}

// requestForms are requests whose lines are not those of a list of fields.
func requestForms() []cases.Case {
	return []cases.Case{
		{
			ID: "X.1.9", Title: "a blank before the colon of Upgrade", Roles: onlyServers,
			Requirements: []string{"RFC9112-5.1-ws-colon"},
			Conns:        []cases.Conn{asked(cases.Without("Upgrade"), cases.Line("Upgrade : websocket")), survived},
			Want:         refused,
		},
		{
			// A parser that ignores how a line begins finds Upgrade in the second request.
			ID: "X.1.10", Title: "a folded Connection, and Upgrade in the fold of another field", Roles: onlyServers,
			Requirements: []string{"RFC9112-5.2-obs-fold"},
			Conns: []cases.Conn{
				{Head: cases.Head{cases.Set("Connection", "keep-alive,\r\n Upgrade")}, Steps: probed, Want: also(accepted, refused...)},
				asked(cases.Without("Upgrade"), cases.Add("X-A", "b\r\n Upgrade: websocket")),
				survived,
			},
			Want: notUpgraded,
		},
		{
			// Where the CR ends the line, the request has an Upgrade.
			ID: "X.1.11", Title: "Upgrade behind a bare CR in another field of the request", Roles: onlyServers,
			Requirements: []string{"RFC9112-2.2-bare-cr", "RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{asked(cases.Without("Upgrade"), cases.Add("X-A", "b\rUpgrade: websocket")), survived},
			Want:         notUpgraded,
		},
		{
			// To take LF alone for the end of a line is permitted (RFC 9112 §2.2).
			ID: "X.1.12", Title: "lines that end with LF alone", Roles: onlyServers, Level: cases.Informing,
			Requirements: []string{"RFC9112-2.2-bare-lf", "RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{asked(cases.Replace("\r\n", "\n")), survived},
			Want:         also(accepted, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Either{status4xx, dropped}}}),
		},
		{
			ID: "X.1.13", Title: "NUL in the name of a field, and in a value", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{asked(cases.Add("X-\x00A", "b")), asked(cases.Add("X-A", "b\x00c")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.14", Title: "a line without a colon", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{asked(cases.Line("garbage")), survived},
			Want:         refusedOrNot,
		},
		{
			ID: "X.1.26", Title: "empty members in Connection, and in Upgrade", Roles: onlyServers,
			Requirements: []string{"RFC9110-5.6.1-empty-list", "RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Set("Connection", ",, Upgrade,")), asked(cases.Set("Upgrade", ",websocket,")), survived},
			Want:         accepted,
		},
		{
			ID: "X.1.32", Title: "the head ends with CR CR LF, with CR LF CR CR LF, and with LF LF", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed", "RFC9112-2.2-bare-cr", "RFC9112-2.2-bare-lf"},
			Conns: []cases.Conn{
				asked(cases.Replace("\r\n\r\n", "\r\r\n")),
				asked(cases.Replace("\r\n\r\n", "\r\n\r\r\n")),
				{Head: cases.Head{cases.Replace("\r\n\r\n", "\n\n")}, Steps: probed, Want: also(accepted, notSaid...)},
				survived,
			},
			Want: notSaid,
		},
	}
}

// notSaid grades a head that a server may wait for the end of, until we end TCP.
var notSaid = cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{status4xx, dropped}}}}

// framed is a masked text frame "hi". Behind a head that announces a body it is that
// body, and must not be taken for a frame.
const framed = "\x81\x82\x00\x00\x00\x00hi"

// requestBodies are requests that have a body, or seem to have.
func requestBodies() []cases.Case {
	return []cases.Case{
		{
			// Who reads both requests as one finds the right version in the second.
			ID: "X.1.35", Title: "a request without a version, and a whole one in the same write", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-version", "RFC6455-4.2.2-version-mismatch", "RFC6455-4.2.1-reject-malformed"},
			Conns: []cases.Conn{
				asked(cases.Without("Sec-WebSocket-Version"), cases.Replace("\r\n\r\n", "\r\n\r\nGET {target} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"+
					"Connection: Upgrade\r\nSec-WebSocket-Key: "+sampleKey+"\r\nSec-WebSocket-Version: 13\r\n\r\n")),
				survived,
			},
			Want: refused,
		},
		{
			// The chunk is a frame. A server that takes it for one answers with "hi".
			ID: "X.1.36", Title: "a request with a chunked body that looks like a frame", Roles: onlyServers,
			Requirements: []string{"RFC9112-7.1-chunked", "RFC6455-4.2.1-reject-malformed"},
			Needs:        []cases.Need{cases.NeedEcho},
			Conns: []cases.Conn{
				asked(cases.Add("Transfer-Encoding", "chunked"), cases.Replace("\r\n\r\n", "\r\n\r\n8\r\n"+framed+"\r\n0\r\n\r\n")),
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{status4xx, check.Status{From: 501, To: 501}, probeEchoed}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					dropped, cases.Every{status101, check.Quiet{}, check.Ends{Within: failure}},
				}}},
			},
		},
		{
			// The connection is to end behind a response; a 101 has none.
			ID: "X.1.37", Title: "Connection: close, Upgrade", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Set("Connection", "close, Upgrade")), survived},
			Want: also(accepted,
				cases.Clause{Grade: cases.OK, Checks: cases.Every{status4xx}},
				cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					cases.Every{dropped, check.OfItself{}}, cases.Every{status101, check.Quiet{}, check.OfItself{}, check.Ends{Within: failure}},
				}}},
			),
		},
		{
			ID: "X.1.15", Title: "a request with a body that looks like a frame", Roles: onlyServers,
			Requirements: []string{"RFC9112-6.3-cl-invalid", "RFC6455-4.2.1-reject-malformed"},
			Needs:        []cases.Need{cases.NeedEcho}, // of what looks like a frame
			Conns:        []cases.Conn{asked(cases.Add("Content-Length", "8"), cases.Replace("\r\n\r\n", "\r\n\r\n"+framed)), survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{status4xx, probeEchoed}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					dropped, cases.Every{status101, check.Quiet{}, check.Ends{Within: failure}},
				}}},
			},
		},
		{
			ID: "X.1.16", Title: "Content-Length with Transfer-Encoding: chunked", Roles: onlyServers, Level: cases.Should,
			Requirements: []string{"RFC9112-6.3-te-and-cl"},
			Conns: []cases.Conn{
				asked(cases.Add("Content-Length", "5"), cases.Add("Transfer-Encoding", "chunked"), cases.Replace("\r\n\r\n", "\r\n\r\n0\r\n\r\n")),
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status4xx}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					probeEchoed, dropped, cases.Every{status101, check.Quiet{}, check.Ends{Within: failure}},
				}}},
			},
		},
		{
			// A server that does not know the coding answers 501 (RFC 9112 §6.1).
			ID: "X.1.17", Title: "Transfer-Encoding: gzip", Roles: onlyServers,
			Requirements: []string{"RFC9112-6.3-te-not-final"},
			Conns:        []cases.Conn{asked(cases.Add("Transfer-Encoding", "gzip")), survived},
			Want:         also(cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Status{From: 501, To: 501}}}}, refused...),
		},
		{
			ID: "X.1.18", Title: "a Content-Length that is no number: -1, 1 2 and 0x5", Roles: onlyServers,
			Requirements: []string{"RFC9112-6.3-cl-invalid"},
			Conns: []cases.Conn{
				asked(cases.Add("Content-Length", "-1")), asked(cases.Add("Content-Length", "1 2")), asked(cases.Add("Content-Length", "0x5")),
				survived,
			},
			Want: refused,
		},
		{
			ID: "X.1.19", Title: "two Content-Length fields, 0 and 5", Roles: onlyServers,
			Requirements: []string{"RFC9112-6.3-cl-invalid"},
			Conns:        []cases.Conn{asked(cases.Add("Content-Length", "0"), cases.Add("Content-Length", "5")), survived},
			Want:         refused,
		},
		{
			ID: "X.1.20", Title: "Expect: 100-continue with an empty body", Roles: onlyServers,
			Requirements: []string{"RFC9110-7.8-expect"},
			Conns:        []cases.Conn{asked(cases.Add("Expect", "100-continue"), cases.Add("Content-Length", "0")), survived},
			Want: also(accepted, // there is nothing to wait for
				cases.Clause{Grade: cases.OK, Checks: cases.Every{status4xx}},
				cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{dropped, check.OfItself{}}},
			),
		},
	}
}

// refusals look at how a server refuses.
func refusals() []cases.Case {
	return []cases.Case{
		{
			ID: "X.1.21", Title: "a refusal, and where its body ends", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed", "RFC6455-10.7-http-status"},
			Conns:        []cases.Conn{asked(cases.Without("Sec-WebSocket-Key")), survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status4xx, check.Measured{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{status4xx, dropped}}},
			},
		},
		{
			ID: "X.1.22", Title: "a right request on the connection of one that was refused", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed", "RFC6455-7.2.2-server-abort"},
			Conns:        []cases.Conn{asked(cases.Refused("Sec-WebSocket-Key")), survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{status4xx, check.Either{probeEchoed, check.Parts{}}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.OfItself{}, check.Either{cases.Every{status4xx, check.Ends{Within: refusal}}, dropped}}},
			},
		},
		{
			ID: "X.1.24", Title: "credentials that no server knows", Roles: onlyServers,
			Requirements: []string{"RFC9110-15.5.2-401", "RFC6455-4.2.2-auth"},
			Conns:        []cases.Conn{asked(cases.Add("Authorization", "Basic bm9ib2R5OmtlZXAgb3V0")), survived},
			Want: also(accepted,
				cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Status{From: 401, To: 401}, check.HasField{Name: "WWW-Authenticate"}}},
				cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Either{
					check.Status{From: 400, To: 400}, check.Status{From: 402, To: 499},
				}}},
				cases.Clause{Grade: cases.NonStrict, Checks: dropped},
			),
		},
		{
			ID: "X.1.23", Title: "a GET without any field of a handshake", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-reject-malformed", "RFC9110-7.8-426-upgrade"},
			Conns: []cases.Conn{
				asked(
					cases.Without("Upgrade"), cases.Without("Connection"), cases.Without("Sec-WebSocket-Key"), cases.Without("Sec-WebSocket-Version"),
					cases.Without("Sec-WebSocket-Protocol"), cases.Without("Sec-WebSocket-Extensions"),
				),
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{
					check.Status{From: 200, To: 425},
					check.Status{From: 427, To: 499},
					cases.Every{check.Status{From: 426, To: 426}, check.HasField{Name: "Upgrade"}},
				}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{check.Status{From: 426, To: 426}, dropped}}},
			},
		},
		{
			// The eight bytes behind the head are those that its digest is about.
			ID: "X.1.29", Title: "the handshake of Hixie-76", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-version-mismatch", "RFC6455-4.2.1-reject-malformed"},
			Conns: []cases.Conn{
				asked(
					cases.Without("Sec-WebSocket-Key"), cases.Without("Sec-WebSocket-Version"), cases.Add("Origin", "http://{host}"),
					cases.Add("Sec-WebSocket-Key1", "4 @1  46546xW%0l 1 5"), cases.Add("Sec-WebSocket-Key2", "12998 5 Y3 1  .P00"),
					cases.Replace("\r\n\r\n", "\r\n\r\n^n:ds[4U"),
				),
				survived,
			},
			Want: also(refused, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{status101, check.HasField{Name: "Sec-WebSocket-Origin"}}}),
		},
	}
}

// lastOne ends the connection behind a response that opens nothing, else a client of HTTP may use
// TCP for its next request.
var lastOne = cases.Set("Connection", "Upgrade, close")

// redirects are responses of HTTP to a client's handshake. Each has the fields of one
// that opens, too.
func redirects() []cases.Case {
	return []cases.Case{
		{
			ID: "X.2.1", Title: "a redirect", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101", "WHATWG-WS-redirect-error"},
			Conns: []cases.Conn{misled(
				cases.Start("HTTP/1.1 302 Found"), cases.Add("Location", "http://{host}/elsewhere"), cases.Add("Content-Length", "0"), lastOne,
			)},
			Want: notOpened,
		},
		{
			ID: "X.2.2", Title: "a redirect to the same URL, again and again", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101", "RFC9110-15.4-cyclic"},
			Conns: []cases.Conn{
				{
					Head: cases.Head{
						cases.Start("HTTP/1.1 302 Found"), cases.Add("Location", "{target}"), cases.Add("Content-Length", "0"), cases.Set("Connection", "close"),
					},
					Steps: tempted,
					Want: cases.Clauses{
						{Grade: cases.OK, Checks: append(slices.Clone(notOpened[0].Checks), check.Retries{Most: 30})},
						{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.Retries{Most: 100}}},
					},
				},
				survived,
			},
			Want: notOpened,
		},
		{
			// The other host is this machine by another name.
			ID: "X.2.3", Title: "a redirect to another host, of a request with a name and a password", Roles: onlyClients, Level: cases.Robustness, Needs: onURL,
			Requirements: []string{"RFC9110-15.4-credentials", "WHATWG-WS-redirect-error"},
			Conns: []cases.Conn{{
				URL: "ws://user:secret@{host}:{port}/",
				Head: cases.Head{
					cases.Start("HTTP/1.1 302 Found"), cases.Add("Location", "http://localhost:{port}/elsewhere"), cases.Add("Set-Cookie", "session=secret"),
					cases.Add("Content-Length", "0"), cases.Set("Connection", "close"),
				},
				Steps: tempted,
			}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.NoRequest{}}}, // it takes no such URL
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.Withholds{"Authorization", "Cookie"}}},
			},
		},
		{
			// A name and a password that were to go through TLS must not go without it.
			ID: "X.2.4", Title: "redirects from wss to http and to ws, of a request with a name and a password", Roles: onlyClients,
			Level: cases.Robustness, Needs: []cases.Need{cases.NeedTLS, cases.NeedURL},
			Requirements: []string{"RFC9110-15.4-credentials", "WHATWG-WS-redirect-error"},
			Conns:        []cases.Conn{downgraded("http"), downgraded("ws")},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.NoRequest{}}}, // it takes no such URL
				{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.StaysSecure{}}},
				{Grade: cases.Informational, Checks: cases.Every{check.Quiet{}, check.OfItself{}, check.WithholdsPlain{"Authorization", "Cookie"}}},
			},
		},
		{
			ID: "X.2.5", Title: "a 401 with a body of four bytes, behind which TCP stays open", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101", "RFC6455-7.2.1-client-fail"},
			Conns: []cases.Conn{{
				Head: cases.Head{
					cases.Start("HTTP/1.1 401 Unauthorized"), cases.Add("WWW-Authenticate", `Basic realm="x"`), cases.Add("Content-Length", "4"),
					cases.Set("Connection", "close"), // else a client of HTTP may use TCP again
					cases.Replace("\r\n\r\n", "\r\n\r\nbody"),
				},
				Steps: []cases.Step{cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotClose}}},
			}},
			Want: notOpened,
		},
		{
			ID: "X.2.6", Title: "a 426 that lists versions 8 and 7", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101"},
			Conns: []cases.Conn{misled(
				cases.Start("HTTP/1.1 426 Upgrade Required"), cases.Add("Sec-WebSocket-Version", "8, 7"), cases.Add("Content-Length", "0"), lastOne,
			)},
			Want: notOpened,
		},
		{
			ID: "X.2.7", Title: "a 400 with the versions 13 and 8 in two fields", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101", "RFC6455-11.3.5-version-multi-resp", "RFC6455-4.4-version-retry"},
			Conns: []cases.Conn{misled(
				cases.Start("HTTP/1.1 400 Bad Request"), cases.Add("Sec-WebSocket-Version", "13"), cases.Add("Sec-WebSocket-Version", "8"),
				cases.Add("Content-Length", "0"), lastOne,
			)},
			Want: notOpened,
		},
		{
			ID: "X.2.8", Title: "a 403 with a chunked body and a trailer", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101", "RFC9112-7.1-chunked"},
			Conns: []cases.Conn{{
				Head: cases.Head{
					cases.Start("HTTP/1.1 403 Forbidden"), cases.Set("Connection", "close"), cases.Add("Transfer-Encoding", "chunked"),
					cases.Replace("\r\n\r\n", "\r\n\r\n2\r\nno\r\n1\r\n,\r\n4\r\n no!\r\n0\r\nX-Trailer: 1\r\n\r\n"),
				},
				Steps: []cases.Step{cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotClose}}},
			}},
			Want: notOpened,
		},
		{
			// Libraries read the body for the text of an exception.
			ID: "X.2.9", Title: "a 500 with a chunked body that does not end", Roles: onlyClients, Load: cases.Heavy,
			Requirements: []string{"RFC6455-4.1-non-101", "RFC6455-10.4-protect-limits"},
			Conns: []cases.Conn{{
				Head: cases.Head{cases.Start("HTTP/1.1 500 Internal Server Error"), cases.Add("Transfer-Encoding", "chunked")},
				Steps: append(
					slices.Repeat([]cases.Step{cases.Raw("10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n")}, 256),
					cases.Await{For: refusal, Until: []transcript.EventKind{transcript.GotClose}},
				),
			}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Ends{Within: refusal}}}},
		},
		{
			ID: "X.2.10", Title: "a 503 with Retry-After: 1", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101"},
			Conns: []cases.Conn{misled(
				cases.Start("HTTP/1.1 503 Service Unavailable"), cases.Add("Retry-After", "1"), cases.Add("Content-Length", "0"), lastOne,
			)},
			Want: notOpened,
		},
	}
}

// downgraded is a connection with TLS whose response redirects to this scheme, which has none.
func downgraded(scheme string) cases.Conn {
	return cases.Conn{
		URL: "wss://user:secret@localhost:{port}/",
		Head: cases.Head{
			cases.Start("HTTP/1.1 302 Found"), cases.Add("Location", scheme+"://localhost:{port}/elsewhere"), cases.Add("Set-Cookie", "session=secret; Secure"),
			cases.Add("Content-Length", "0"), cases.Set("Connection", "close"),
		},
		Steps: tempted,
	}
}
