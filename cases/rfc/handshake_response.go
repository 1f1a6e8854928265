package rfc

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// clientRequests look at what a client sends.
func clientRequests() []cases.Case {
	return []cases.Case{
		{
			ID: "H.2.1", Title: "the request of a client, every field", Roles: onlyClients,
			Requirements: []string{
				"RFC6455-4.1-valid-http", "RFC6455-4.1-get-1.1", "RFC6455-4.1-host-header", "RFC6455-4.1-upgrade-header",
				"RFC6455-4.1-connection-header", "RFC6455-4.1-key-present", "RFC6455-4.1-key-16-bytes", "RFC6455-4.1-version-present",
				"RFC6455-4.1-version-13", "RFC6455-11.3.5-version-once-req", "RFC6455-4.1-sends-handshake", "RFC6455-4.1-open-and-handshake",
				"RFC6455-4.3-version-abnf", "RFC6455-4.1-request-uri", "RFC6455-3-no-fragment", "RFC6265-5.4-cookie",
				"RFC6455-4.1-other-headers",
			},
			Conns: []cases.Conn{{Steps: probed}},
			Want:  cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Sound{}, probeEchoed}}},
		},
		{
			ID: "H.2.2", Title: "the key of a client", Roles: onlyClients,
			Requirements: []string{"ERRATA6455-3150-key-padbits", "RFC6455-4.1-key-16-bytes", "RFC6455-11.3.1-key-once"},
			Conns:        []cases.Conn{{Steps: probed}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.SoundKey{}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Sound{}}},
			},
		},
		{
			ID: "H.2.3", Title: "the keys of eight connections", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-key-random"},
			Conns: slices.Concat(
				[]cases.Conn{{Steps: probed, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.FreshNonces{}, probeEchoed}}}}},
				slices.Repeat([]cases.Conn{{Steps: probed}}, 7),
			),
			Want: accepted,
		},
		{
			ID: "H.2.4", Title: "a response that comes half a second late", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-wait-for-response", "RFC6455-9.1-not-before-agreed", "RFC6455-4.1-open-and-handshake"},
			Conns:        []cases.Conn{openedBy(cases.Delayed())},
			Want:         cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.NoOffence{}, probeEchoed}}},
		},
	}
}

