package casepage

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// A Comparison is what implementations got in the cases. The zero value knows none.
type Comparison struct {
	Failures map[cases.ID][]Failure
	Compared map[cases.ID]int // how many played the case
}

// Add adds the verdicts of a run. Page is where the report of the run is, relative to
// the page of a case, or "".
func (k *Comparison) Add(run *runfile.Run, page string) {
	if k.Failures == nil {
		k.Failures, k.Compared = map[cases.ID][]Failure{}, map[cases.ID]int{}
	}
	for _, r := range run.Results {
		if r.Outcome.Ran() || r.Outcome == harness.Crash || r.Outcome == harness.Timeout {
			k.Compared[r.Case]++
		}
		switch r.Outcome {
		case harness.Fail, harness.PassLenient, harness.Crash, harness.Timeout:
			f := Failure{Name: summary.AgentName(run.Header.Agent), Role: run.Header.Agent.Role.String(), Grade: grade(r), Reason: reason(r), Page: page}
			if page != "" {
				f.Page += "#case-" + string(r.Case)
			}
			k.Failures[r.Case] = append(k.Failures[r.Case], f)
		default:
		}
	}
}

// grade is the worse half of a verdict, or how the case ended without one.
func grade(r harness.Result) string {
	switch {
	case !r.Outcome.Ran():
		return string(r.Outcome)
	case r.Outcome == harness.Fail:
		return string(cases.Failed)
	}
	return string(cases.NonStrict)
}

func reason(r harness.Result) string {
	switch {
	case !r.Outcome.Ran():
		return show.Text(r.Note)
	case r.Behavior == cases.OK && r.CloseReason != "":
		return show.Text(string(r.Close) + ": " + r.CloseReason)
	}
	return show.Text(r.Reason)
}

// Played lists the cases that the runs selected, in the order of the catalogue.
func Played(runs ...*runfile.Run) []cases.Case {
	seen := map[cases.ID]bool{}
	var list []cases.Case
	add := func(id cases.ID) {
		if c, known := catalogue.Find(id); known && !seen[id] {
			list = append(list, c)
		}
		seen[id] = true
	}
	for _, run := range runs {
		for _, id := range run.Header.Selection.Selected {
			add(id)
		}
		for _, r := range run.Results {
			add(r.Case)
		}
	}
	slices.SortFunc(list, func(a, b cases.Case) int { return a.ID.Compare(b.ID) })
	return list
}
