package autobahn_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/internal/transcript"
)

func find(t *testing.T, id cases.ID) (cases.Case, autobahn.Want) {
	t.Helper()
	c, ok := autobahn.Find(id)
	if !ok {
		t.Fatalf("no case %s", id)
	}
	return c, autobahn.Of(c)
}

// We close once nothing is waited for any more: all echoes, a wrong one, or no compression.
func TestNext(t *testing.T) {
	for _, test := range []struct {
		name string
		id   cases.ID
		t    transcript.Transcript
		want bool
	}{
		{"no echo yet", "12.1.1", transcript.Transcript{Deflate: true}, false},
		{"all but one", "12.1.1", transcript.Transcript{Deflate: true, Echoes: 999}, false},
		{"all echoes", "12.1.1", transcript.Transcript{Deflate: true, Echoes: 1000}, true},
		{"a wrong echo", "12.1.1", transcript.Transcript{Deflate: true, Echoes: 3, WrongEcho: true}, true},
		{"no compression", "12.1.1", transcript.Transcript{}, true},
		{"a wrong echo, plain", "9.7.1", transcript.Transcript{WrongEcho: true}, true},
		{"no echo yet, plain", "9.7.1", transcript.Transcript{}, false},
	} {
		c, w := find(t, test.id)
		if got := w.Next(c, &test.t) != nil; got != test.want {
			t.Errorf("%s, %s: got a close %t, want %t", test.id, test.name, got, test.want)
		}
	}
}

// Nothing more is waited for of a peer that has closed where we should have.
func TestSettled(t *testing.T) {
	for _, test := range []struct {
		id         cases.ID
		them, ours bool
		want       bool
	}{
		{"1.1.1", true, false, true},
		{"1.1.1", true, true, false},
		{"1.1.1", false, false, false},
		{"5.1", true, false, false},
	} {
		c, w := find(t, test.id)
		if got := w.Settled(c, &transcript.Transcript{RemoteClose: test.them, ClosedByUs: test.ours}); got != test.want {
			t.Errorf("%s, the peer closed %t, we %t: got %t, want %t", test.id, test.them, test.ours, got, test.want)
		}
	}
}