// responseFields are responses whose fields are wrong, or right in an unusual way.
func responseFields() []cases.Case {
	return []cases.Case{
		{
			ID: "H.2.5", Title: "a response with the Sec-WebSocket-Accept of another key", Roles: onlyClients,
			Requirements: []string{
				"RFC6455-4.1-resp-accept", "RFC6455-4.1-validate-response", "RFC6455-7.2.1-client-fail", "RFC6455-7.1.7-client-close",
			},
			Conns: []cases.Conn{misled(cases.Set("Sec-WebSocket-Accept", wsproto.AcceptKey(otherSampleKey)))},
			Want:  notOpened,
		},
		{
			ID: "H.2.6", Title: "a response without Sec-WebSocket-Accept", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-accept"},
			Conns:        []cases.Conn{misled(cases.Without("Sec-WebSocket-Accept"))},
			Want:         notOpened,
		},
		{
			ID: "H.2.7", Title: "Sec-WebSocket-Accept with upper and lower case exchanged", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-accept"},
			Conns:        []cases.Conn{misled(cases.Set("Sec-WebSocket-Accept", "{ACCEPT}"))},
			Want:         notOpened,
		},
		{
			ID: "H.2.8", Title: "blanks and tabs around Sec-WebSocket-Accept", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-accept"},
			Conns:        []cases.Conn{openedBy(cases.Set("Sec-WebSocket-Accept", " \t{accept} \t"))},
			Want:         accepted,
		},
		{
			ID: "H.2.9", Title: "two Sec-WebSocket-Accept fields, one of them right, in both orders", Roles: onlyClients,
			Requirements: []string{"RFC6455-11.3.3-accept-once", "RFC6455-4.1-resp-nonconforming"},
			Conns: []cases.Conn{
				misled(cases.Add("Sec-WebSocket-Accept", wsproto.AcceptKey(otherSampleKey))),
				misled(cases.Set("Sec-WebSocket-Accept", wsproto.AcceptKey(otherSampleKey)), cases.Add("Sec-WebSocket-Accept", "{accept}")),
			},
			Want: notOpened,
		},
		{
			ID: "H.2.10", Title: "a response without Upgrade", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-upgrade"},
			Conns:        []cases.Conn{misled(cases.Without("Upgrade"))},
			Want:         notOpened,
		},
		{
			ID: "H.2.11", Title: "a response with Upgrade: websocket, and WEBSOCKET", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-upgrade"},
			Conns:        []cases.Conn{openedBy(cases.Set("Upgrade", "websocket")), openedBy(cases.Set("Upgrade", "WEBSOCKET"))},
			Want:         accepted,
		},
		{
			ID: "H.2.12", Title: "a response with Upgrade: h2c, and foo", Roles: onlyClients,
			Bugs: []cases.Bug{{
				Library: "ws", Buggy: "8.6.0", Fixed: "8.7.0", Role: cases.Client, Source: "websockets/ws commit 0fdcc0af",
				What: "It did not look at Upgrade in the response.",
			}},
			Requirements: []string{"RFC6455-4.1-resp-upgrade"},
			Conns:        []cases.Conn{misled(cases.Set("Upgrade", "h2c")), misled(cases.Set("Upgrade", "foo"))},
			Want:         notOpened,
		},
		{
			ID: "H.2.13", Title: "a response without Connection", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-connection"},
			Conns:        []cases.Conn{misled(cases.Without("Connection"))},
			Want:         notOpened,
		},
		{
			ID: "H.2.14", Title: "a response whose Connection is a list", Roles: onlyClients,
			Bugs: []cases.Bug{{
				Library: "gorilla/websocket", Buggy: "1.4.2", Fixed: "1.5.0", Role: cases.Client, Source: "gorilla/websocket#604",
				What: "It refused a response with Connection: keep-alive, Upgrade.",
			}},
			Requirements: []string{"RFC6455-4.1-resp-connection"},
			Conns:        []cases.Conn{openedBy(cases.Set("Connection", "keep-alive, upgrade"))},
			Want:         accepted,
		},
		{
			ID: "H.2.27", Title: "a response whose Connection is a list with empty members", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-connection", "RFC9110-5.6.1-empty-list"},
			Conns:        []cases.Conn{openedBy(cases.Set("Connection", ",, Upgrade,"))},
			Want:         accepted,
		},
	}
}

