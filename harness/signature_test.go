package harness_test

import (
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestSignature(t *testing.T) {
	text := transcript.Event{Kind: transcript.GotMessage, Data: transcript.Octet("x")}
	binary := transcript.Event{Kind: transcript.GotMessage, Binary: true}
	pong := transcript.Event{Kind: transcript.GotPong}
	failed := func(tr *transcript.Transcript) harness.Result {
		v := cases.Verdict{Behavior: cases.Failed, Close: cases.CloseWrongCode}
		return harness.Result{Outcome: harness.Fail, Verdict: v, Duration: time.Second, Transcript: tr}
	}
	const halves = "FAILED, close WRONG CODE"
	for _, row := range []struct {
		name, want string
		r          harness.Result
	}{
		{"no verdict", "crash", harness.Result{Outcome: harness.Crash, Note: "signal: killed"}},
		{"no transcript", halves, failed(nil)},
		{"no handshake", halves + "; not opened", failed(&transcript.Transcript{})},
		{"nothing came", halves + "; got nothing; peer sent no close frame", failed(&transcript.Transcript{Opened: true})},
		{
			"events", halves + "; got text+, pong, binary; peer closed with 1000",
			failed(&transcript.Transcript{Opened: true, Events: []transcript.Event{text, text, text, pong, binary}, RemoteClose: true, RemoteCode: 1000}),
		},
		{"echo loop", halves + "; got echoes; peer closed without a code", failed(&transcript.Transcript{Opened: true, Echoes: 77, RemoteClose: true})},
		{
			"wrong echo and code 0", halves + "; got a wrong echo; peer closed with 0",
			failed(&transcript.Transcript{Opened: true, Echoes: 77, WrongEcho: true, RemoteClose: true, RemoteZero: true}),
		},
		{
			"one grade", "FAILED; got nothing; peer closed with 1002",
			harness.Result{Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed}, Transcript: &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1002}},
		},
	} {
		if got := row.r.Signature(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
		if !row.r.HasSignature(row.want) {
			t.Errorf("%s: it has not its own signature", row.name)
		}
	}
	if r := failed(nil); !r.HasSignature(halves+"; got text; peer closed with 1000") || r.HasSignature("OK, close OK") {
		t.Error("without a transcript the verdict decides")
	}
	if failed(&transcript.Transcript{Opened: true}).HasSignature(halves) {
		t.Error("a signature that says less is another one")
	}
}
