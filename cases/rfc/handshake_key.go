package rfc

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	sampleKey      = "dGhlIHNhbXBsZSBub25jZQ==" // of RFC 6455 §1.3
	otherSampleKey = "x3JJHMbDL1EzLkh9GBhXDw=="
)

// requestKeys are requests whose Sec-WebSocket-Key is unusual, and the one that is not.
func requestKeys() []cases.Case {
	return []cases.Case{
		{
			ID: "H.1.1", Title: "a usual request, and every field of the response", Roles: onlyServers,
			Requirements: []string{
				"RFC6455-4.2.2-resp-101", "RFC6455-4.2.2-resp-upgrade", "RFC6455-4.2.2-resp-connection", "RFC6455-4.2.2-resp-accept",
				"RFC6455-4.2.2-steps", "RFC6455-11.3.3-accept-once", "RFC9112-6.3-1xx-no-body",
			},
			Conns: []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", sampleKey))},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{
					check.Sound{},
					check.Fields{Name: "Sec-WebSocket-Accept", Value: wsproto.AcceptKey(sampleKey)},
					check.NoField{Name: "Sec-WebSocket-Protocol"},
					check.NoField{Name: "Sec-WebSocket-Extensions"},
					check.NoField{Name: "Content-Length"},
					check.NoField{Name: "Transfer-Encoding"},
					probeEchoed,
				}},
				{Grade: cases.NonStrict, Checks: cases.Every{
					check.Sound{}, check.NoField{Name: "Content-Length"}, check.NoField{Name: "Transfer-Encoding"}, probeEchoed,
				}},
			},
		},
		{
			// The sample of RFC 6455 §4.1 as it was before erratum 3150: its last character has
			// bits that stand for nothing.
			ID: "H.1.2", Title: "a key whose unused bits are set", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-resp-accept", "RFC6455-4.2.1-key"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==")), survived},
			Want:         also(refused, accepted...),
		},
		{
			ID: "H.1.3", Title: "a request without Sec-WebSocket-Key", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "Java-WebSocket", Buggy: "1.5.1", Fixed: "1.5.2", Role: cases.Server, Source: "TooTallNate/Java-WebSocket#1053",
				What: "It accepted a request without a key.",
			}},
			Requirements: []string{"RFC6455-4.2.1-key", "RFC6455-4.2.1-reject-malformed", "RFC6455-10.7-http-status"},
			Conns:        []cases.Conn{asked(cases.Without("Sec-WebSocket-Key")), survived},
			Want:         refused,
		},
		{
			ID: "H.1.4", Title: "an empty Sec-WebSocket-Key", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-key"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", "")), survived},
			Want:         refused,
		},
		{
			ID: "H.1.5", Title: "a key of 15 bytes", Roles: onlyServers,
			Bugs: []cases.Bug{{
				Library: "nhooyr.io/websocket", Buggy: "1.8.7", Fixed: "1.8.10", Role: cases.Server, Source: "coder/websocket commit 1a344a4",
				What: "It accepted keys that are not 16 bytes in base64.",
			}},
			Requirements: []string{"RFC6455-4.2.1-key"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4P")), survived},
			Want:         refused,
		},
		{
			ID: "H.1.6", Title: "a key of 17 bytes, which has 24 characters like one of 16", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-key"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEBE=")), survived},
			Want:         refused,
		},
		{
			ID: "H.1.7", Title: "a key of 24 characters, four of them outside base64", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.1-key"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", "AQ!DBA#GBwg$CgsMDQ@PEA==")), survived},
			Want:         refused,
		},
		{
			// Of two keys a proxy may choose one and the server another.
			ID: "H.1.8", Title: "two Sec-WebSocket-Key fields", Roles: onlyServers,
			Requirements: []string{"RFC6455-11.3.1-key-once", "RFC6455-4.2.1-reject-malformed"},
			Conns: []cases.Conn{
				asked(cases.Set("Sec-WebSocket-Key", sampleKey), cases.Add("Sec-WebSocket-Key", otherSampleKey)),
				survived,
			},
			Want: also(refused, cases.Clause{Grade: cases.NonStrict, Checks: cases.Every{status101, check.Either{
				check.Fields{Name: "Sec-WebSocket-Accept", Value: wsproto.AcceptKey(sampleKey + ", " + otherSampleKey)},
				check.Fields{Name: "Sec-WebSocket-Accept", Value: wsproto.AcceptKey(sampleKey + "," + otherSampleKey)},
			}}}),
		},
		{
			ID: "H.1.9", Title: "blanks and tabs around the key", Roles: onlyServers,
			Requirements: []string{"RFC6455-4.2.2-resp-accept"},
			Conns:        []cases.Conn{asked(cases.Set("Sec-WebSocket-Key", " \t{key} \t")), survived},
			Want:         accepted,
		},
	}
}
