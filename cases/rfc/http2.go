package rfc

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// http2Servers is H2.1: WebSocket over HTTP/2, of a server (RFC 8441).
func http2Servers() []cases.Case {
	list := slices.Concat(extendedConnect(), refusedConnects(), streamEnds(), streamBytes(), connections(), errorsHTTP2())
	for i := range list {
		list[i].Roles, list[i].Needs = onlyServers, append([]cases.Need{cases.NeedHTTP2, cases.NeedEcho}, list[i].Needs...)
	}
	return list
}

// What the cases over HTTP/2 have in common.
var (
	// soon is how long a server may take over a step.
	soon = 3 * time.Second

	status2xx = check.Status{From: 200, To: 299}
	// malformedOrRefused is what becomes of a request that a server has to treat as malformed
	// (RFC 9113 §8.1.1), or may refuse.
	malformedOrRefused = check.Either{
		check.Status{From: 400, To: 499}, check.Status{From: 501, To: 501}, cases.Every{check.NoAnswer{}, check.ResetWith{}},
	}
	anyEnd   = []transcript.EventKind{transcript.GotAnswer, transcript.GotReset, transcript.GotEnd}
	onlyEnds = []transcript.EventKind{transcript.GotReset, transcript.GotEnd}
	opens    = cases.Every{status2xx, probeEchoed}
)

// opened asks for a WebSocket on a stream and waits for the answer.
func opened(stream int, edits ...cases.Edit) []cases.Step {
	return []cases.Step{cases.Ask{Stream: stream, Head: edits}, cases.Expect{Stream: stream, For: soon, Until: anyEnd}}
}

// echoes sends the probe on a stream and waits for its echo.
func echoes(stream int) []cases.Step {
	return []cases.Step{
		cases.Carry{Stream: stream, Frames: []cases.Frame{cases.Text(probe)}},
		cases.Expect{Stream: stream, For: soon, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose, transcript.GotReset, transcript.GotEnd}},
	}
}

// finishes closes a stream, with END_STREAM behind our close frame, and waits for its end.
func finishes(stream int) []cases.Step {
	return []cases.Step{
		cases.Carry{Stream: stream, End: true, Frames: []cases.Frame{closeFrame}},
		cases.Expect{Stream: stream, For: soon, Until: onlyEnds},
	}
}

// barrier is PING and its acknowledgement: what came before was read.
var barrier = []cases.Step{cases.Pinged, cases.Expect{For: soon, Until: []transcript.EventKind{transcript.GotAck}}}

// full waits until the peer has used up a window.
var full = []cases.Step{cases.Expect{For: time.Second, Until: []transcript.EventKind{transcript.GotFull}}}

// works is a whole WebSocket on a stream.
func works(stream int) []cases.Step {
	return slices.Concat(opened(stream), echoes(stream), finishes(stream))
}

// over is a connection of HTTP/2 with these steps.
func over(steps ...[]cases.Step) cases.Conn {
	return cases.Conn{HTTP2: &cases.HTTP2{}, Steps: slices.Concat(steps...)}
}

// sane is a connection of its own at the end of a case, on which a WebSocket works.
var sane = cases.Conn{
	HTTP2: &cases.HTTP2{}, Steps: slices.Concat(opened(1), echoes(1)),
	Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.On{Stream: 1, Check: opens}}}},
}

// ok and nonStrict are clauses with these checks.
func ok(checks ...cases.Check) cases.Clause { return cases.Clause{Grade: cases.OK, Checks: checks} }

func nonStrict(checks ...cases.Check) cases.Clause {
	return cases.Clause{Grade: cases.NonStrict, Checks: checks}
}

