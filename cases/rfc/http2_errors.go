package rfc

import (
	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

// maxWindow is the largest window that there is (RFC 9113 §6.9.1).
const maxWindow = 1<<31 - 1

var (
	// trailers are HEADERS behind those of the request: "x-trailer: a", which no table keeps.
	trailers = cases.Send{
		Type: http2.FrameHeaders, Flags: uint8(http2.FlagHeadersEndHeaders | http2.FlagHeadersEndStream), Stream: 1,
		Payload: []byte("\x00\x09x-trailer\x01a"), Words: "HEADERS with a trailer, END_STREAM",
	}
	// leaves is how a connection ends.
	leaves = []transcript.EventKind{transcript.GotGoAway, transcript.GotReset, transcript.GotEnd}
)

// errorsHTTP2 are errors of HTTP/2, and their bounds: a stream, or the connection.
func errorsHTTP2() []cases.Case {
	open := trailers
	open.Flags, open.Words = uint8(http2.FlagHeadersEndHeaders), "HEADERS with a trailer, without END_STREAM"
	reset := check.On{Stream: 1, Check: cases.Every{status2xx, check.ResetWith{}}}
	return []cases.Case{
		{
			ID: "H2.1.35", Title: "HEADERS on the stream of an open WebSocket, with END_STREAM and without",
			Requirements: []string{"RFC9113-8.5-connect-frames"},
			Conns: []cases.Conn{
				over(opened(1), []cases.Step{trailers, cases.Expect{Stream: 1, For: soon, Until: onlyEnds}}, works(2)),
				over(opened(1), []cases.Step{open, cases.Expect{Stream: 1, For: soon, Until: onlyEnds}}, works(2)),
				sane,
			},
			Want: cases.Clauses{
				ok(reset, check.Lives{}, check.On{Stream: 2, Check: opens}),
				nonStrict(check.On{Stream: 1, Check: cases.Every{status2xx, check.Quiet{}, check.Over{}}}), nonStrict(check.Left{}),
			},
		},
		{
			ID: "H2.1.36", Title: "GOAWAY with an error while WebSockets are open, and the end of the connection", Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC8441-5-stream-as-tcp"},
			Conns:        []cases.Conn{over(opened(1), opened(2), []cases.Step{cases.Leave(http2.ErrCodeInternal)}), sane},
			Want:         cases.Clauses{ok(check.EachOf{Streams: 2, Check: status2xx})},
		},
		{
			ID: "H2.1.37", Title: "WINDOW_UPDATE that takes the window of a stream, and of the connection, beyond its bound",
			Requirements: []string{"RFC9113-6.9.1-window-overflow"},
			Conns: []cases.Conn{
				over(opened(1), opened(2), []cases.Step{cases.Grant(1, maxWindow), cases.Expect{Stream: 1, For: soon, Until: onlyEnds}}, echoes(2)),
				withWant(
					cases.Clauses{ok(check.LeftWith{"FLOW_CONTROL_ERROR"}), nonStrict(check.Left{})},
					over(opened(1), []cases.Step{cases.Grant(0, maxWindow), cases.Expect{For: soon, Until: leaves}}),
				),
				sane,
			},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: check.ResetWith{"FLOW_CONTROL_ERROR"}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
				nonStrict(check.On{Stream: 1, Check: check.ResetWith{}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
				nonStrict(check.Left{}),
			},
		},
	}
}
