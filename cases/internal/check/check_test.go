package check_test

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Each check has transcripts of which it holds and does not, and says what it is.
func TestChecks(t *testing.T) {
	of := func(events ...transcript.Event) *transcript.Transcript {
		return &transcript.Transcript{Opened: true, Events: events}
	}
	client := func(events ...transcript.Event) *transcript.Transcript {
		return &transcript.Transcript{Opened: true, Role: cases.Client, Events: events}
	}
	response := func(fields string) *transcript.Transcript {
		return &transcript.Transcript{Response: "HTTP/1.1 101 x\r\n" + fields + "\r\n\r\n"}
	}
	pinged := func(ping string, events ...transcript.Event) *transcript.Transcript {
		tr := of(events...)
		tr.Log = []transcript.Entry{{Kind: transcript.LogFrame, Dir: transcript.Out, Opcode: wsproto.OpPing, Len: len(ping), Data: transcript.Octet(ping)}}
		return tr
	}
	requested := func(target, host string) *transcript.Transcript {
		return &transcript.Transcript{Role: cases.Client, Address: "[::1]:81", Request: "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"}
	}
	status := func(n int) transcript.Event { return transcript.Event{Kind: transcript.GotAnswer, Status: n} }
	ends := func(at time.Duration) transcript.Event { return transcript.Event{Kind: transcript.GotEnd, At: at} }
	reset := transcript.Event{Kind: transcript.GotReset}
	closes := func(code wsproto.StatusCode) transcript.Event {
		return transcript.Event{Kind: transcript.GotClose, Code: code}
	}
	hi := cases.GotText(cases.Data([]byte("hi")))
	for _, row := range []struct {
		check   cases.Check
		yes, no []*transcript.Transcript
		words   string
	}{
		{check.Status{From: 400, To: 499}, []*transcript.Transcript{of(status(400)), of(status(499))}, []*transcript.Transcript{of(), of(status(101)), of(status(500))}, "status 400 to 499"},
		{check.Status{From: 101, To: 101}, []*transcript.Transcript{of(status(101))}, []*transcript.Transcript{of(status(200))}, "status 101"},
		{check.Fields{Name: "X", Value: "a"}, []*transcript.Transcript{response("x:  a ")}, []*transcript.Transcript{response("X: b"), response("X: a\r\nX: a"), response("Y: a")}, "X: a, once"},
		{check.NoField{Name: "X"}, []*transcript.Transcript{response("Y: a")}, []*transcript.Transcript{response("x: a")}, "no X"},
		{
			check.Agreed{Without: []string{"client_max_window_bits"}},
			[]*transcript.Transcript{response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9")},
			[]*transcript.Transcript{
				response("Y: a"), response("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9"),
				response("Sec-WebSocket-Extensions: x-other"), response("Sec-WebSocket-Extensions: permessage-deflate; window=9"),
				response("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"),
			},
			"permessage-deflate with legal parameters, without client_max_window_bits",
		},
		{cases.Echoed{Text: "hi"}, []*transcript.Transcript{of(hi)}, []*transcript.Transcript{of(), of(hi, hi), of(cases.GotText(cases.Data([]byte("ho")))), of(cases.GotBinary(cases.Data([]byte("hi"))))}, `"hi" comes back, once`},
		{
			check.Bits{Param: "server_max_window_bits", From: 8, To: 10},
			[]*transcript.Transcript{response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10")},
			[]*transcript.Transcript{
				response("Y: a"), response("Sec-WebSocket-Extensions: permessage-deflate"),
				response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11"),
				response("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10"),
			},
			"server_max_window_bits is 8 to 10",
		},
		{check.Declined{}, []*transcript.Transcript{of()}, []*transcript.Transcript{{}, {Opened: true, Deflate: true}}, "no permessage-deflate"},
		{check.Quiet{}, []*transcript.Transcript{of(), of(closes(1002))}, []*transcript.Transcript{of(hi), of(cases.Ponged(cases.Data(nil)))}, "no message, and no pong in answer"},
		{check.Quiet{}, []*transcript.Transcript{pinged("a", cases.Ponged(cases.Data([]byte("own"))))}, []*transcript.Transcript{pinged("a", cases.Ponged(cases.Data([]byte("a"))))}, "no message, and no pong in answer"},
		{
			check.AsksHost{Host: "{host}:{port}"},
			[]*transcript.Transcript{requested("/", "[::1]:81")},
			[]*transcript.Transcript{requested("/", "::1:81"), requested("/", "[::1]"), {}},
			"a request with Host: {host}:{port}, once",
		},
		{check.Targets{"/%C3"}, []*transcript.Transcript{requested("/%c3", "a")}, []*transcript.Transcript{requested("/", "a"), requested("/%C3 b", "a"), {}}, "a request for /%C3"},
		{
			check.Tunnels{To: "a.test:{port}"},
			[]*transcript.Transcript{proxied("CONNECT a.test:81 HTTP/1.1\r\nHost: A.test\r\n\r\n"), proxied("CONNECT a.test:81 HTTP/1.1\r\nHost: a.test:81\r\n\r\n")},
			[]*transcript.Transcript{
				{},
				proxied("CONNECT a.test:81 HTTP/1.1\r\n\r\n"), proxied("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n"),
				proxied("CONNECT a.test:81 HTTP/1.1\r\nHost: b.test\r\n\r\n"), proxied("GET http://a.test:81/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
			},
			"the client asks the proxy to CONNECT to a.test:{port}, with Host",
		},
		{
			check.AsksByName{To: "a.test:{port}"},
			[]*transcript.Transcript{proxied("name a.test:81")},
			[]*transcript.Transcript{{}, proxied("address 127.0.0.1:81"), proxied("name a.test:80")},
			"the client asks the proxy for a.test:{port} by name",
		},
		{
			check.BacksOff{},
			[]*transcript.Transcript{{}, retried(0), retried(0, 100), retried(0, 100, 300, 700)},
			[]*transcript.Transcript{retried(0, 100, 200), retried(0, 100, 300, 400), retried(0, 0, 0)},
			"each wait before a further connection is longer than the one before",
		},
		{check.Reasons{Text: "a"}, []*transcript.Transcript{{RemoteReason: transcript.Octet("bad")}}, []*transcript.Transcript{{}, {RemoteReason: transcript.Octet("b")}}, "the reason names a"},
		{check.Proxied{}, []*transcript.Transcript{proxied("name a.test:81")}, []*transcript.Transcript{{}, requested("/", "a")}, "the client asks the proxy"},
		{check.StaysSecure{}, []*transcript.Transcript{{}, again("Host: a", false)}, []*transcript.Transcript{again("Host: a", true)}, "no further request without TLS"},
		{
			check.WithholdsPlain{"Cookie"},
			[]*transcript.Transcript{{}, again("Cookie: a", false), again("Host: a", true)},
			[]*transcript.Transcript{again("Cookie: a", true)},
			"no further request without TLS with Cookie",
		},
		{check.NoRequest{}, []*transcript.Transcript{{}}, []*transcript.Transcript{requested("/", "a")}, "no request"},
		{check.NoAnswer{}, []*transcript.Transcript{of(ends(0))}, []*transcript.Transcript{of(status(400))}, "no response"},
		{check.Lists{Name: "X", Token: "b"}, []*transcript.Transcript{response("X: a, B")}, []*transcript.Transcript{response("X: ab"), response("Y: b")}, "X names b"},
		{check.Code{1002, 1009}, []*transcript.Transcript{of(closes(1009))}, []*transcript.Transcript{of(), of(closes(0)), of(closes(1000))}, "a close frame with 1002 or 1009"},
		{check.Closed{}, []*transcript.Transcript{of(closes(0))}, []*transcript.Transcript{of(ends(0))}, "a close frame"},
		{check.Ends{Within: time.Second}, []*transcript.Transcript{of(ends(time.Second)), of(reset), client(closes(1002))}, []*transcript.Transcript{of(), of(ends(time.Second + 1)), of(closes(1002))}, "the peer ends TCP within 1s"},
		{check.Dropped{Within: time.Second}, []*transcript.Transcript{of(reset)}, []*transcript.Transcript{of(closes(1002), ends(0)), of()}, "the peer ends TCP within 1s without a close frame"},
		{check.Clean{}, []*transcript.Transcript{{Clean: true}}, []*transcript.Transcript{of()}, "a complete closing handshake"},
		{check.Either{check.Closed{}, check.NoAnswer{}}, []*transcript.Transcript{of(closes(0), status(101)), of()}, []*transcript.Transcript{of(status(101))}, "a close frame, or no response"},
		{cases.Every{check.Closed{}, check.NoAnswer{}}, []*transcript.Transcript{of(closes(0))}, []*transcript.Transcript{of(), of(closes(0), status(101))}, "a close frame; no response"},
	} {
		for _, tr := range row.yes {
			if !row.check.Holds(tr) {
				t.Errorf("%v does not hold of %+v", row.check, tr)
			}
		}
		for _, tr := range row.no {
			if row.check.Holds(tr) {
				t.Errorf("%v holds of %+v", row.check, tr)
			}
		}
		if got := row.check.String(); got != row.words {
			t.Errorf("got %q, want %q", got, row.words)
		}
	}
}

// proxied is of a client that asked this of its proxy.
func proxied(what string) *transcript.Transcript {
	return &transcript.Transcript{Address: "127.0.0.1:81", Events: []transcript.Event{{Kind: transcript.GotProxied, Data: transcript.Octet(what)}}}
}

// again is of a client that sent a further request with this field.
func again(field string, plain bool) *transcript.Transcript {
	return &transcript.Transcript{Events: []transcript.Event{
		{Kind: transcript.GotRequest, Data: transcript.Octet("GET / HTTP/1.1\r\n" + field + "\r\n\r\n"), Plain: plain},
	}}
}

// retried is of a client that asked again at these times, in milliseconds.
func retried(at ...int) *transcript.Transcript {
	t := &transcript.Transcript{}
	for _, a := range at {
		t.Events = append(t.Events, transcript.Event{Kind: transcript.GotRequest, At: time.Duration(a) * time.Millisecond})
	}
	return t
}
