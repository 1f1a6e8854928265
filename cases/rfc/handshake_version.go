package rfc

import (
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

var (
	listed = check.Lists{Name: "Sec-WebSocket-Version", Token: "13"}

	// otherVersion grades requests for a version that the server need not speak.
	otherVersion = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{listed, check.Either{
			check.Status{From: 400, To: 425},
			check.Status{From: 427, To: 499},
			cases.Every{check.Status{From: 426, To: 426}, check.Lists{Name: "Upgrade", Token: "websocket"}},
		}}},
		{Grade: cases.NonStrict, Checks: cases.Every{listed, check.Status{From: 426, To: 426}}},
	}
	// badVersion grades requests for a version that is malformed: a server must refuse what
	// breaks the grammar of the handshake (RFC 6455 §4.2.1).
	badVersion = cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{listed, status4xx}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Either{status4xx, dropped}}},
	}
)

// requestVersions are requests with another version than 13.
func requestVersions() []cases.Case {
	return []cases.Case{
		{
			ID: "H.1.10", Title: "a request without Sec-WebSocket-Version", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-version", "RFC6455-4.2.2-version-mismatch"},
			Conns:        []cases.Conn{asked(cases.Without("Sec-WebSocket-Version")), survived},
			Want:         refused,
		},
		{
			// A server may speak 8 as well, whose frames are the same.
			ID: "H.1.11", Title: "a request for version 8", Roles: onlyServers,
			Disputed:     []string{"Some servers still speak drafts 7 and 8 of the protocol, and may accept their versions."},
			Requirements: []string{"RFC6455-4.2.2-version-mismatch", "RFC6455-4.4-version-list", "RFC9110-7.8-426-upgrade"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Version", "8")), survived},
			Want:         also(otherVersion, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{probeEchoed}}),
		},
		{
			ID: "H.1.13", Title: "a request for version 99", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "8.18.2", Fixed: "8.18.3", Role: cases.Server, Source: "websockets/ws#2291",
				What: "It refused an unknown version without listing those it speaks.",
			}},
			Disputed:     []string{"Some servers still speak drafts 7 and 8 of the protocol, and may accept their versions."},
			Requirements: []string{"RFC6455-4.2.2-version-mismatch", "RFC6455-4.4-version-list", "RFC9110-7.8-426-upgrade"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Version", "99")), survived},
			Want:         otherVersion,
		},
		{
			ID: "H.1.14", Title: "version 013, with a zero in front", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.3-version-abnf", "RFC6455-4.2.1-version"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Version", "013")), survived},
			Want:         badVersion,
		},
		{
			ID: "H.1.15", Title: "version 256, and one of 400 digits", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.3-version-abnf", "RFC6455-4.2.1-version"},
			Conns: []cases.Conn{
				asked(cases.Set("Sec-WebSocket-Version", "256")),
				asked(cases.Set("Sec-WebSocket-Version", strings.Repeat("9", 400))),
				survived,
			},
			Want: badVersion,
		},
		{
			ID: "H.1.16", Title: "a request with two versions, 13 and 8, in both orders", Roles: onlyServers,
			Requirements: []string{"RFC6455-11.3.5-version-once-req", "RFC6455-4.2.1-version"},
			Conns: []cases.Conn{
				asked(cases.Add("Sec-WebSocket-Version", "8")),
				asked(cases.Set("Sec-WebSocket-Version", "8"), cases.Add("Sec-WebSocket-Version", "13")),
				survived,
			},
			Want: refused,
		},
		{
			ID: "H.1.17", Title: "a list of versions, 13 and 8, in one field", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.3-version-abnf", "RFC6455-4.2.1-version"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Version", "13, 8")), survived},
			Want:         refused,
		},
	}
}
