package check_test

import (
	"fmt"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestTrafficChecks(t *testing.T) {
	one, two := cases.GotText(cases.Data([]byte("one"))), cases.GotBinary(cases.Data([]byte("two")))
	closed, end := transcript.Event{Kind: transcript.GotClose}, transcript.Event{Kind: transcript.GotEnd}
	pong := cases.Ponged(cases.Data([]byte("p")))
	for _, row := range []struct {
		check  cases.Check
		events []transcript.Event
		want   bool
	}{
		{check.Messages{one, two}, []transcript.Event{one, pong, two, end}, true},
		{check.Messages{one, two}, []transcript.Event{two, one}, false},
		{check.Messages{one}, []transcript.Event{one, two}, false},
		{check.Messages{}, []transcript.Event{pong}, true},
		{check.NoPong{}, []transcript.Event{one}, true},
		{check.NoPong{}, []transcript.Event{pong}, false},
		{check.PongWith{Text: "p"}, []transcript.Event{one, pong}, true},
		{check.PongWith{Text: "q"}, []transcript.Event{pong}, false},
		{check.ClosesOnce{}, []transcript.Event{closed, end}, true},
		{check.ClosesOnce{}, []transcript.Event{closed, closed}, false},
		{check.SilentAfterClose{}, []transcript.Event{one, closed, end}, true},
		{check.SilentAfterClose{}, []transcript.Event{closed, one}, false},
		{check.SilentAfterClose{}, []transcript.Event{one}, false},
		{check.Lawful{}, []transcript.Event{one}, true},
		{check.Lawful{}, []transcript.Event{{Kind: transcript.GotOffence}}, false},
	} {
		if got := row.check.Holds(&transcript.Transcript{Events: row.events}); got != row.want {
			t.Errorf("%v of %v: got %v, want %v", row.check, row.events, got, row.want)
		}
	}
}

func TestFreshKeys(t *testing.T) {
	for _, row := range []struct {
		name string
		key  func(i int) uint32
		want bool
	}{
		{"mixed", func(i int) uint32 { return uint32(i+1) * uint32(i+7) * 2654435761 }, true},
		{"one twice", func(i int) uint32 { return uint32(max(i, 1)) * uint32(max(i, 1)+7) * 2654435761 }, true},
		{"the same", func(int) uint32 { return 7 }, false},
		{"zero", func(int) uint32 { return 0 }, false},
		{"counted", func(i int) uint32 { return uint32(i + 1) }, false},
	} {
		var tr transcript.Transcript
		for i := range 30 {
			tr.Log = append(tr.Log, transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.In, Mask: fmt.Sprintf("%08x", row.key(i))})
		}
		if got := (check.FreshKeys{}).Holds(&tr); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
	if (check.FreshKeys{}).Holds(&transcript.Transcript{}) {
		t.Error("no key at all: got true")
	}
}
