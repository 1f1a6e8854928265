package harness_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/hostiletest"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Whatever a peer sends, a line of the run file stays short. Each field is tried
// by itself, so a new one without a bound is noticed.
func TestEveryValueHasABound(t *testing.T) {
	r, tried := hostiletest.Result(), 0
	hostiletest.Each(&r, func(name string) {
		tried++
		var buf bytes.Buffer
		w, err := runfile.NewWriter(&buf, runfile.Header{})
		if err != nil {
			t.Fatal(err)
		}
		before := buf.Len()
		if err := w.Case(r); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := buf.Len() - before; n > 1<<20 {
			t.Errorf("%s: the line has %d bytes, want at most 1 MiB", name, n)
		}
		if _, err := runfile.Read(&buf); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
	if tried < 20 {
		t.Errorf("only %d fields were tried", tried)
	}
}

// What is cut says how long it was, also when a file is written again.
func TestRunFileSaysWhatItCut(t *testing.T) {
	r := hostiletest.Result()
	r.Note = strings.Repeat("x", 10<<20)
	r.Transcript.Log = make([]transcript.Entry, 5000)
	run := &runfile.Run{Results: []harness.Result{r}, Footer: &runfile.Footer{State: runfile.Partial}}
	for range 2 {
		path := t.TempDir() + "/run.jsonl"
		if err := run.Save(path); err != nil {
			t.Fatal(err)
		}
		var err error
		if run, err = runfile.Open(path); err != nil {
			t.Fatal(err)
		}
	}
	got := run.Results[0]
	const mark = "xx… (10485760 bytes, SHA-256 "
	if !strings.Contains(got.Note, mark) || len(got.Note) > 5000 {
		t.Errorf("got a note of %d bytes that ends in %q, want %q and a hash", len(got.Note), got.Note[max(0, len(got.Note)-100):], mark)
	}
	if kept := len(got.Transcript.Log); kept+got.Transcript.LogLost != 5000 || kept == 5000 {
		t.Errorf("%d entries are kept and %d lost, want 5000 together", kept, got.Transcript.LogLost)
	}
}

// A file from elsewhere cannot have ids of any length.
func TestReadRunRefusesALongID(t *testing.T) {
	header := `{"kind":"header","schema":1,"tool":"","engine":{"name":""},"agent":{"name":"","role":"client"},` +
		`"selection":{"cases":[],"selected":[],"catalogue":""},"started":"0001-01-01T00:00:00Z","host":{"os":"","arch":"","cpus":0,"go":""}}`
	line := `{"kind":"case","case":"` + strings.Repeat("9", 1000) + `","outcome":"not-run","duration":0}`
	_, err := runfile.Read(strings.NewReader(header + "\n" + line + "\n"))
	if want := "a case whose id has 1000 bytes, where 256 are the most"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestClip(t *testing.T) {
	const hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" // of "test"
	tests := []struct {
		s    string
		n    int
		want string
	}{
		{"test", 4, "test"},
		{"test", 3, "tes… (4 bytes, SHA-256 " + hash + ")"},
		{"tes… (4 bytes, SHA-256 " + hash + ")", 2, "te… (4 bytes, SHA-256 " + hash + ")"},
		{"tes… (4 bytes, SHA-256 " + hash + ")", 3, "tes… (4 bytes, SHA-256 " + hash + ")"},
		{"", 0, ""},
	}
	for _, tt := range tests {
		if got := harness.Clip(tt.s, tt.n); got != tt.want {
			t.Errorf("Clip(%q, %d): got %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
	if got := harness.Clip("aé", 2); !strings.HasPrefix(got, "a… (3 bytes") {
		t.Errorf("a character was cut: %q", got)
	}
}

func TestEnding(t *testing.T) {
	const kept = "the peer did not end the connection in time"
	tests := []struct {
		name string
		t    *transcript.Transcript
		want string
	}{
		{"no transcript", nil, ""},
		{"code and reason", &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1009, RemoteReason: transcript.Octet("too many fragments")}, `the peer closed with 1009 (message too big): "too many fragments"`},
		{"hostile reason", &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1002, RemoteReason: transcript.Octet("\x1b[31m\u202e\"")}, `the peer closed with 1002 (protocol error): "\x1b[31m\u202e\""`},
		{"no code", &transcript.Transcript{Opened: true, RemoteClose: true}, "the peer closed without a code"},
		{"code 0", &transcript.Transcript{Opened: true, RemoteClose: true, RemoteZero: true}, "the peer closed with 0"},
		{"answer", &transcript.Transcript{Opened: true, ClosedByUs: true, RemoteClose: true, RemoteCode: 1000}, "the peer answered our close with 1000 (normal closure)"},
		{"no answer", &transcript.Transcript{Opened: true, ClosedByUs: true, CloseTimeout: true, DroppedByUs: true}, "the peer did not answer our close frame in time"},
		{"ends TCP", &transcript.Transcript{Opened: true}, "the peer ended TCP without a close frame"},
		{"keeps the connection", &transcript.Transcript{Opened: true, DroppedByUs: true}, kept},
		{"failed by us", &transcript.Transcript{Opened: true, FailedByUs: true, DroppedByUs: true}, ""},
		{"refused", &transcript.Transcript{Role: cases.Server, Response: "HTTP/1.1 403 No\r\nX: y\r\n\r\n"}, `the peer answered "HTTP/1.1 403 No"`},
		{"several connections", &transcript.Transcript{Opened: true, RemoteClose: true, More: make([]transcript.Transcript, 1)}, ""},
		{"a client that never opened", &transcript.Transcript{Role: cases.Client, Response: "HTTP/1.1 400 Ours\r\n\r\n"}, ""},
	}
	for _, tt := range tests {
		if got := (harness.Result{Transcript: tt.t}).Ending(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	r := harness.Result{Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}, Transcript: tests[1].t}
	if got, want := r.Summary(), "fail, behavior FAILED, close FAILED: "+fmt.Sprint(tests[1].want); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if !r.OverLimit() {
		t.Error("a peer that closed with 1009 by itself is not over its limit")
	}
	for name, change := range map[string]func(*transcript.Transcript){
		"another code":       func(t *transcript.Transcript) { t.RemoteCode = 1008 },
		"an answer to ours":  func(t *transcript.Transcript) { t.ClosedByUs = true },
		"after a wrong echo": func(t *transcript.Transcript) { t.WrongEcho = true },
	} {
		other := *tests[1].t
		change(&other)
		if (harness.Result{Transcript: &other}).OverLimit() {
			t.Errorf("%s: over its limit", name)
		}
	}
}

// A message that is cut says how long it was, and which.
func TestBoundedMessage(t *testing.T) {
	data := bytes.Repeat([]byte{7}, 3*transcript.HeadSize)
	r := harness.Result{Transcript: &transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotMessage, Data: data}, {Kind: transcript.GotMessage, Data: data[:1]}}}}
	got := r.Bounded().Transcript.Events
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	if e := got[0]; len(e.Data) != transcript.HeadSize || e.Len != len(data) || e.SHA256 != want {
		t.Errorf("got %d bytes of %d, SHA-256 %s; want %d of %d, %s", len(e.Data), e.Len, e.SHA256, transcript.HeadSize, len(data), want)
	}
	if e := got[1]; len(e.Data) != 1 || e.SHA256 != "" {
		t.Errorf("a short one: got %d bytes, SHA-256 %q, want it as it was", len(e.Data), e.SHA256)
	}
	if n := len(r.Transcript.Events[0].Data); n != len(data) {
		t.Errorf("the result that was given has %d bytes now", n)
	}
}

// TestCutOff: only a peer that ended TCP itself, in place of its close frame, may have lost it.
func TestCutOff(t *testing.T) {
	for _, test := range []struct {
		name string
		t    *transcript.Transcript
		want bool
	}{
		{"the peer ended TCP", &transcript.Transcript{ClosedByUs: true}, true},
		{"we ended TCP", &transcript.Transcript{ClosedByUs: true, DroppedByUs: true}, false},
		{"its close frame came", &transcript.Transcript{ClosedByUs: true, RemoteClose: true}, false},
		{"we did not close", &transcript.Transcript{}, false},
		{"nothing is known", nil, false},
	} {
		r := harness.Result{Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseUnclean}, Transcript: test.t}
		if got := r.CutOff(); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}
