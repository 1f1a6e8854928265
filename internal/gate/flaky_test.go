package gate_test

import (
	"math"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
)

// The values are those of statsmodels' proportion_confint, method wilson.
func TestAtMost(t *testing.T) {
	for _, row := range []struct {
		failures, runs int
		want           float64
	}{{0, 50, 0.0713}, {3, 50, 0.1622}, {1, 10, 0.4042}, {10, 10, 1}} {
		if got := (gate.Evidence{Runs: row.runs, Failures: row.failures}).AtMost(); math.Abs(got-row.want) > 0.0001 {
			t.Errorf("%d of %d: %.4f, want %.4f", row.failures, row.runs, got, row.want)
		}
	}
}

func TestStress(t *testing.T) {
	play := func(o harness.Outcome) harness.Result {
		return harness.Result{Case: "6.4.1", Outcome: o, Verdict: verdicts[o]}
	}
	for _, row := range []struct {
		name   string
		plays  []harness.Result
		untold int
		want   []string
	}{
		{"stable", []harness.Result{play(harness.Pass), play(harness.PassLenient)}, 0, []string{
			"    1 time pass-lenient: NON-STRICT, close OK\n    1 time pass: OK, close OK\n", "failed in 0 of 2 runs: 0.0 %", "no sign that it is flaky",
		}},
		{"flaky", []harness.Result{play(harness.Pass), play(harness.Fail), play(harness.Pass), play(harness.NotRun)}, 1, []string{
			"   2 times pass", "failed in 1 of 3 runs: 33.3 %", "verdict: flaky", "evidence: {runs: 3, failures: 1, date: 2026-11-25}",
		}},
		{"always", []harness.Result{play(harness.Crash), play(harness.Timeout), play(harness.Unsupported)}, 0, []string{"failed in 3 of 3 runs", "it always fails"}},
		{"nothing", []harness.Result{play(harness.Blocked), play(harness.HarnessError)}, 2, nil},
	} {
		s := gate.Stress("6.4.1", row.plays, today)
		var b strings.Builder
		s.Write(&b)
		for _, want := range row.want {
			if !strings.Contains(b.String(), want) {
				t.Errorf("%s: it says\n%s\nwant %q", row.name, b.String(), want)
			}
		}
		if s.Untold != row.untold || row.want == nil && b.Len() > 0 {
			t.Errorf("%s: %d untold, want %d; it says\n%s", row.name, s.Untold, row.untold, b.String())
		}
	}
}
