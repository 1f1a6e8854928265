package cases_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
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
		{"as many pongs as may be", cases.FewPongs{Most: 3}, &cases.Transcript{Pongs: 3}, true},
		{"a pong too many", cases.FewPongs{Most: 3}, &cases.Transcript{Pongs: 4}, false},
		{"all messages", cases.Tally{Messages: 2}, &cases.Transcript{Messages: 2}, true},
		{"a message too many", cases.Tally{Messages: 2}, &cases.Transcript{Messages: 3}, false},
		{"a message missing", cases.Tally{Messages: 2}, &cases.Transcript{Messages: 1}, false},
		{"pong, message", cases.PongFirst{}, events(pong, text), true},
		{"message, pong", cases.PongFirst{}, events(text, pong), false},
		{"a pong alone", cases.PongFirst{}, events(pong), true},
		{"a message alone", cases.PongFirst{}, events(text), false},
		{"held back", cases.HeldBack{}, events(text), true},
		{"taken", cases.HeldBack{}, events(cases.Event{Kind: cases.GotTaken}), false},
		{"an alert", cases.Alerted{}, alert("handshake failure"), true},
		{"the end of TLS", cases.Alerted{}, alert(cases.CloseNotify), false},
		{"no alert", cases.Alerted{}, events(text), false},
		{"the alert", cases.Alert{"handshake failure"}, alert("handshake failure"), true},
		{"another alert", cases.Alert{"handshake failure"}, alert("internal error"), false},
		{"a reset", cases.NotReset{}, events(cases.Event{Kind: cases.GotReset}), false},
		{"the protocol", cases.Chose{Protocol: "h2"}, &cases.Transcript{TLS: &cases.TLSState{Protocol: "h2"}}, true},
		{"no TLS", cases.Chose{}, &cases.Transcript{}, false},
	} {
		if got := test.check.Holds(test.t); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}
