package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// origin is O: Origin, cookies and the URL.
func origin() []cases.Case {
	return []cases.Case{
		{
			ID: "O.1.1", Title: "the origin of another site", Roles: onlyServers,
			Needs:        []cases.Need{cases.NeedOrigin},
			Requirements: []string{"RFC6455-10.2-verify-origin", "RFC6455-10.2-origin-403", "RFC6455-4.2.2-origin-reject", "RFC6455-4.2.2-origin-use"},
			Conns:        []cases.Conn{from("http://evil.test"), goodOrigin, survived},
			Want:         forbidden,
		},
		{
			// Each is taken by a comparison that looks for the right origin at the start, at the
			// end or anywhere, or at the host alone.
			ID: "O.1.2", Title: "origins that contain the right one, or resemble it", Roles: onlyServers, Level: cases.Should,
			Needs:        []cases.Need{cases.NeedOrigin},
			Requirements: []string{"RFC6455-10.2-verify-origin"},
			Conns: []cases.Conn{
				from("http://good.test.evil.test"), from("http://evilgood.test"), from("http://good.test@evil.test"),
				from("http://good.test:81"), from("https://good.test"), from("null"), goodOrigin, survived,
			},
			Want: also(cases.Clauses{{Grade: cases.OK, Checks: cases.Every{status4xx}}}, refused...),
		},
		{
			ID: "O.1.3", Title: "two Origin fields, the right one and another, in both orders", Roles: onlyServers, Level: cases.Should,
			Needs:        []cases.Need{cases.NeedOrigin},
			Requirements: []string{"RFC6455-10.2-verify-origin"},
			Conns: []cases.Conn{
				from("http://good.test", "http://evil.test"), from("http://evil.test", "http://good.test"), survived,
			},
			Want: refused,
		},
		{
			ID: "O.1.4", Title: "a request without Origin to a server that looks at it", Roles: onlyServers, Level: cases.Informing,
			Needs:        []cases.Need{cases.NeedOrigin},
			Requirements: []string{"RFC6455-4.2.1-no-origin", "RFC6455-10.2-verify-origin"},
			Conns:        []cases.Conn{asked(cases.Without("Origin"))},
			Want:         also(accepted, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Either{status4xx, dropped}}}),
		},
		{
			ID: "O.1.5", Title: "the right origin in upper case", Roles: onlyServers, Level: cases.Informing,
			Needs:        []cases.Need{cases.NeedOrigin},
			Requirements: []string{"RFC6455-4.2.2-origin-use"},
			Conns:        []cases.Conn{from("HTTP://GOOD.TEST")},
			Want:         also(accepted, cases.Clause{Grade: cases.Informational, Checks: cases.Every{check.Either{status4xx, dropped}}}),
		},
		{
			// A server that takes every origin is open to any page that its users visit.
			ID: "O.1.6", Title: "the origin of another site, without a declared origin list", Roles: onlyServers, Level: cases.Informing,
			Requirements: []string{"RFC6455-10.2-verify-origin", "RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{from("http://evil.test"), survived},
			Want:         also(refused, cases.Clause{Grade: cases.Informational, Checks: cases.Every{probeEchoed}}),
		},
		{
			ID: "O.1.7", Title: "origins that are no URLs: null, nothing, http://[ and %", Roles: onlyServers, Level: cases.Robustness,
			Requirements: []string{"RFC6455-4.2.2-origin-use", "RFC6455-4.2.1-reject-malformed"},
			Conns:        []cases.Conn{from("null"), from(""), from("http://["), from("%"), survived},
			Want:         also(refused, cases.Clause{Grade: cases.OK, Checks: cases.Every{probeEchoed}}),
		},
		{
			ID: "O.2.1", Title: "the origin that a client sends", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-origin-nonbrowser", "RFC6455-4.1-origin-browser"},
			Conns:        []cases.Conn{{Steps: probed}},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.SoundOrigin{}, probeEchoed}}},
		},
		{
			// Servers behind a balancer are found by a cookie of the first response.
			ID: "O.2.2", Title: "a cookie of one response, in the next request", Roles: onlyClients,
			Needs:        []cases.Need{cases.NeedCookies},
			Requirements: []string{"RFC6455-4.1-other-headers", "RFC6265-5.4-cookie"},
			Conns: []cases.Conn{
				{Head: cases.Head{cases.Add("Set-Cookie", "wsconform=1")}, Steps: probed, Want: accepted},
				{Steps: probed},
			},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Asks{Name: "Cookie", Part: "wsconform=1"}, probeEchoed}},
			},
		},
	}
}

// from is a request with these origins.
func from(origins ...string) cases.Conn {
	edits := []cases.Edit{cases.Without("Origin")}
	for _, o := range origins {
		edits = append(edits, cases.Add("Origin", o))
	}
	return asked(edits...)
}

var (
	// goodOrigin shows that the server takes the right origin, and so looks at it.
	goodOrigin = cases.Conn{Head: from("http://good.test").Head, Steps: probed, Want: accepted}

	// forbidden grades requests of another site.
	forbidden = also(cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Status{From: 403, To: 403}}},
		{Grade: cases.NonStrict, Checks: cases.Every{status4xx}},
	}, refused...)
)
