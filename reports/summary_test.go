package reports

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// What keeps a run from being relied on is said, and who is to blame.
func TestAlarm(t *testing.T) {
	two := harness.Header{Selection: harness.Selection{Selected: []cases.ID{"1.1.1", "1.1.2"}}}
	passed := harness.Result{Case: "1.1.1", Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}}
	both := []harness.Result{passed, {Case: "1.1.2", Outcome: harness.Pass, Verdict: passed.Verdict}}
	tests := []struct {
		name string
		run  harness.Run
		want string
	}{
		{"complete", harness.Run{Header: two, Results: both, Footer: &harness.Footer{State: harness.Complete}}, ""},
		{
			"the agent is to blame",
			harness.Run{Header: two, Results: both[:1], Footer: &harness.Footer{State: harness.Partial, Cause: harness.CauseCrash, Error: "it ended"}},
			"1 of 2 cases has no verdict: it ended",
		},
		{
			"interrupted",
			harness.Run{Header: two, Results: both[:1], Footer: &harness.Footer{State: harness.Partial, Error: "interrupted"}},
			"1 of 2 cases has no verdict",
		},
		{"cut off", harness.Run{Header: two}, "2 of 2 cases have no verdict"},
		{"cut off at its end", harness.Run{Header: two, Results: both}, "This run is partial: it was cut off or interrupted at its end"},
		{"invalid", harness.Run{Header: two, Footer: &harness.Footer{State: harness.Invalid, Error: "no disk"}}, "This run is invalid: no disk"},
		{"empty", harness.Run{}, "This run is partial: it holds no case"},
	}
	for _, tt := range tests {
		if got := summarize(Input{Run: &tt.run}).Alarm(); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
