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

// Frames of HTTP/3 that only its cases send.
var (
	leave3  = cases.Send{Type: http2.FrameGoAway, Payload: []byte{0}, Words: "GOAWAY"}
	unknown = cases.Send{Type: http2.FrameHeaders, Stream: 1, Payload: []byte{0, 0, 0xff, 0x24}, Words: "HEADERS with index 99 of the static table, which ends at 98"}
	blocked = cases.Send{Type: http2.FrameHeaders, Stream: 1, Payload: []byte{2, 0, 0x80}, Words: "HEADERS with the first entry of the dynamic table, which is empty"}
	behind3 = cases.Send{Type: http2.FrameHeaders, Stream: 1, Payload: []byte("\x00\x00\x27\x02x-trailer\x01a"), Words: "HEADERS with a trailer"}
)

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
	list = append(list, errorsHTTP3()...)
	for i := range list {
		list[i].Roles = onlyServers
	}
	return list
}

// errorsHTTP3 are what ends a connection of HTTP/3, or must not.
func errorsHTTP3() []cases.Case {
	await := []cases.Step{cases.Expect{Stream: 1, For: soon, Until: onlyEnds}}
	failed := cases.Clauses{
		ok(check.LeftWith{"QPACK_DECOMPRESSION_FAILED"}),
		nonStrict(check.Left{}), nonStrict(check.On{Stream: 1, Check: cases.Every{check.NoAnswer{}, check.ResetWith{}}}),
	}
	return []cases.Case{
		{
			ID: "H3.1.6", Title: "GOAWAY of the client over HTTP/3 while a WebSocket is open", Level: cases.Should,
			Requirements: []string{"RFC9114-5.2-goaway"},
			Conns:        []cases.Conn{overQUIC(opened(1), []cases.Step{leave3}, echoes(1), finishes(1)), sane3},
			Want:         cases.Clauses{ok(check.On{Stream: 1, Check: cases.Every{opens, check.Clean{}}})},
		},
		{
			ID: "H3.1.7", Title: "an index that QPACK's static table does not have",
			Requirements: []string{"RFC9204-3.1-static-index"},
			Conns:        []cases.Conn{overQUIC([]cases.Step{unknown}, await), sane3},
			Want:         failed,
		},
		{
			ID: "H3.1.8", Title: "a header block that waits for QPACK's dynamic table",
			Requirements: []string{"RFC9204-2.1.2-blocked"},
			Conns:        []cases.Conn{overQUIC([]cases.Step{blocked}, await), sane3},
			Want: append(cases.Clauses{ok(
				check.Not{Check: check.NoSetting{Name: "QPACK_BLOCKED_STREAMS"}}, check.Not{Check: check.Setting{Name: "QPACK_BLOCKED_STREAMS"}}, // it may wait
				check.On{Stream: 1, Check: check.NoAnswer{}},
			)}, failed...),
		},
		{
			ID: "H3.1.9", Title: "HEADERS on the stream of an open WebSocket over HTTP/3",
			Requirements: []string{"RFC9114-4.4-connect-frames"},
			Conns:        []cases.Conn{overQUIC(opened(1), []cases.Step{behind3}, await), sane3},
			Want: cases.Clauses{
				ok(check.LeftWith{"H3_FRAME_UNEXPECTED"}), nonStrict(check.Left{}),
				nonStrict(check.On{Stream: 1, Check: cases.Every{status2xx, check.Quiet{}, check.Over{}}}),
			},
		},
	}
}

// sane3 is sane over HTTP/3.
var sane3 = func() cases.Conn {
	conn := sane
	conn.HTTP2, conn.HTTP3 = nil, true
	return conn
}()
