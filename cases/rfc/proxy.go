package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// proxies is X.2 as far as it is about a proxy that the client is told to use. The name of the
// server is one that only the proxy could look up.
func proxies() []cases.Case {
	return []cases.Case{
		{
			// A proxy that takes a GET need not know WebSocket, and then drops Upgrade.
			ID: "X.2.11", Title: "a proxy of HTTP, whose response is half a second late", Roles: onlyClients, Level: cases.Should, Needs: throughProxy,
			Requirements: []string{"RFC6455-4.1-proxy-connect", "RFC6455-4.1-sends-handshake"},
			Conns: []cases.Conn{
				{
					URL: "ws://" + farName + ":{port}/", Proxy: "http", Tunnel: cases.Head{cases.Delayed()}, Steps: probed,
					Want: tunnelled(farName+":{port}", farName+":{port}"),
				},
				{
					URL: "ws://" + farName + "/", Proxy: "http", Tunnel: cases.Head{cases.Delayed()}, Steps: probed,
					Want: tunnelled(farName+":80", farName),
				},
			},
			Want: tunnelled(farName+":{port}", farName+":{port}"),
		},
		{
			// The error of a proxy is taken for the answer of the server, or not looked at.
			ID: "X.2.12", Title: "a proxy that answers 407, one that answers 502, and one whose head does not end", Roles: onlyClients, Needs: throughProxy,
			Requirements: []string{"RFC6455-4.1-open-failure", "RFC6455-4.1-proxy-connect"},
			Conns: []cases.Conn{
				behindProxy(
					cases.Start("HTTP/1.1 407 Proxy Authentication Required"), cases.Add("Proxy-Authenticate", `Basic realm="x"`),
					cases.Add("Content-Length", "0"), cases.Add("Connection", "close"),
				),
				behindProxy(cases.Start("HTTP/1.1 502 Bad Gateway"), cases.Add("Content-Length", "0"), cases.Add("Connection", "close")),
				behindProxy(cases.Long("X-Fill", 8<<20), cases.Cut()),
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Proxied{}, check.NoRequest{}, check.Ends{Within: refusal}}},
				{Grade: cases.Informational, Checks: unproxied},
			},
		},
		{
			// What comes before the request cannot be its response. A client that follows the redirect
			// has taken it for that.
			ID: "X.2.13", Title: "a redirect in the same write as the 200 of the proxy", Roles: onlyClients, Level: cases.Should, Needs: throughProxy,
			Requirements: []string{"RFC6455-4.1-proxy-connect", "RFC6455-4.1-validate-response"},
			Conns: []cases.Conn{behindProxy(cases.Replace("\r\n\r\n", "\r\n\r\n"+
				"HTTP/1.1 302 Found\r\nLocation: http://"+farName+":{port}/elsewhere\r\nContent-Length: 0\r\n\r\n"))},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Proxied{}, check.Retries{}, check.Either{
					probeEchoed, cases.Every{check.Quiet{}, check.OfItself{}},
				}}},
				{Grade: cases.Informational, Checks: unproxied},
			},
		},
		{
			// A name that is looked up outside the tunnel tells the network where it leads.
			ID: "X.2.14", Title: "a proxy of SOCKS that is to look up the name", Roles: onlyClients, Level: cases.Should, Needs: throughProxy,
			Requirements: []string{"RFC6455-4.1-proxy-connect", "RFC6455-4.1-sends-handshake"},
			Conns: []cases.Conn{
				{
					URL: "ws://" + farName + ":{port}/", Proxy: "socks5h", Tunnel: cases.Head{cases.Delayed()}, Steps: probed, Want: namedTo(farName + ":{port}"),
				},
				{
					URL: "ws://localhost:{port}/", Proxy: "socks5h", Tunnel: cases.Head{cases.Delayed()}, Steps: probed, Want: namedTo("localhost:{port}"),
				},
			},
			Want: namedTo(farName + ":{port}"),
		},
		{
			ID: "X.2.15", Title: "a URL of wss, and a proxy of HTTP whose response is half a second late", Roles: onlyClients,
			Needs:        append([]cases.Need{cases.NeedTLS, cases.NeedAuthority}, throughProxy...),
			Requirements: []string{"RFC6455-4.1-tls-first", "RFC6455-4.1-sni", "RFC6455-4.1-proxy-connect"},
			Conns:        []cases.Conn{{URL: "wss://" + farName + ":{port}/", Proxy: "http", Tunnel: cases.Head{cases.Delayed()}, Steps: probed}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: append(
				cases.Every{check.NamesServer{Name: farName}}, tunnelled(farName+":{port}", farName+":{port}")[0].Checks...,
			)}},
		},
	}
}

// farName is a name that nobody has (RFC 6761 §6.2).
const farName = "wsconform.test"

var (
	throughProxy = []cases.Need{cases.NeedURL, cases.NeedProxy}

	// unproxied is true of a client that does not know this kind of proxy, or goes past it.
	unproxied = cases.Every{check.Not{Check: check.Proxied{}}, check.Quiet{}}
)

// behindProxy is a connection through a proxy of HTTP with this response.
func behindProxy(edits ...cases.Edit) cases.Conn {
	return cases.Conn{URL: "ws://" + farName + ":{port}/", Proxy: "http", Tunnel: slices.Clone(edits), Steps: probed}
}

// tunnelled grades a client that is to ask for a tunnel to this address, and then for a WebSocket
// at this host.
func tunnelled(to, host string) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{
		check.Tunnels{To: to}, check.NoOffence{}, check.AsksHost{Host: host}, check.Targets{"/"}, probeEchoed,
	}}}
}

// namedTo grades a client that is to leave the name to the proxy.
func namedTo(to string) cases.Clauses {
	return cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.AsksByName{To: to}, check.NoOffence{}, probeEchoed}},
		{Grade: cases.Informational, Checks: unproxied},
	}
}