// extendedConnect is the request that opens.
func extendedConnect() []cases.Case {
	return []cases.Case{
		{
			ID: "H2.1.1", Title: "SETTINGS as the server sends them",
			Requirements: []string{"RFC8441-3-value-0-1", "RFC8441-3-no-downgrade"},
			Conns:        []cases.Conn{over(works(1), barrier)},
			Want: cases.Clauses{
				ok(check.Setting{Name: "ENABLE_CONNECT_PROTOCOL", Value: 1}, check.NeverSetting{Name: "ENABLE_CONNECT_PROTOCOL"}),
				{Grade: cases.Unimplemented, Checks: cases.Every{check.NoSetting{Name: "ENABLE_CONNECT_PROTOCOL"}}},
			},
		},
		{
			ID: "H2.1.2", Title: "extended CONNECT, an echo, and a clean close",
			Requirements: []string{"RFC8441-5-status-200", "RFC8441-5-no-key", "RFC8441-5-stream-as-tcp", "RFC8441-5-no-connection-upgrade", "RFC6455-5.1-server-no-mask", "RFC9113-5.1-open-streams"},
			Conns:        []cases.Conn{over(works(1))},
			Want: cases.Clauses{ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{
				opens, check.NoField{Name: "sec-websocket-accept"}, check.NoField{Name: "connection"}, check.NoField{Name: "upgrade"}, check.Clean{},
			}})},
		},
		{
			ID: "H2.1.3", Title: "extended CONNECT without :path, without :scheme, and without :authority",
			Requirements: []string{"RFC8441-4-scheme-path"},
			Conns: []cases.Conn{
				over(opened(1, cases.Without(":path")), opened(2)), over(opened(1, cases.Without(":scheme")), opened(2)),
				withWant(cases.Clauses{ // which is only a SHOULD for a client (RFC 9113 8.3.1)
					ok(check.On{Stream: 1, Check: check.Either{malformedOrRefused, status2xx}}), ok(check.Left{}),
				}, over(opened(1, cases.Without(":authority")), opened(2))),
				sane,
			},
			Want: cases.Clauses{ok(check.On{Stream: 1, Check: malformedOrRefused}), nonStrict(check.Left{}, check.On{Stream: 1, Check: check.NoAnswer{}})},
		},
		{
			ID: "H2.1.4", Title: "Connection, Upgrade, and a name in upper case in the request",
			Requirements: []string{"RFC8441-5-no-connection-upgrade", "RFC9113-8.2.2-connection-specific", "RFC9113-8.2.1-lowercase"},
			Conns: []cases.Conn{
				over(opened(1, cases.Add("connection", "Upgrade")), opened(2)), over(opened(1, cases.Add("upgrade", "websocket")), opened(2)),
				over(opened(1, cases.Add("X-Upper", "a")), opened(2)), over(opened(1, cases.Add("transfer-encoding", "chunked")), opened(2)), sane,
			},
			Want: cases.Clauses{ok(check.On{Stream: 1, Check: malformedOrRefused}), nonStrict(check.Left{}, check.On{Stream: 1, Check: check.NoAnswer{}})},
		},
		{
			ID: "H2.1.5", Title: "an :authority that names another host, where we listen",
			Requirements: []string{"RFC8441-4-authority", "RFC8441-4-protocol-may"},
			Conns:        []cases.Conn{over(opened(1, cases.Set(":authority", "{trap}")), echoes(1)), sane},
			Want: cases.Clauses{
				ok(check.NotRelayed{}, check.On{Stream: 1, Check: check.Either{check.Status{From: 400, To: 499}, opens, cases.Every{check.NoAnswer{}, check.ResetWith{}}}}),
			},
		},
		{
			ID: "H2.1.7", Title: "version 8, and no version at all",
			Requirements: []string{"RFC8441-5-ws-headers", "RFC6455-4.2.2-version-mismatch"},
			Conns:        []cases.Conn{over(opened(1, cases.Set("sec-websocket-version", "8")), works(2)), over(opened(1, cases.Without("sec-websocket-version")), works(2))},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: cases.Every{status4xx, check.Lists{Name: "sec-websocket-version", Token: "13"}}}, check.On{Stream: 2, Check: opens}),
			},
		},
		{
			ID: "H2.1.8", Title: "a Sec-WebSocket-Key in the request",
			Requirements: []string{"RFC8441-5-no-key"},
			Conns:        []cases.Conn{over(opened(1, cases.Add("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")), echoes(1)), sane},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: cases.Every{opens, check.NoField{Name: "sec-websocket-accept"}}}),
				nonStrict(check.On{Stream: 1, Check: status4xx}),
			},
		},
		{
			ID: "H2.1.9", Title: "an offer of a subprotocol that nobody knows, and of permessage-deflate",
			Requirements: []string{"RFC8441-5-ws-headers", "RFC6455-4.2.2-subprotocol-derived"},
			Conns: []cases.Conn{
				over(opened(1, cases.Add("sec-websocket-protocol", "x-unknown-1, x-unknown-2"), cases.Add("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")), echoes(1), finishes(1)),
			},
			Want: cases.Clauses{
				ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{opens, check.NoField{Name: "sec-websocket-protocol"}, check.Either{
					check.Lists{Name: "sec-websocket-extensions", Token: "permessage-deflate"}, check.NoField{Name: "sec-websocket-extensions"}, deflateAgreed{},
				}}}),
				ok(check.On{Stream: 1, Check: status4xx}),
				nonStrict(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{opens, check.Either{
					check.Fields{Name: "sec-websocket-protocol", Value: "x-unknown-1"}, check.Fields{Name: "sec-websocket-protocol", Value: "x-unknown-2"},
				}}}),
			},
		},
		{
			ID: "H2.1.18", Title: "the subprotocol chat, offered second",
			Needs:        []cases.Need{cases.NeedSubprotocol},
			Requirements: []string{"RFC8441-5-ws-headers", "RFC6455-4.2.2-subprotocol-derived"},
			Conns:        []cases.Conn{over(opened(1, cases.Add("sec-websocket-protocol", "x-unknown, chat")), echoes(1), finishes(1))},
			Want:         cases.Clauses{ok(check.On{Stream: 1, Check: cases.Every{opens, check.Fields{Name: "sec-websocket-protocol", Value: "chat"}}})},
		},
	}
}

