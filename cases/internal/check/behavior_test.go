package check_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

// Where the checks of what came, and in which order, begin to hold.
func TestBoundsOfTraffic(t *testing.T) {
	text, pong := cases.GotText(cases.Data([]byte("x"))), cases.Ponged(cases.Data([]byte("x")))
	alert := func(words string) *transcript.Transcript {
		return &transcript.Transcript{Events: []transcript.Event{{Kind: transcript.GotAlert, Data: transcript.Octet(words)}}}
	}
	events := func(list ...transcript.Event) *transcript.Transcript { return &transcript.Transcript{Events: list} }
	for _, test := range []struct {
		name  string
		check cases.Check
		t     *transcript.Transcript
		want  bool
	}{
		{"as many pongs as may be", check.FewPongs{Unanswered: 3}, &transcript.Transcript{Flooded: 6, Pongs: 3}, true},
		{"a pong too many", check.FewPongs{Unanswered: 3}, &transcript.Transcript{Flooded: 6, Pongs: 4}, false},
		{"all messages", check.Tally{Messages: 2}, &transcript.Transcript{Messages: 2}, true},
		{"a message too many", check.Tally{Messages: 2}, &transcript.Transcript{Messages: 3}, false},
		{"a message missing", check.Tally{Messages: 2}, &transcript.Transcript{Messages: 1}, false},
		{"pong, message", check.PongFirst{}, events(pong, text), true},
		{"message, pong", check.PongFirst{}, events(text, pong), false},
		{"a pong alone", check.PongFirst{}, events(pong), true},
		{"a message alone", check.PongFirst{}, events(text), false},
		{"held back", check.HeldBack{}, events(text), true},
		{"taken", check.HeldBack{}, events(transcript.Event{Kind: transcript.GotTaken}), false},
		{"an alert", check.Alerted{}, alert("handshake failure"), true},
		{"the end of TLS", check.Alerted{}, alert(transcript.CloseNotify), false},
		{"no alert", check.Alerted{}, events(text), false},
		{"the alert", check.Alert{"handshake failure"}, alert("handshake failure"), true},
		{"another alert", check.Alert{"handshake failure"}, alert("internal error"), false},
		{"a reset", check.NotReset{}, events(transcript.Event{Kind: transcript.GotReset}), false},
		{"the protocol", check.Chose{Protocol: "h2"}, &transcript.Transcript{TLS: &transcript.TLSState{Protocol: "h2"}}, true},
		{"no TLS", check.Chose{}, &transcript.Transcript{}, false},
	} {
		if got := test.check.Holds(test.t); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}
