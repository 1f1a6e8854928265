package rfc

import (
	"strings"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// http3 is H3: WebSocket over HTTP/3 (RFC 9220), of servers and clients.
func http3() []cases.Case {
	list := append(http3Servers(), cases.Case{
		ID: "H3.2.1", Title: "SETTINGS of HTTP/3 that come late, and the request as the client sends it", Roles: onlyClients,
		Requirements: []string{
			"RFC9220-3-semantics", "RFC8441-3-client-not-before", "RFC8441-5-protocol-websocket", "RFC8441-5-scheme", "RFC8441-5-no-connection-upgrade",
		},
		Conns: []cases.Conn{{Steps: probed}},
		Want:  cases.Clauses{ok(check.Extended{}, probeEchoed, check.Lawful{})},
	})
	for i := range list {
		list[i].Needs = []cases.Need{cases.NeedHTTP3, cases.NeedEcho}
	}
	return list
}

// overQUIC is a connection of HTTP/3 with these steps.
func overQUIC(steps ...[]cases.Step) cases.Conn {
	conn := over(steps...)
	conn.HTTP2, conn.HTTP3 = nil, true
	return conn
}

// requestCancelled is H3_REQUEST_CANCELLED (RFC 9114 §8.1).
const requestCancelled http2.ErrCode = 0x10c

// http3Servers is H3.1.
func http3Servers() []cases.Case {
	half := cases.Text(strings.Repeat("a", 100)).More()
	list := []cases.Case{
		{
			ID: "H3.1.1", Title: "SETTINGS of HTTP/3 as the server sends them",
			Requirements: []string{"RFC9220-3-setting", "RFC9220-3-semantics"},
			Conns:        []cases.Conn{overQUIC(works(1))},
			Want: cases.Clauses{
				ok(check.Setting{Name: "ENABLE_CONNECT_PROTOCOL", Value: 1}),
				{Grade: cases.Unimplemented, Checks: cases.Every{check.NoSetting{Name: "ENABLE_CONNECT_PROTOCOL"}}},
			},
		},
		{
			ID: "H3.1.2", Title: "extended CONNECT over HTTP/3, an echo, and a clean close",
			Requirements: []string{"RFC9220-3-semantics", "RFC8441-5-status-200", "RFC8441-5-no-key", "RFC9114-7.1-frame-whole", "RFC9114-7.2.4-settings"},
			Conns:        []cases.Conn{overQUIC(works(1))},
			Want: cases.Clauses{ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{
				opens, check.NoField{Name: "sec-websocket-accept"}, check.NoField{Name: "connection"}, check.NoField{Name: "upgrade"}, check.Clean{},
			}})},
		},
		{
			ID: "H3.1.3", Title: "an unknown :protocol over HTTP/3", Level: cases.Should,
			Requirements: []string{"RFC9220-3-501", "RFC9220-3-problem-details"},
			Conns:        []cases.Conn{overQUIC(opened(1, cases.Set(":protocol", "x-unknown")), works(2))},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: check.Status{From: 501, To: 501}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
				nonStrict(check.On{Stream: 1, Check: malformedOrRefused}, check.On{Stream: 2, Check: opens}, check.Lives{}),
			},
		},
		{
			ID: "H3.1.4", Title: "a closing handshake with FIN, and FIN without a close frame",
			Requirements: []string{"RFC9220-3-fin"},
			Conns: []cases.Conn{
				overQUIC(works(1), works(2)),
				withWant(
					cases.Clauses{ok(check.On{Stream: 1, Check: cases.Every{opens, check.Over{}}}, check.On{Stream: 2, Check: opens}, check.Lives{})},
					overQUIC(opened(1), echoes(1), []cases.Step{cases.Carry{Stream: 1, End: true}, cases.Expect{Stream: 1, For: failure, Until: onlyEnds}}, works(2)),
				),
			},
			Want: cases.Clauses{
				ok(check.EachOf{Streams: 2, Check: cases.Every{opens, check.Clean{}, check.EndsStream{}}}, check.Lives{}),
				nonStrict(check.EachOf{Streams: 2, Check: cases.Every{opens, check.Clean{}, check.Over{}}}, check.Lives{}),
			},
		},
		{
			ID: "H3.1.5", Title: "a stream reset with H3_REQUEST_CANCELLED inside a message, beside another WebSocket",
			Requirements: []string{"RFC9220-3-h3-cancelled"},
			Conns: []cases.Conn{overQUIC(
				opened(1), opened(2),
				[]cases.Step{cases.Carry{Stream: 1, Frames: []cases.Frame{half}}, cases.ResetStream(1, requestCancelled)},
				echoes(2), finishes(2), works(3),
			)},
			Want: cases.Clauses{ok(check.Lives{}, check.On{Stream: 2, Check: cases.Every{opens, check.Clean{}}}, check.On{Stream: 3, Check: opens}, check.LawfulHTTP2{})},
		},
	}
	for i := range list {
		list[i].Roles = onlyServers
	}
	return list
}
