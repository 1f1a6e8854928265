package rfc

import (
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// http2Clients is H2.2: WebSocket over HTTP/2, of a client. The connections are streams: their
// steps are those of any connection, and those of HTTP/2 that concern the stream.
func http2Clients() []cases.Case {
	long := cases.Data([]byte(strings.Repeat("0123456789abcdef", 1<<12))) // 64 KiB
	sent := cases.Frame{Opcode: wsproto.OpText, Payload: long}
	list := []cases.Case{
		{
			ID: "H2.2.1", Title: "SETTINGS that come late",
			Requirements: []string{"RFC8441-3-client-not-before", "RFC8441-3-client-may"},
			Conns:        []cases.Conn{{Steps: probed}},
			Want:         cases.Clauses{ok(probeEchoed, check.Lawful{})},
		},
		{
			ID: "H2.2.2", Title: "the request as the client sends it",
			Requirements: []string{
				"RFC8441-5-protocol-websocket", "RFC8441-5-scheme", "RFC8441-4-scheme-path", "RFC8441-5-no-connection-upgrade", "RFC8441-5-no-key",
				"RFC8441-5-ws-headers", "RFC9113-8.2.1-lowercase", "RFC9113-8.2.2-connection-specific",
			},
			Conns: []cases.Conn{{Steps: probed}},
			Want: cases.Clauses{
				ok(check.Extended{}, check.Unasked{Name: "Sec-WebSocket-Key"}, probeEchoed), nonStrict(check.Extended{}, probeEchoed),
			},
		},
		{
			ID: "H2.2.3", Title: "status 101, 404 and 302",
			Requirements: []string{"RFC8441-5-status-200"},
			Conns: []cases.Conn{
				misled(cases.Add(":status", "101")), misled(cases.Add(":status", "404")), misled(cases.Add(":status", "302"), cases.Add("location", "/runCase")),
			},
			Want: cases.Clauses{ok(check.Quiet{}, check.Not{Check: check.Closed{}})},
		},
		{
			ID: "H2.2.4", Title: "messages of all kinds",
			Requirements: []string{"RFC8441-5-masking-kept", "RFC8441-5-stream-as-tcp", "RFC9113-5.1-open-streams"},
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Text("a"), answered, cases.Binary("b"), answered, cases.Ping("c"), cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotPong, transcript.GotClose}},
			}}},
			Want: echoed(cases.GotText(cases.Data([]byte("a"))), cases.GotBinary(cases.Data([]byte("b")))),
		},
		{
			ID: "H2.2.5", Title: "the setting of extended CONNECT taken back while a WebSocket is open",
			Requirements: []string{"RFC8441-3-no-downgrade"}, Level: cases.Robustness,
			Conns: []cases.Conn{
				{Steps: append([]cases.Step{cases.Announce(http2.Setting{ID: http2.SettingEnableConnectProtocol})}, probed...), Want: cases.Clauses{
					ok(check.Either{probeEchoed, check.Ends{Within: failure}}), // a connection error is in order, too
				}},
				{Steps: append([]cases.Step{cases.Announce(http2.Setting{ID: 0xF0F0, Val: 1})}, probed...)},
			},
			Want: cases.Clauses{ok(probeEchoed)},
		},
		{
			ID: "H2.2.6", Title: "RST_STREAM inside a message",
			Requirements: []string{"RFC8441-5-rst-cancel", "RFC9113-6.4-rst", "RFC8441-5-masking-kept"},
			Conns: []cases.Conn{
				{Steps: []cases.Step{cases.Text("half").More(), cases.Reset{}}, Want: cases.Clauses{ok(check.Quiet{}, check.Not{Check: check.Clean{}})}}, {Steps: probed},
			},
			Want: cases.Clauses{ok(probeEchoed, check.Lawful{})},
		},
		{
			ID: "H2.2.7", Title: "a close frame, and the end of the stream",
			Requirements: []string{"RFC8441-5-end-stream", "RFC6455-5.5.1-close-reply", "RFC9113-5.1-open-streams"},
			Conns: []cases.Conn{{Steps: []cases.Step{
				cases.Probe{Text: probe},
				closeFrame,
				cases.Await{For: failure, Until: []transcript.EventKind{transcript.GotClose}},
				cases.HalfClose{},
				cases.Await{For: 2 * time.Second, Until: []transcript.EventKind{transcript.GotEnd, transcript.GotReset}},
			}}},
			Want: cases.Clauses{
				ok(probeEchoed, check.Closed{}, check.EndsStream{}, check.Lawful{}), nonStrict(probeEchoed, check.Closed{}, check.Over{}, check.Lawful{}),
			},
		},
		{
			ID: "H2.2.8", Title: "a message of 64 KiB, when the window of the stream is 1, and byte by byte",
			Requirements: []string{"RFC9113-6.9-flow-control", "RFC6455-6.2-parse-frames"}, Load: cases.Heavy,
			Conns: []cases.Conn{
				{Steps: []cases.Step{cases.Announce(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 100}), cases.Pinged, cases.Await{For: 100 * time.Millisecond}, sent, answered}, Want: echoed(cases.GotText(long))},
				{Steps: []cases.Step{cases.Text(probe).Chopped(1), answered}},
			},
			Want: echoed(cases.GotText(cases.Data([]byte(probe)))),
		},
		{
			ID: "H2.2.9", Title: "a message of 64 KiB, whose echo frames of HTTP/2 carry in pieces",
			Requirements: []string{"RFC9113-4.2-frame-size", "RFC8441-5-stream-as-tcp"},
			Conns:        []cases.Conn{{Steps: []cases.Step{sent, answered}}},
			Want:         echoed(cases.GotText(long)),
		},
		{
			ID: "H2.2.10", Title: "one byte in each DATA frame",
			Requirements: []string{"RFC8441-5-stream-as-tcp", "RFC6455-6.2-parse-frames"},
			Conns:        []cases.Conn{{Steps: []cases.Step{cases.Text("one").More().Chopped(1), cases.Ping("two").Chopped(1), cases.Cont("three").Chopped(1), answered}}},
			Want:         echoed(cases.GotText(cases.Data([]byte("onethree")))),
		},
	}
	for i := range list {
		list[i].Roles, list[i].Needs = onlyClients, []cases.Need{cases.NeedHTTP2, cases.NeedEcho}
	}
	return list
}