// deflateAgreed holds of a response with permessage-deflate and parameters.
type deflateAgreed struct{}

// Holds looks at the field.
func (deflateAgreed) Holds(t *transcript.Transcript) bool { return t.Deflate }

func (deflateAgreed) String() string { return "permessage-deflate is agreed" }

// withWant is a connection with a want of its own.
func withWant(want cases.Want, conn cases.Conn) cases.Conn {
	conn.Want = want
	return conn
}

// refusedConnects are requests that open nothing, or not what they seem to.
func refusedConnects() []cases.Case {
	return []cases.Case{
		{
			ID: "H2.1.6", Title: "an unknown :protocol", Level: cases.Should,
			Requirements: []string{"RFC8441-4-protocol-may", "RFC9220-3-501"},
			Conns:        []cases.Conn{over(opened(1, cases.Set(":protocol", "x-unknown")), works(2)), over(opened(1, cases.Set(":protocol", "webtransport")), works(2))},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: check.Status{From: 501, To: 501}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
				ok(check.On{Stream: 1, Check: malformedOrRefused}, check.On{Stream: 2, Check: opens}, check.Lives{}),
			},
		},
		{
			ID: "H2.1.19", Title: ":protocol twice, and :protocol in a GET",
			Requirements: []string{"RFC8441-4-protocol-may", "RFC8441-5-protocol-websocket"},
			Conns: []cases.Conn{
				over(opened(1, cases.Set(":protocol", "websocket"), pseudoAgain), opened(2)),
				over(opened(1, cases.Set(":method", "GET")), echoes(1), opened(2)), sane,
			},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: malformedOrRefused}), nonStrict(check.Left{}, check.On{Stream: 1, Check: check.NoAnswer{}}),
				nonStrict(check.On{Stream: 1, Check: cases.Every{status2xx, check.Quiet{}, check.Over{}}}), // an ordinary GET
			},
		},
		{
			ID: "H2.1.20", Title: "CONNECT without :protocol, and with an empty one",
			Requirements: []string{"RFC8441-5-protocol-websocket", "RFC8441-4-authority"},
			Conns:        []cases.Conn{over(opened(1, cases.Without(":protocol"), cases.Without(":scheme"), cases.Without(":path")), opened(2)), over(opened(1, cases.Set(":protocol", "")), opened(2)), sane},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: check.Either{malformedOrRefused, check.Status{From: 500, To: 599}}}),
				nonStrict(check.Left{}, check.On{Stream: 1, Check: check.NoAnswer{}}),
			},
		},
		{
			ID: "H2.1.21", Title: "pseudo-header fields behind ordinary ones, and one that nobody knows",
			Requirements: []string{"RFC8441-4-scheme-path"},
			Level:        cases.Should,
			Conns:        []cases.Conn{over(opened(1, cases.Reversed()), opened(2)), over(opened(1, cases.Set(":protocol", "websocket"), pseudoUnknown), opened(2)), sane},
			Want:         cases.Clauses{ok(check.On{Stream: 1, Check: malformedOrRefused}), nonStrict(check.Left{}, check.On{Stream: 1, Check: check.NoAnswer{}})},
		},
		{
			ID: "H2.1.17", Title: "END_STREAM on the request",
			Requirements: []string{"RFC8441-5-end-stream", "RFC8441-5-rst-cancel"},
			Conns: []cases.Conn{over(
				[]cases.Step{cases.Ask{Stream: 1, End: true}, cases.Expect{Stream: 1, For: soon, Until: onlyEnds}}, works(2),
			)},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: check.Over{}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
			},
		},
	}
}

