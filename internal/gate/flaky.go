package gate

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A Stressed is a case that was played many times: the evidence that it is flaky, or
// that it is not.
type Stressed struct {
	Case     cases.ID
	Evidence Evidence
	Ways     map[string]int // outcome and signature: how often
	Untold   int            // plays that say nothing of the agent; they are not in Evidence
}

// Stress counts the plays of a case.
func Stress(id cases.ID, plays []harness.Result, now time.Time) Stressed {
	s := Stressed{Case: id, Evidence: Evidence{Date: Date{now.UTC()}}, Ways: map[string]int{}}
	for _, r := range plays {
		switch r.Outcome {
		case harness.NotRun, harness.Blocked, harness.HarnessError:
			s.Untold++
			continue
		case harness.Fail, harness.Unsupported, harness.Crash, harness.Timeout:
			s.Evidence.Failures++
		case harness.Pass, harness.PassLenient, harness.Observed:
		}
		s.Evidence.Runs++
		s.Ways[fmt.Sprintf("%s: %s", r.Outcome, r.Signature())]++
	}
	return s
}

// Write writes the ways in which the case went, most frequent first, and what that
// means: for a flaky case the lines that declare it.
func (s Stressed) Write(w io.Writer) {
	byCount := func(a, b string) int {
		if s.Ways[a] != s.Ways[b] {
			return s.Ways[b] - s.Ways[a]
		}
		return strings.Compare(a, b)
	}
	for _, way := range slices.SortedFunc(maps.Keys(s.Ways), byCount) {
		fmt.Fprintf(w, "%10s %s\n", harness.Count(s.Ways[way], "time"), way)
	}
	v := s.Evidence
	if v.Runs == 0 {
		return
	}
	fmt.Fprintf(w, "case %s failed in %d of %d runs: %.1f %%, and at most %.1f %% with 95 %% confidence\n",
		s.Case, v.Failures, v.Runs, 100*float64(v.Failures)/float64(v.Runs), 100*v.AtMost())
	switch v.Failures {
	case 0:
		fmt.Fprintln(w, "no sign that it is flaky")
	case v.Runs:
		fmt.Fprintln(w, "it always fails: declare it as fail, not flaky")
	default:
		e := Entry{Case: string(s.Case), Verdict: WantFlaky, Reason: Unexplained, Evidence: &v}
		fmt.Fprintf(w, "as an entry of an expectation file:\n%s", e.Lines())
	}
}

// AtMost is the rate at which the case may really fail: the upper end of the Wilson
// score interval, with 95 % confidence.
func (v Evidence) AtMost() float64 {
	const z = 1.959964
	p, size := float64(v.Failures)/float64(v.Runs), float64(v.Runs)
	middle := p + z*z/(2*size)
	spread := z * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	return min(1, (middle+spread)/(1+z*z/size))
}
