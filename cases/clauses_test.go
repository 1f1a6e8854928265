package cases_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Each check has transcripts of which it holds and does not, and says what it is.
func TestChecks(t *testing.T) {
	of := func(events ...cases.Event) *cases.Transcript { return &cases.Transcript{Opened: true, Events: events} }
	client := func(events ...cases.Event) *cases.Transcript {
		return &cases.Transcript{Opened: true, Role: cases.Client, Events: events}
	}
	response := func(fields string) *cases.Transcript {
		return &cases.Transcript{Response: "HTTP/1.1 101 x\r\n" + fields + "\r\n\r\n"}
	}
	pinged := func(ping string, events ...cases.Event) *cases.Transcript {
		tr := of(events...)
		tr.Log = []cases.Entry{{Kind: cases.LogFrame, Dir: cases.Out, Opcode: wsproto.OpPing, Len: len(ping), Data: cases.Octet(ping)}}
		return tr
	}
	requested := func(target, host string) *cases.Transcript {
		return &cases.Transcript{Role: cases.Client, Address: "[::1]:81", Request: "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"}
	}
	status := func(n int) cases.Event { return cases.Event{Kind: cases.GotAnswer, Status: n} }
	ends := func(at time.Duration) cases.Event { return cases.Event{Kind: cases.GotEnd, At: at} }
	reset := cases.Event{Kind: cases.GotReset}
	closes := func(code wsproto.StatusCode) cases.Event { return cases.Event{Kind: cases.GotClose, Code: code} }
	hi := cases.GotText(cases.Data([]byte("hi")))
	for _, row := range []struct {
		check   cases.Check
		yes, no []*cases.Transcript
		words   string
	}{
		{cases.Status{From: 400, To: 499}, []*cases.Transcript{of(status(400)), of(status(499))}, []*cases.Transcript{of(), of(status(101)), of(status(500))}, "status 400 to 499"},
		{cases.Status{From: 101, To: 101}, []*cases.Transcript{of(status(101))}, []*cases.Transcript{of(status(200))}, "status 101"},
		{cases.Fields{Name: "X", Value: "a"}, []*cases.Transcript{response("x:  a ")}, []*cases.Transcript{response("X: b"), response("X: a\r\nX: a"), response("Y: a")}, "X: a, once"},
		{cases.NoField{Name: "X"}, []*cases.Transcript{response("Y: a")}, []*cases.Transcript{response("x: a")}, "no X"},
		{
			cases.Agreed{Without: []string{"client_max_window_bits"}},
			[]*cases.Transcript{response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9")},
			[]*cases.Transcript{
				response("Y: a"), response("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=9"),
				response("Sec-WebSocket-Extensions: x-other"), response("Sec-WebSocket-Extensions: permessage-deflate; window=9"),
				response("Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"),
			},
			"permessage-deflate with legal parameters, without client_max_window_bits",
		},
		{cases.Echoed{Text: "hi"}, []*cases.Transcript{of(hi)}, []*cases.Transcript{of(), of(hi, hi), of(cases.GotText(cases.Data([]byte("ho")))), of(cases.GotBinary(cases.Data([]byte("hi"))))}, `"hi" comes back, once`},
		{
			cases.Bits{Param: "server_max_window_bits", From: 8, To: 10},
			[]*cases.Transcript{response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10")},
			[]*cases.Transcript{
				response("Y: a"), response("Sec-WebSocket-Extensions: permessage-deflate"),
				response("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11"),
				response("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=10"),
			},
			"server_max_window_bits is 8 to 10",
		},
		{cases.Declined{}, []*cases.Transcript{of()}, []*cases.Transcript{{}, {Opened: true, Deflate: true}}, "no permessage-deflate"},
		{cases.Quiet{}, []*cases.Transcript{of(), of(closes(1002))}, []*cases.Transcript{of(hi), of(cases.Ponged(cases.Data(nil)))}, "no message, and no pong in answer"},
		{cases.Quiet{}, []*cases.Transcript{pinged("a", cases.Ponged(cases.Data([]byte("own"))))}, []*cases.Transcript{pinged("a", cases.Ponged(cases.Data([]byte("a"))))}, "no message, and no pong in answer"},
		{
			cases.AsksHost{Host: "{host}:{port}"},
			[]*cases.Transcript{requested("/", "[::1]:81")},
			[]*cases.Transcript{requested("/", "::1:81"), requested("/", "[::1]"), {}},
			"a request with Host: {host}:{port}, once",
		},
		{cases.Targets{"/%C3"}, []*cases.Transcript{requested("/%c3", "a")}, []*cases.Transcript{requested("/", "a"), requested("/%C3 b", "a"), {}}, "a request for /%C3"},
		{cases.NoRequest{}, []*cases.Transcript{{}}, []*cases.Transcript{requested("/", "a")}, "no request"},
		{cases.NoAnswer{}, []*cases.Transcript{of(ends(0))}, []*cases.Transcript{of(status(400))}, "no response"},
		{cases.Lists{Name: "X", Token: "b"}, []*cases.Transcript{response("X: a, B")}, []*cases.Transcript{response("X: ab"), response("Y: b")}, "X names b"},
		{cases.Code{1002, 1009}, []*cases.Transcript{of(closes(1009))}, []*cases.Transcript{of(), of(closes(0)), of(closes(1000))}, "a close frame with 1002 or 1009"},
		{cases.Closed{}, []*cases.Transcript{of(closes(0))}, []*cases.Transcript{of(ends(0))}, "a close frame"},
		{cases.Ends{Within: time.Second}, []*cases.Transcript{of(ends(time.Second)), of(reset), client(closes(1002))}, []*cases.Transcript{of(), of(ends(time.Second + 1)), of(closes(1002))}, "the peer ends TCP within 1s"},
		{cases.Dropped{Within: time.Second}, []*cases.Transcript{of(reset)}, []*cases.Transcript{of(closes(1002), ends(0)), of()}, "the peer ends TCP within 1s without a close frame"},
		{cases.Clean{}, []*cases.Transcript{{Clean: true}}, []*cases.Transcript{of()}, "a complete closing handshake"},
		{cases.Either{cases.Closed{}, cases.NoAnswer{}}, []*cases.Transcript{of(closes(0), status(101)), of()}, []*cases.Transcript{of(status(101))}, "a close frame, or no response"},
		{cases.Every{cases.Closed{}, cases.NoAnswer{}}, []*cases.Transcript{of(closes(0))}, []*cases.Transcript{of(), of(closes(0), status(101))}, "a close frame; no response"},
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

func TestClauses(t *testing.T) {
	list := cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{cases.Code{1002}}},
		{Grade: cases.NonStrict, Checks: cases.Every{cases.Closed{}}},
	}
	c := cases.Case{ID: "x.1", Want: list, Conns: []cases.Conn{{}}}
	closes := func(code wsproto.StatusCode) cases.Transcript {
		return cases.Transcript{Opened: true, Events: []cases.Event{{Kind: cases.GotClose, Code: code}}}
	}
	for _, row := range []struct {
		t      cases.Transcript
		want   cases.Behavior
		reason string
	}{
		{closes(1002), cases.OK, "a close frame with 1002"},
		{closes(1000), cases.NonStrict, "a close frame"},
		{cases.Transcript{}, cases.Failed, "nothing"},
		{cases.Transcript{Events: []cases.Event{{Kind: cases.GotReset}}}, cases.Failed, "a reset of TCP"},
	} {
		if got := c.Judge(row.t); got.Behavior != row.want || got.Close != "" || !strings.Contains(got.Reason, row.reason) {
			t.Errorf("got %s/%s (%s), want %s (%s)", got.Behavior, got.Close, got.Reason, row.want, row.reason)
		}
	}
	if got := list.String(); got != "OK: a close frame with 1002\nNON-STRICT: a close frame" {
		t.Errorf("got %q", got)
	}
}

func TestHeadText(t *testing.T) {
	fields := []cases.Field{{Name: "Host", Value: "a"}, {Name: "Sec-WebSocket-Version", Value: "13"}}
	const start = "GET / HTTP/1.1"
	for _, row := range []struct {
		head  cases.Head
		want  string
		words string
	}{
		{nil, "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", ""},
		{cases.Head{cases.Without("host")}, "GET / HTTP/1.1\r\nSec-WebSocket-Version: 13\r\n\r\n", "no host"},
		{cases.Head{cases.Set("HOST", "b")}, "GET / HTTP/1.1\r\nHost: b\r\nSec-WebSocket-Version: 13\r\n\r\n", "HOST: b"},
		{cases.Head{cases.Add("Host", "b")}, "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\nHost: b\r\n\r\n", "Host: b, added"},
		{cases.Head{cases.Line("X :\x00")}, "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\nX :\x00\r\n\r\n", "the line 0x58203a00"},
		{cases.Head{cases.Start("POST / HTTP/1.0")}, "POST / HTTP/1.0\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", `the start line "POST / HTTP/1.0"`},
		{cases.Head{cases.Set("Host", "{key}")}.Fill("{key}", "K"), "GET / HTTP/1.1\r\nHost: K\r\nSec-WebSocket-Version: 13\r\n\r\n", "Host: K"},
		{cases.Head{cases.Together()}, "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n\r\n", "the first frames in the same write"},
	} {
		if got := row.head.Text(start, fields); got != row.want {
			t.Errorf("%v: got %q, want %q", row.head, got, row.want)
		}
		if len(row.head) > 0 && row.head[0].String() != row.words {
			t.Errorf("got %q, want %q", row.head[0], row.words)
		}
	}
	if fields[0].Value != "a" {
		t.Error("an edit changed the standard fields")
	}
}

// A peer that restricts our window on the connection that needs it all, and compresses on
// another, is consistent: what it left out is not what it has there.
func TestJudgeLeftOut(t *testing.T) {
	undeflated := cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{cases.Declined{}}}
	restricted := cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{cases.Restricted{}}}
	fine := cases.Clause{Grade: cases.OK}
	answer := func(extension string) *cases.Transcript {
		return &cases.Transcript{Opened: true, Deflate: extension != "", Response: "HTTP/1.1 101 x\r\n" + extension + "\r\n", Events: []cases.Event{{Kind: cases.GotAnswer, Status: 101}}}
	}
	const agreed = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	less := answer("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n")
	c := cases.Case{
		ID: "X", Suite: cases.RFC, Conns: []cases.Conn{{}, {Want: cases.Clauses{undeflated, fine}}},
		Want: cases.Clauses{restricted, undeflated, fine},
	}
	for _, row := range []struct {
		name          string
		first, second *cases.Transcript
		want          cases.Behavior
	}{
		{"restricts", less, answer(agreed), cases.OK},
		{"declines once", answer(""), answer(agreed), cases.Failed},
		{"declines the other time", answer(agreed), answer(""), cases.Failed},
		{"never compresses", answer(""), answer(""), cases.Unimplemented},
	} {
		tr := *row.first
		tr.More = []cases.Transcript{*row.second}
		if got := c.Judge(tr); got.Behavior != row.want {
			t.Errorf("%s: %s (%s), want %s", row.name, got.Behavior, got.Reason, row.want)
		}
	}
}
