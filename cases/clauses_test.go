package cases_test

import (
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestClauses(t *testing.T) {
	list := cases.Clauses{
		{Grade: cases.OK, Checks: cases.Every{check.Code{1002}}},
		{Grade: cases.NonStrict, Checks: cases.Every{check.Closed{}}},
	}
	c := cases.Case{ID: "x.1", Want: list, Conns: []cases.Conn{{}}}
	closes := func(code wsproto.StatusCode) transcript.Transcript {
		return transcript.Transcript{Opened: true, Events: []transcript.Event{{Kind: transcript.GotClose, Code: code}}}
	}
	for _, row := range []struct {
		t      transcript.Transcript
		want   cases.Behavior
		reason string
	}{
		{closes(1002), cases.OK, "a close frame with 1002"},
		{closes(1000), cases.NonStrict, "a close frame"},
		{transcript.Transcript{}, cases.Failed, "nothing"},
		{transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotReset}}}, cases.Failed, "a reset of TCP"},
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

// Of connections that are equally bad, the first gives the reason.
func TestJudgeNamesTheFirst(t *testing.T) {
	opens := cases.Clauses{{Grade: cases.OK, Checks: cases.Every{check.Open{}}}}
	c := cases.Case{ID: "X", Suite: cases.RFC, Conns: []cases.Conn{{}, {}, {}}, Want: opens}
	good := transcript.Transcript{Opened: true, Events: []transcript.Event{{Kind: transcript.GotAnswer, Status: 101}}}
	bad := transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotAnswer, Status: 400}}}
	tr := good
	tr.More = []transcript.Transcript{bad, bad}
	if got := c.Judge(tr); got.Behavior != cases.Failed || !strings.HasPrefix(got.Reason, "connection 2: ") {
		t.Errorf("got %s (%s), want FAILED by connection 2", got.Behavior, got.Reason)
	}
}

// A peer that restricts our window on the connection that needs it all, and compresses on
// another, is consistent: what it left out is not what it has there.
func TestJudgeLeftOut(t *testing.T) {
	undeflated := cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{check.Declined{}}}
	restricted := cases.Clause{Grade: cases.Unimplemented, Checks: cases.Every{check.Restricted{}}}
	fine := cases.Clause{Grade: cases.OK}
	answer := func(extension string) *transcript.Transcript {
		return &transcript.Transcript{Opened: true, Deflate: extension != "", Response: "HTTP/1.1 101 x\r\n" + extension + "\r\n", Events: []transcript.Event{{Kind: transcript.GotAnswer, Status: 101}}}
	}
	const agreed = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	less := answer("Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n")
	c := cases.Case{
		ID: "X", Suite: cases.RFC, Conns: []cases.Conn{{}, {Want: cases.Clauses{undeflated, fine}}},
		Want: cases.Clauses{restricted, undeflated, fine},
	}
	for _, row := range []struct {
		name          string
		first, second *transcript.Transcript
		want          cases.Behavior
	}{
		{"restricts", less, answer(agreed), cases.OK},
		{"declines once", answer(""), answer(agreed), cases.Failed},
		{"declines the other time", answer(agreed), answer(""), cases.Failed},
		{"never compresses", answer(""), answer(""), cases.Unimplemented},
	} {
		tr := *row.first
		tr.More = []transcript.Transcript{*row.second}
		if got := c.Judge(tr); got.Behavior != row.want {
			t.Errorf("%s: %s (%s), want %s", row.name, got.Behavior, got.Reason, row.want)
		}
	}
}
