package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// requestFields are requests with other fields, or the usual ones in another form.
func requestFields() []cases.Case {
	return []cases.Case{
		{
			ID: "H.1.18", Title: "Upgrade: websocket, and WEBSOCKET", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-upgrade", "RFC9110-7.8-case-insensitive"},
			Conns:        []cases.Conn{asked(cases.Set("Upgrade", "websocket")), asked(cases.Set("Upgrade", "WEBSOCKET"))},
			Want:         accepted,
		},
		{
			// A refusal is legal too: no server has to upgrade.
			ID: "H.1.19", Title: "Upgrade with other protocols beside websocket", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-upgrade", "RFC9110-7.8-not-indicated"},
			Conns: []cases.Conn{
				asked(cases.Set("Upgrade", "h2c, websocket/13, websocket"), cases.Add("HTTP2-Settings", "AAMAAABkAAQAAP__")),
				asked(cases.Set("Upgrade", "foo, websocket")),
				survived,
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.NamesOnly{Name: "Upgrade", Word: "websocket"}, probeEchoed}},
				{Grade: cases.Informational, Checks: cases.Every{status4xx}},
				{Grade: cases.NonStrict, Checks: dropped},
			},
		},
		{
			ID: "H.1.20", Title: "Upgrade: websocketx", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-upgrade"},
			Conns:        []cases.Conn{asked(cases.Set("Upgrade", "websocketx")), survived},
			Want:         notUpgraded,
		},
		{
			ID: "H.1.21", Title: "a request without Upgrade", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-upgrade"},
			Conns:        []cases.Conn{asked(cases.Without("Upgrade")), survived},
			Want:         notUpgraded,
		},
		{
			ID: "H.1.22", Title: "a request without Connection", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Without("Connection")), survived},
			Want:         notUpgraded,
		},
		{
			ID: "H.1.23", Title: "Connection: keep-alive, Upgrade", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "nhooyr.io/websocket", Buggy: "1.8.1", Fixed: "1.8.2", Role: cases.Server, Source: "coder/websocket#189",
				What: "It refused Connection: keep-alive, Upgrade, which Firefox sends.",
			}},
			Requirements: []string{"RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Set("Connection", "keep-alive, Upgrade"))},
			Want:         accepted,
		},
		{
			ID: "H.1.24", Title: "Connection in odd case, with blanks before the comma", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Set("Connection", "KEEP-ALIVE ,  uPGRADE"))},
			Want:         accepted,
		},
		{
			ID: "H.1.25", Title: "Upgrade in the second of two Connection fields", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Set("Connection", "keep-alive"), cases.Add("Connection", "Upgrade"))},
			Want:         accepted,
		},
		{
			ID: "H.1.26", Title: "Connection: Upgrade-Insecure", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "aiohttp", Buggy: "3.13.5", Fixed: "3.14.0", Role: cases.Server, Source: "aio-libs/aiohttp#12723",
				What: "It found upgrade inside the word notupgrade.",
			}},
			Requirements: []string{"RFC6455-4.2.1-connection"},
			Conns:        []cases.Conn{asked(cases.Set("Connection", "Upgrade-Insecure")), survived},
			Want:         notUpgraded,
		},
		{
			ID: "H.1.27", Title: "the fields in reverse order, with five unknown ones", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-order", "RFC6455-4.2.1-unknown-headers"},
			Conns: []cases.Conn{asked(
				cases.Add("X-One", "1"), cases.Add("X-Two", ""), cases.Add("X-Three", "a, b; c=\"d\""), cases.Add("X-Four", "4"), cases.Add("X-Five", "5"),
				cases.Reversed(),
			)},
			Want: accepted,
		},
		{
			ID: "H.1.28", Title: "field names in odd case", Roles: onlyServers,
			Requirements: []string{"RFC9110-5.1-name-case"},
			Conns: []cases.Conn{asked(
				cases.Replace("Host:", "HOST:"), cases.Replace("Upgrade:", "upgrade:"), cases.Replace("Connection:", "cONNECTION:"),
				cases.Replace("Sec-WebSocket-Key:", "sEC-wEBSOCKET-kEY:"), cases.Replace("Sec-WebSocket-Version:", "sec-websocket-version:"),
			)},
			Want: accepted,
		},
		{
			ID: "H.1.29", Title: "bytes that are not UTF-8, in the request target and in a field", Roles: onlyServers,
			Requirements: []string{"RFC6455-8.1-handshake-utf8", "RFC6455-4.2.1-reject-malformed"},
			Conns: []cases.Conn{
				{
					Head: cases.Head{cases.Start("GET {target}?\xc3\x28 HTTP/1.1")}, Steps: probed,
					Want: also(refused, cases.Clause{Grade: cases.Informational, Checks: cases.Every{probeEchoed}}),
				},
				{
					Head: cases.Head{cases.Add("X-Test", "\xff\xfe")}, Steps: probed,
					Want: also(accepted, refused...),
				},
				survived,
			},
			Want: refused,
		},
		{
			// The client breaks a rule itself (RFC 6455 §4.1: it waits for the response), so
			// a server may lose the frame, but not read it wrongly.
			ID: "H.1.30", Title: "the first frame in the same write as the request", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-steps", "RFC6455-5.1-data-any-time", "RFC6455-6.2-parse-frames"},
			Conns:        []cases.Conn{asked(cases.Together()), survived},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{probeEchoed}},
				{Grade: cases.Informational, Checks: cases.Every{status4xx}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Either{
					cases.Every{status101, check.Quiet{}, check.Clean{}, check.Code{wsproto.StatusNormalClosure}},
					cases.Every{dropped, check.OfItself{}}, // silence is no refusal
				}}},
			},
		},
	}
}

