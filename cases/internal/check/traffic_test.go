package check_test

import (
	"fmt"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/internal/check"
)

func TestTrafficChecks(t *testing.T) {
	one, two := cases.GotText(cases.Data([]byte("one"))), cases.GotBinary(cases.Data([]byte("two")))
	closed, end := cases.Event{Kind: cases.GotClose}, cases.Event{Kind: cases.GotEnd}
	pong := cases.Ponged(cases.Data([]byte("p")))
	for _, row := range []struct {
		check  cases.Check
		events []cases.Event
		want   bool
	}{
		{check.Messages{one, two}, []cases.Event{one, pong, two, end}, true},
		{check.Messages{one, two}, []cases.Event{two, one}, false},
		{check.Messages{one}, []cases.Event{one, two}, false},
		{check.Messages{}, []cases.Event{pong}, true},
		{check.NoPong{}, []cases.Event{one}, true},
		{check.NoPong{}, []cases.Event{pong}, false},
		{check.PongWith{Text: "p"}, []cases.Event{one, pong}, true},
		{check.PongWith{Text: "q"}, []cases.Event{pong}, false},
		{check.ClosesOnce{}, []cases.Event{closed, end}, true},
		{check.ClosesOnce{}, []cases.Event{closed, closed}, false},
		{check.SilentAfterClose{}, []cases.Event{one, closed, end}, true},
		{check.SilentAfterClose{}, []cases.Event{closed, one}, false},
		{check.SilentAfterClose{}, []cases.Event{one}, false},
		{check.Lawful{}, []cases.Event{one}, true},
		{check.Lawful{}, []cases.Event{{Kind: cases.GotOffence}}, false},
	} {
		if got := row.check.Holds(&cases.Transcript{Events: row.events}); got != row.want {
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
		var tr cases.Transcript
		for i := range 30 {
			tr.Log = append(tr.Log, cases.Entry{Kind: cases.LogFrame, Dir: cases.In, Mask: fmt.Sprintf("%08x", row.key(i))})
		}
		if got := (check.FreshKeys{}).Holds(&tr); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
	if (check.FreshKeys{}).Holds(&cases.Transcript{}) {
		t.Error("no key at all: got true")
	}
}