// responseForms are responses with another start line, or other lines.
func responseForms() []cases.Case {
	return []cases.Case{
		{
			ID: "H.2.15", Title: "the right fields with status 200", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101", "RFC6455-4.1-validate-response"},
			Conns:        []cases.Conn{misled(cases.Start("HTTP/1.1 200 OK"), cases.Add("Content-Length", "0"), lastOne)},
			Want:         notOpened,
		},
		{
			ID: "H.2.16", Title: "status 101 of HTTP/1.0", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-non-101"},
			Conns:        []cases.Conn{misled(cases.Start("HTTP/1.0 101 Switching Protocols"))},
			Want:         also(notOpened, cases.Clause{Grade: cases.Informational, Checks: cases.Every{probeEchoed}}),
		},
		{
			ID: "H.2.17", Title: "a response without a reason phrase, and with another", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-nonconforming"},
			Conns:        []cases.Conn{openedBy(cases.Start("HTTP/1.1 101 ")), openedBy(cases.Start("HTTP/1.1 101 Whatever-You-Say"))},
			Want:         accepted,
		},
		{
			ID: "H.2.18", Title: "a text message and a ping in the same write as the response", Roles: onlyClients,
			Requirements: []string{"RFC6455-5.1-data-any-time", "RFC6455-6.2-parse-frames", "RFC9112-6.3-1xx-no-body"},
			Conns: []cases.Conn{{
				Head:  cases.Head{cases.Together()},
				Steps: []cases.Step{cases.Text(probe), cases.Ping("early"), cases.Pause{For: failure, Until: 2}},
			}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{probeEchoed, cases.Answered{Payload: "early"}}}},
		},
		{
			// The ping has five bytes: a client that takes them for a body answers the text alone.
			ID: "H.2.19", Title: "a 101 with Content-Length: 5", Roles: onlyClients,
			Requirements: []string{"RFC9112-6.3-1xx-no-body"},
			Conns: []cases.Conn{{
				Head:  cases.Head{cases.Add("Content-Length", "5")},
				Steps: []cases.Step{cases.Ping("abc"), cases.Text(probe), cases.Pause{For: failure, Until: 2}},
			}},
			Want: cases.Clauses{
				{Grade: cases.OK, Checks: cases.Every{check.Either{
					cases.Every{cases.Answered{Payload: "abc"}, probeEchoed}, cases.Every{check.Quiet{}, check.Dropped{Within: failure}},
				}}},
				{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Closed{}, check.OfItself{}, check.Ends{Within: failure}}},
			},
		},
		{
			ID: "H.2.20", Title: "a 101 with Transfer-Encoding: chunked", Roles: onlyClients,
			Requirements: []string{"RFC9112-6.3-1xx-no-body"},
			Conns:        []cases.Conn{openedBy(cases.Add("Transfer-Encoding", "chunked"))},
			Want:         ignoredOrFailed,
		},
		{
			ID: "H.2.21", Title: "a 100 and a 103 before the 101", Roles: onlyClients,
			Requirements: []string{"RFC9110-15.2-1xx"},
			Conns: []cases.Conn{{Head: cases.Head{cases.Start(
				"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\nHTTP/1.1 101 Switching Protocols",
			)}, Steps: probed}},
			Want: accepted,
		},
		{
			ID: "H.2.22", Title: "a response that is not HTTP: the banner of SSH, and the right fields behind a start line of ICY", Roles: onlyClients,
			Requirements: []string{"RFC6455-4.1-resp-nonconforming", "RFC6455-7.2.1-client-fail"},
			Conns: []cases.Conn{
				misled(
					cases.Start("SSH-2.0-OpenSSH_9.2"), cases.Without("Server"), cases.Without("Upgrade"), cases.Without("Connection"),
					cases.Without("Sec-WebSocket-Accept"),
				),
				misled(cases.Start("ICY 101 Switching Protocols")),
			},
			Want: notOpened,
		},
		{
			ID: "H.2.23", Title: "half a response, then the end of our direction of TCP", Roles: onlyClients,
			Requirements: []string{"RFC6455-7.2.1-transport-lost", "RFC6455-7.1.5-code-1006", "RFC6455-4.1-open-failure", "RFC6455-7.1.4-clean"},
			Conns: []cases.Conn{{
				Head:  cases.Head{cases.Cut()},
				Steps: []cases.Step{cases.HalfClose{}, cases.Await{For: failure}},
			}},
			Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Quiet{}, check.Dropped{Within: failure}}}},
		},
		{
			// Where the CR ends the line, the response has an Upgrade.
			ID: "H.2.24", Title: "Upgrade behind a bare CR in another field of the response", Roles: onlyClients,
			Requirements: []string{"RFC9112-2.2-bare-cr", "RFC6455-4.1-resp-nonconforming"},
			Conns:        []cases.Conn{misled(cases.Without("Upgrade"), cases.Add("X-A", "b\rUpgrade: websocket"))},
			Want:         notOpened,
		},
		{
			ID: "H.2.25", Title: "a folded Sec-WebSocket-Accept, and Upgrade in the fold of another field", Roles: onlyClients,
			Requirements: []string{"RFC9112-5.2-obs-fold-client", "RFC6455-4.1-resp-accept"},
			Conns: []cases.Conn{
				{Head: cases.Head{cases.Set("Sec-WebSocket-Accept", "\r\n {accept}")}, Steps: probed, Want: ignoredOrFailed},
				misled(cases.Without("Upgrade"), cases.Add("X-A", "b\r\n Upgrade: websocket")),
			},
			Want: notOpened,
		},
		{
			ID: "H.2.26", Title: "Upgrade in a first line of the response that begins with a blank", Roles: onlyClients,
			Requirements: []string{"RFC9112-2.2-ws-first-line"},
			Conns:        []cases.Conn{misled(cases.Without("Upgrade"), cases.Start("HTTP/1.1 101 Switching Protocols\r\n Upgrade: websocket"))},
			Want:         notOpened,
		},
	}
}

// ignoredOrFailed grades responses whose oddity a client may overlook, or refuse before
// it sends a frame.
var ignoredOrFailed = cases.Clauses{
	{Grade: cases.OK, Checks: cases.Every{check.Either{
		probeEchoed, cases.Every{check.Quiet{}, check.Dropped{Within: failure}},
	}}},
	{Grade: cases.NonStrict, Checks: cases.Every{check.Quiet{}, check.Closed{}, check.OfItself{}, check.Ends{Within: failure}}},
}
