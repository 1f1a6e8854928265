package check_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

// Where the checks of what came, and in which order, begin to hold.
func TestBoundsOfTraffic(t *testing.T) {
	text, pong := cases.GotText(cases.Data([]byte("x"))), cases.Ponged(cases.Data([]byte("x")))
	alert := func(words string) *cases.Transcript {
		return &cases.Transcript{Events: []cases.Event{{Kind: cases.GotAlert, Data: cases.Octet(words)}}}
	}
	events := func(list ...cases.Event) *cases.Transcript { return &cases.Transcript{Events: list} }
	for _, test := range []struct {
		name  string
		check cases.Check
		t     *cases.Transcript
		want  bool
	}{
		{"as many pongs as may be", check.FewPongs{Unanswered: 3}, &cases.Transcript{Flooded: 6, Pongs: 3}, true},
		{"a pong too many", check.FewPongs{Unanswered: 3}, &cases.Transcript{Flooded: 6, Pongs: 4}, false},
		{"all messages", check.Tally{Messages: 2}, &cases.Transcript{Messages: 2}, true},
		{"a message too many", check.Tally{Messages: 2}, &cases.Transcript{Messages: 3}, false},
		{"a message missing", check.Tally{Messages: 2}, &cases.Transcript{Messages: 1}, false},
		{"pong, message", check.PongFirst{}, events(pong, text), true},
		{"message, pong", check.PongFirst{}, events(text, pong), false},
		{"a pong alone", check.PongFirst{}, events(pong), true},
		{"a message alone", check.PongFirst{}, events(text), false},
		{"held back", check.HeldBack{}, events(text), true},
		{"taken", check.HeldBack{}, events(cases.Event{Kind: cases.GotTaken}), false},
		{"an alert", check.Alerted{}, alert("handshake failure"), true},
		{"the end of TLS", check.Alerted{}, alert(cases.CloseNotify), false},
		{"no alert", check.Alerted{}, events(text), false},
		{"the alert", check.Alert{"handshake failure"}, alert("handshake failure"), true},
		{"another alert", check.Alert{"handshake failure"}, alert("internal error"), false},
		{"a reset", check.NotReset{}, events(cases.Event{Kind: cases.GotReset}), false},
		{"the protocol", check.Chose{Protocol: "h2"}, &cases.Transcript{TLS: &cases.TLSState{Protocol: "h2"}}, true},
		{"no TLS", check.Chose{}, &cases.Transcript{}, false},
	} {
		if got := test.check.Holds(test.t); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}