// Edits that only HTTP/2 knows.
var (
	pseudoAgain   = cases.First(":protocol", "websocket")
	pseudoUnknown = cases.First(":unknown", "a")
)

// streamEnds are the ends of streams.
func streamEnds() []cases.Case {
	half := cases.Text(strings.Repeat("a", 100)).More()
	return []cases.Case{
		{
			ID: "H2.1.10", Title: "a frame that is not masked, beside another WebSocket",
			Requirements: []string{"RFC8441-5-masking-kept", "RFC6455-5.1-server-rejects-unmasked"},
			Conns: []cases.Conn{over(
				opened(1), opened(2),
				[]cases.Step{
					cases.Carry{Stream: 1, Frames: []cases.Frame{{Opcode: wsproto.OpText, Payload: cases.Data([]byte(probe)), Masking: cases.MaskNever}}},
					cases.Expect{Stream: 1, For: failure, Until: append(slices.Clone(onlyEnds), transcript.GotMessage)},
				},
				echoes(2),
			)},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: cases.Every{check.Quiet{}, check.Code{wsproto.StatusProtocolError}, check.Over{}}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
				nonStrict(check.On{Stream: 1, Check: cases.Every{check.Quiet{}, check.Over{}}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
			},
		},
		{
			ID: "H2.1.11", Title: "a closing handshake, and END_STREAM",
			Requirements: []string{"RFC8441-5-end-stream", "RFC6455-5.5.1-close-reply"},
			Conns:        []cases.Conn{over(works(1), works(2))},
			Want: cases.Clauses{
				ok(check.EachOf{Streams: 2, Check: cases.Every{opens, check.Clean{}, check.EndsStream{}}}, check.Lives{}),
				nonStrict(check.EachOf{Streams: 2, Check: cases.Every{opens, check.Clean{}, check.Over{}}}, check.Lives{}),
			},
		},
		{
			ID: "H2.1.22", Title: "END_STREAM without a close frame",
			Requirements: []string{"RFC8441-5-end-stream"},
			Conns: []cases.Conn{over(
				opened(1), echoes(1), []cases.Step{cases.Carry{Stream: 1, End: true}, cases.Expect{Stream: 1, For: failure, Until: onlyEnds}}, works(2),
			)},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: cases.Every{opens, check.Over{}}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
			},
		},
		{
			ID: "H2.1.23", Title: "a close frame, and our direction left open",
			Requirements: []string{"RFC8441-5-end-stream"},
			Conns: []cases.Conn{over(
				opened(1),
				[]cases.Step{
					cases.Carry{Stream: 1, Frames: []cases.Frame{closeFrame}},
					cases.Expect{Stream: 1, For: failure, Until: onlyEnds},
				}, works(2),
			)},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: cases.Every{check.Clean{}, check.EndsStream{}}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
				nonStrict(check.On{Stream: 1, Check: cases.Every{check.Clean{}, check.Over{}}}, check.On{Stream: 2, Check: opens}, check.Lives{}),
			},
		},
		{
			ID: "H2.1.12", Title: "RST_STREAM with CANCEL inside a message, beside another WebSocket",
			Requirements: []string{"RFC8441-5-rst-cancel", "RFC9113-6.4-rst"},
			Conns: []cases.Conn{over(
				opened(1), opened(2),
				[]cases.Step{cases.Carry{Stream: 1, Frames: []cases.Frame{half}}, cases.ResetStream(1, http2.ErrCodeCancel)},
				barrier, echoes(2), finishes(2), works(3),
			)},
			Want: cases.Clauses{ok(check.Lives{}, check.On{Stream: 2, Check: cases.Every{opens, check.Clean{}}}, check.On{Stream: 3, Check: opens}, check.LawfulHTTP2{})},
		},
		{
			ID: "H2.1.24", Title: "fifty streams that are opened and reset at once", Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC9113-6.4-rst"},
			Conns:        []cases.Conn{over(resets(50), works(51)), sane},
			Want: cases.Clauses{
				ok(check.On{Stream: 51, Check: opens}), ok(check.Left{}), // too many of them: RFC 9113 §10.5
				ok(check.On{Stream: 51, Check: check.ResetWith{"REFUSED_STREAM", "ENHANCE_YOUR_CALM"}}),
			},
		},
	}
}