// requestTargets are requests with an unusual target, and half a request.
func requestTargets() []cases.Case {
	return []cases.Case{
		{
			// An echo server may serve every path.
			ID: "H.3.1", Title: "a path that nobody serves", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-resource-404"},
			Conns:        []cases.Conn{asked(cases.Start("GET /x-wsconform-nobody HTTP/1.1")), survived},
			Want:         also(accepted, cases.Clause{Grade: cases.OK, Checks: cases.Every{status4xx}}),
		},
		{
			ID: "H.3.2", Title: "a request target in absolute form", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-absolute-uri", "RFC9112-3.2.2-absolute-form"},
			Conns:        []cases.Conn{asked(cases.Start("GET http://{host}{target} HTTP/1.1"))},
			Want:         accepted,
		},
		{
			ID: "H.3.3", Title: "a path under /.well-known/", Roles: onlyServers, Level: cases.Informing,
			Requirements: []string{"RFC8307-1-well-known"},
			Conns:        []cases.Conn{asked(cases.Start("GET /.well-known/wsconform HTTP/1.1")), survived},
			Want:         also(accepted, cases.Clause{Grade: cases.OK, Checks: cases.Every{check.Status{From: 300, To: 499}}}),
		},
		{
			ID: "H.3.4", Title: "a request target with a query", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-get-1.1"},
			Conns:        []cases.Conn{asked(cases.Start("GET {target}?a=b%20c&d=%23 HTTP/1.1"))},
			Want:         accepted,
		},
		{
			ID: "H.3.5", Title: "half a request, then the end of our direction of TCP", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-7.2.2-server-abort", "RFC6455-5.5.1-server-closes-now", "RFC6455-7.1.4-clean"},
			Conns:        []cases.Conn{{Head: cases.Head{cases.Cut()}}, survived},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
				status4xx, cases.Every{check.NoAnswer{}, check.Ends{Within: cutPatience}},
			}}}},
		},
		{
			// The authority of the target counts, and Host is ignored. A server may serve any.
			ID: "H.3.6", Title: "a request target in absolute form that names another host", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC9112-3.2.2-absolute-form"},
			Conns:        []cases.Conn{asked(cases.Start("GET http://other.test{target} HTTP/1.1")), survived},
			Want:         also(accepted, cases.Clause{Grade: cases.OK, Checks: cases.Every{status4xx}}),
		},
	}
}

// cutPatience is how long a server may keep half a request: our direction ends a
// second after it was sent.
const cutPatience = failure + failure/5
