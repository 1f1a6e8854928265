package checkup

import (
	"slices"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// What an implementation has to do is shown by one case each.
func TestCases(t *testing.T) {
	var got []cases.ID
	for _, c := range Cases() {
		got = append(got, c.ID)
	}
	if want := []cases.ID{"1.1.2", "1.2.2", "2.2", "7.1.1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A library that fails a case in a usual way is no wrong set-up.
func TestSteps(t *testing.T) {
	result := func(outcome harness.Outcome, behavior cases.Behavior, end cases.CloseBehavior) harness.Result {
		return harness.Result{Outcome: outcome, Verdict: cases.Verdict{Behavior: behavior, Reason: "a reason", Close: end}}
	}
	for _, test := range []struct {
		name string
		r    harness.Result
		want string // "" is none, "ok" no error
	}{
		{"a pass", result(harness.Pass, cases.OK, cases.CloseOK), "ok"},
		{"a wrong close code", result(harness.Fail, cases.OK, cases.CloseWrongCode), "ok"},
		{"no echo", result(harness.Fail, cases.Failed, cases.CloseOK), "a reason"},
		{"no clean end", result(harness.Fail, cases.OK, cases.CloseUnclean), "a reason"},
		{"not played", result(harness.NotRun, "", ""), "not-run"},
		{"no echo, as declared", harness.Result{Outcome: harness.Unsupported}, ""},
	} {
		steps := Steps(map[cases.ID]harness.Result{"1.1.2": test.r})
		got, err := "", error(nil)
		if len(steps) == 4 && strings.HasSuffix(steps[0].What, "(case 1.1.2)") {
			got, err = "ok", steps[0].Err
		}
		if err != nil {
			got = err.Error()
		}
		if (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if last := steps[len(steps)-1]; last.Err == nil {
			t.Errorf("%s: a case without a result is fine", test.name)
		}
	}
}