// resets asks on so many streams, and resets each.
func resets(n int) []cases.Step {
	var list []cases.Step
	for i := range n {
		list = append(list, cases.Ask{Stream: i + 1}, cases.ResetStream(i+1, http2.ErrCodeCancel))
	}
	return list
}

// streamBytes are DATA frames of all kinds.
func streamBytes() []cases.Case {
	long := strings.Repeat("0123456789abcdef", 1<<12) // 64 KiB
	frames := func(c cases.Carry) []cases.Step {
		c.Stream, c.Frames = 1, []cases.Frame{cases.Text("first"), cases.Text("sec").More(), cases.Ping("p"), cases.Cont("ond"), cases.Binary("third")}
		return []cases.Step{
			c,
			cases.Expect{Stream: 1, For: failure, Until: []transcript.EventKind{transcript.GotMessage}},
			cases.Expect{Stream: 1, For: failure, Until: []transcript.EventKind{transcript.GotMessage}},
			cases.Expect{Stream: 1, For: failure, Until: []transcript.EventKind{transcript.GotMessage}},
		}
	}
	came := cases.Clauses{ok(check.LawfulHTTP2{}, check.Lives{}, check.On{Stream: 1, Check: cases.Every{
		check.Messages{cases.GotText(cases.Data([]byte("first"))), cases.GotText(cases.Data([]byte("second"))), cases.GotBinary(cases.Data([]byte("third")))}, check.Clean{},
	}})}
	echoed := cases.Clauses{ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{status2xx, cases.Echoed{Text: long}, check.Clean{}}})}
	send := []cases.Step{cases.Carry{Stream: 1, Frames: []cases.Frame{cases.Text(long)}}}
	arrives := []cases.Step{cases.Expect{Stream: 1, For: failure, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}}
	return []cases.Case{
		{
			ID: "H2.1.14", Title: "one byte in each DATA frame; padded; with empty DATA frames in between",
			Requirements: []string{"RFC8441-5-stream-as-tcp", "RFC6455-6.2-parse-frames"},
			Conns: []cases.Conn{
				over(opened(1), frames(cases.Carry{Chop: 1}), finishes(1)), over(opened(1), frames(cases.Carry{Chop: 5, Padded: true}), finishes(1)),
				over(opened(1), frames(cases.Carry{Chop: 3, Empty: true}), finishes(1)), over(opened(1), frames(cases.Carry{}), finishes(1)),
			},
			Want: came,
		},
		{
			ID: "H2.1.13", Title: "a window of 0, opened byte by byte at first",
			Requirements: []string{"RFC9113-6.9-flow-control"},
			Conns: []cases.Conn{{
				HTTP2: &cases.HTTP2{Manual: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize}}},
				Steps: slices.Concat(
					opened(1), []cases.Step{cases.Carry{Stream: 1, Frames: []cases.Frame{cases.Text(probe)}}}, barrier,
					grants(40, 1), grants(1, 4<<10), []cases.Step{cases.Expect{Stream: 1, For: soon, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}},
				),
			}},
			Want: cases.Clauses{ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: opens}, check.Lives{})},
		},
		{
			ID: "H2.1.25", Title: "a message of 64 KiB, while the window of the stream opens by 4 KiB at a time at first",
			Requirements: []string{"RFC9113-6.9-flow-control", "RFC8441-5-stream-as-tcp"},
			Conns: []cases.Conn{{
				HTTP2: &cases.HTTP2{Manual: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 10}}},
				Steps: slices.Concat(opened(1), []cases.Step{cases.Grant(0, 1<<22)}, send, full, grants(15, 4<<10), grants(1, 1<<21), arrives, finishes(1)),
			}},
			Want: echoed,
		},
		{
			ID: "H2.1.34", Title: "a message of 64 KiB, which frames of HTTP/2 carry in pieces",
			Requirements: []string{"RFC9113-4.2-frame-size", "RFC8441-5-stream-as-tcp"},
			Conns:        []cases.Conn{over(opened(1), send, arrives, finishes(1))},
			Want:         echoed,
		},
		{
			ID: "H2.1.26", Title: "two messages of 64 KiB on two streams, when the window of the connection has room for one",
			Requirements: []string{"RFC9113-6.9-flow-control"},
			Conns: []cases.Conn{{
				HTTP2: &cases.HTTP2{Manual: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 1 << 22}}},
				Steps: slices.Concat(
					opened(1), opened(2), send, []cases.Step{cases.Carry{Stream: 2, Frames: []cases.Frame{cases.Text(long)}}}, full, []cases.Step{cases.Grant(0, 1<<23)},
					arrives, []cases.Step{cases.Expect{Stream: 2, For: failure, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}},
				),
			}},
			Want: cases.Clauses{ok(check.LawfulHTTP2{}, check.EachOf{Streams: 2, Check: cases.Every{status2xx, cases.Echoed{Text: long}}})},
		},
		{
			ID: "H2.1.27", Title: "INITIAL_WINDOW_SIZE changed while a WebSocket is open",
			Requirements: []string{"RFC9113-6.9-flow-control"},
			Conns: []cases.Conn{{
				HTTP2: &cases.HTTP2{Manual: true, Settings: []http2.Setting{{ID: http2.SettingInitialWindowSize, Val: 16}}},
				Steps: slices.Concat(
					opened(1), []cases.Step{cases.Carry{Stream: 1, Frames: []cases.Frame{cases.Text(long[:1000])}}}, full,
					[]cases.Step{cases.Announce(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 60000})}, arrives,
				),
			}},
			Want: cases.Clauses{ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{status2xx, cases.Echoed{Text: long[:1000]}}})},
		},
		{
			ID: "H2.1.28", Title: "padding in HEADERS, and a header block over CONTINUATION frames of five bytes",
			Requirements: []string{"RFC8441-5-ws-headers", "RFC8441-5-stream-as-tcp"},
			Conns: []cases.Conn{
				over([]cases.Step{cases.Ask{Stream: 1, Pad: 100}, cases.Expect{Stream: 1, For: soon, Until: anyEnd}}, echoes(1), finishes(1)),
				over([]cases.Step{cases.Ask{Stream: 1, Split: 16}, cases.Expect{Stream: 1, For: soon, Until: anyEnd}}, echoes(1), finishes(1)),
			},
			Want: cases.Clauses{ok(check.LawfulHTTP2{}, check.On{Stream: 1, Check: cases.Every{opens, check.Clean{}}})},
		},
	}
}

