package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

var onURL = []cases.Need{cases.NeedURL}

// urls is O.2 as far as it is about the URL: what a client makes of it. A client may
// refuse a URL that is not quite right.
func urls() []cases.Case {
	return []cases.Case{
		{
			// Signed URLs and virtual hosts break on a port that nobody wrote.
			ID: "O.2.3", Title: "a URL without a port", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-4.1-host-header", "RFC6455-3-default-port"},
			Conns:        []cases.Conn{{URL: "ws://{host}/", Listen: "127.0.0.1:80"}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.AsksHost{Host: "{host}"}, check.Targets{"/"}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.AsksHost{Host: "{host}:80"}, check.Targets{"/"}}},
			},
		},
		{
			// What splits host and port at the first colon loses the brackets.
			ID: "O.2.4", Title: "the URL of an IPv6 address", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-4.1-host-header"},
			Conns:        []cases.Conn{{URL: "ws://{host}:{port}/", Listen: "[::1]:0"}},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.AsksHost{Host: "{host}:{port}"}, check.Targets{"/"}}}},
		},
		{
			ID: "O.2.5", Title: "URLs without a path, with a query and without", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-4.1-request-uri", "RFC6455-4.1-get-1.1"},
			Conns: []cases.Conn{
				{URL: "ws://{host}:{port}", Want: targeted("/")},
				{URL: "ws://{host}:{port}?x=1", Want: targeted("/?x=1")},
			},
			Want: targeted("/"),
		},
		{
			// A blank or an umlaut as it is breaks the line of the request; to escape twice
			// asks for something else.
			ID: "O.2.6", Title: "a URL with %23 in path and query, and URLs with a blank and an umlaut", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-3-escape-hash", "RFC6455-11.1-percent-encode", "RFC6455-4.1-request-uri"},
			Conns: []cases.Conn{
				{URL: "ws://{host}:{port}/a%23b?q=%23", Want: targeted("/a%23b?q=%23")},
				{URL: "ws://{host}:{port}/a b", Want: targetedOrRefused("/a%20b")},
				{URL: "ws://{host}:{port}/\u00fc", Want: targetedOrRefused("/%C3%BC")},
			},
			Want: targeted("/a%23b?q=%23"),
		},
		{
			ID: "O.2.7", Title: "a URL with a fragment", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-3-no-fragment", "RFC6455-4.1-uri-valid"},
			Conns:        []cases.Conn{{URL: "ws://{host}:{port}/path#frag"}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.NoRequest{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Targets{"/path"}}},
			},
		},
		{
			// Who controls a URL must not control the fields of the request.
			ID: "O.2.8", Title: "URLs that contain a line break, escaped and raw", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-4.1-uri-valid"},
			Conns: []cases.Conn{
				{URL: "ws://{host}:{port}/a%20HTTP/1.1%0d%0aX-Injected:%201%0d%0aX-Rest:%20"},
				{URL: "ws://{host}:{port}/a HTTP/1.1\r\nX-Injected: 1\r\nX-Rest: "},
			},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{check.NoRequest{}, check.AsksNot{Name: "X-Injected"}}}}},
		},
		{
			// What is in Host and in the target is in many logs.
			ID: "O.2.9", Title: "a URL with a name and a password", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-4.1-request-uri", "RFC6455-4.1-host-header"},
			Conns:        []cases.Conn{{URL: "ws://user:secret@{host}:{port}/"}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{
				check.NoRequest{}, cases.Every{check.AsksHost{Host: "{host}:{port}"}, check.Targets{"/"}},
			}}}},
		},
		{
			// Not every client knows that names below localhost are this machine.
			ID: "O.2.10", Title: "a name with an umlaut below localhost", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-11.1-idn-host"},
			Conns:        []cases.Conn{{URL: "ws://b\u00fccher.localhost:{port}/"}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.AsksHost{Host: "xn--bcher-kva.localhost:{port}"}}},
				{Grade: cases.Informational, Checks: cases.Every{check.NoRequest{}}},
			},
		},
		{
			// A port of 16 bits makes another of one that is too large.
			ID: "O.2.11", Title: "a port that is too large by 65,536, and the schemes ftp and gopher", Roles: onlyClients, Needs: onURL,
			Requirements: []string{"RFC6455-4.1-uri-valid", "WHATWG-WS-url-scheme"},
			Conns: []cases.Conn{
				{URL: "ws://{host}:{port+65536}/"}, {URL: "ftp://{host}:{port}/"}, {URL: "gopher://{host}:{port}/"},
			},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NoRequest{}}}},
		},
	}
}

// targeted grades requests for this target.
func targeted(target string) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Targets{target}}}}
}

// targetedOrRefused grades the request for a URL that is not valid before it is escaped.
func targetedOrRefused(target string) cases.Clauses {
	return cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Either{check.NoRequest{}, check.Targets{target}}}}}
}