// grants opens the window of stream 1, each time when what was sent before was read.
func grants(times int, n uint32) []cases.Step {
	var list []cases.Step
	for range times {
		list = append(list, cases.Grant(1, n))
		list = append(list, barrier...)
	}
	return list
}

// connections are about what the streams share.
func connections() []cases.Case {
	return []cases.Case{
		{
			ID: "H2.1.15", Title: "ninety WebSockets on one connection, with plain requests between", Level: cases.Should, Load: cases.Heavy,
			Requirements: []string{"RFC8441-5-stream-as-tcp", "RFC9113-6.4-rst"},
			Conns:        []cases.Conn{over(crowd(90), barrier)},
			Want:         cases.Clauses{ok(check.EachOf{Streams: 90, Check: check.Either{opens, check.ResetWith{"REFUSED_STREAM"}}}, check.On{Stream: 1, Check: opens}, check.Lives{})},
		},
		{
			ID: "H2.1.16", Title: "the setting of extended CONNECT, sent by the client",
			Requirements: []string{"RFC8441-3-server-no-effect"},
			Conns: []cases.Conn{
				setting(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}), setting(http2.Setting{ID: http2.SettingEnableConnectProtocol}),
			},
			Want: cases.Clauses{ok(check.On{Stream: 1, Check: opens}, check.Lives{})},
		},
		{
			ID: "H2.1.29", Title: "settings and frames that nobody knows, PRIORITY, and PING, beside a WebSocket",
			Requirements: []string{"RFC8441-5-stream-as-tcp"},
			Conns: []cases.Conn{over(
				opened(1),
				[]cases.Step{
					cases.Announce(http2.Setting{ID: 0xF0F0, Val: 7}),
					cases.Send{Type: 0xF0, Payload: []byte("unknown")},
					cases.Send{Type: 0xF0, Stream: 1, Payload: []byte("unknown")},
					cases.Send{Type: http2.FramePriority, Stream: 1, Payload: []byte{0, 0, 0, 0, 15}, Words: "PRIORITY"},
				}, barrier, echoes(1), finishes(1),
			)},
			Want: cases.Clauses{ok(check.On{Stream: 1, Check: cases.Every{opens, check.Clean{}}}, check.Lives{}, check.Acks{Count: 1})},
		},
		{
			ID: "H2.1.30", Title: "GOAWAY of the client while a WebSocket is open",
			Requirements: []string{"RFC8441-5-stream-as-tcp", "RFC8441-5-end-stream"},
			Level:        cases.Should,
			Conns:        []cases.Conn{over(opened(1), []cases.Step{cases.Leave(http2.ErrCodeNo)}, echoes(1), finishes(1)), sane},
			Want:         cases.Clauses{ok(check.On{Stream: 1, Check: cases.Every{opens, check.Clean{}}})},
		},
		{
			ID: "H2.1.31", Title: "an ordinary request beside a WebSocket, and a WebSocket after it",
			Requirements: []string{"RFC8441-5-stream-as-tcp", "RFC9113-6.4-rst"},
			Conns: []cases.Conn{over(
				opened(1), []cases.Step{cases.Get(2), cases.Expect{Stream: 2, For: soon, Until: anyEnd}}, echoes(1), works(3), finishes(1),
			)},
			Want: cases.Clauses{ok(check.On{Stream: 1, Check: cases.Every{opens, check.Clean{}}}, check.On{Stream: 2, Check: check.Either{check.Status{From: 200, To: 599}, check.ResetWith{}}}, check.On{Stream: 3, Check: opens}, check.Lives{})},
		},
		{
			ID: "H2.1.32", Title: "a header list of 20 KiB, and one of 1 MiB in CONTINUATION frames", Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC8441-5-ws-headers"},
			Conns: []cases.Conn{
				over(opened(1, cases.Long("x-long", 20<<10)), works(2)), over(opened(1, cases.Long("x-long", 1<<20)), opened(2)), sane,
			},
			Want: cases.Clauses{
				ok(check.On{Stream: 1, Check: check.Either{status2xx, status4xx, check.ResetWith{}}}), ok(check.Left{}),
			},
		},
		{
			ID: "H2.1.33", Title: "a header block that never ends: a thousand CONTINUATION frames without a byte", Level: cases.Robustness, Load: cases.Alone,
			Requirements: []string{"RFC8441-5-ws-headers"},
			Conns: []cases.Conn{
				over([]cases.Step{cases.Ask{Stream: 1, Empty: 1000}, cases.Expect{Stream: 1, For: soon, Until: anyEnd}}), sane,
			},
			Want: cases.Clauses{ok(check.Either{check.Left{}, check.On{Stream: 1, Check: check.Either{status2xx, status4xx, check.ResetWith{}}}})},
		},
	}
}

// setting is a connection on which the client sends a setting, at first and later on.
func setting(s http2.Setting) cases.Conn {
	c := over([]cases.Step{cases.Announce(s)}, works(1))
	c.HTTP2 = &cases.HTTP2{Settings: []http2.Setting{s}}
	return c
}

// crowd opens so many WebSockets, with a plain request after each tenth, and has each echo.
func crowd(n int) []cases.Step {
	var list []cases.Step
	gets := n
	for i := range n {
		list = append(list, cases.Ask{Stream: i + 1})
		if i%10 == 9 {
			gets++
			list = append(list, cases.Get(gets))
		}
	}
	for i := range n {
		list = append(list, cases.Expect{Stream: i + 1, For: soon, Until: anyEnd})
	}
	for i := range n {
		list = append(list, cases.Carry{Stream: i + 1, Frames: []cases.Frame{cases.Text(probe)}})
	}
	for i := range n {
		list = append(list, cases.Expect{Stream: i + 1, For: soon, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotReset, transcript.GotEnd}})
	}
	return list
}
