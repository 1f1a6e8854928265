package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/harness"
)

// A gate turns the outcomes of a run into an exit code.
type gate struct {
	strict bool // lenient and unsupported outcomes fail too
	counts map[harness.Outcome]int
	worth  []harness.Result // those to be shown: everything but pass and observed
}

func (g *gate) add(r harness.Result) {
	if g.counts == nil {
		g.counts = map[harness.Outcome]int{}
	}
	g.counts[r.Outcome]++
	if r.Outcome != harness.Pass && r.Outcome != harness.Observed {
		r.Transcript = nil
		g.worth = append(g.worth, r)
	}
}

// summary prints what did not pass, and the counts.
func (g *gate) summary(w io.Writer) {
	if g.total() == 0 {
		return
	}
	const shown = 40
	lines := 0
	for rest := g.worth; len(rest) > 0; lines++ {
		n := alike(rest)
		if lines == shown {
			fmt.Fprintf(w, "  … and %d more cases\n", len(rest))
			break
		}
		name := string(rest[0].Case)
		if n > 1 {
			name = fmt.Sprintf("%s … %s (%d cases)", rest[0].Case, rest[n-1].Case, n)
		}
		fmt.Fprintf(w, "  %s: %s, %s\n", name, rest[0].Outcome, because(rest[0]))
		rest = rest[n:]
	}
	var counts []string
	for _, o := range outcomes {
		if n := g.counts[o]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	fmt.Fprintf(w, "%d cases: %s\n", g.total(), strings.Join(counts, ", "))
}

// alike counts how many of the first results say the same, without a verdict.
func alike(list []harness.Result) int {
	n := 1
	for n < len(list) && !list[0].Outcome.Ran() && list[n].Outcome == list[0].Outcome && list[n].Note == list[0].Note {
		n++
	}
	return n
}

func because(r harness.Result) string {
	if r.Outcome.Ran() {
		return fmt.Sprintf("behavior %s, close %s", r.Behavior, r.Close)
	}
	note, _, _ := strings.Cut(r.Note, "\n")
	return strings.TrimSuffix(note, "; it last said:") // what it said is in the error
}

func (g *gate) total() int {
	n := 0
	for _, count := range g.counts {
		n += count
	}
	return n
}

// outcomes in the order in which they are printed.
var outcomes = []harness.Outcome{
	harness.Pass, harness.Observed, harness.PassLenient, harness.Unsupported, harness.Fail,
	harness.Crash, harness.Timeout, harness.Blocked, harness.NotRun, harness.HarnessError,
}

// verdict is nil when the gate holds.
func (g *gate) verdict() error {
	failed := g.counts[harness.Fail]
	what := "failed"
	if g.strict {
		failed += g.counts[harness.PassLenient] + g.counts[harness.Unsupported]
		what = "not OK and the run is strict"
	}
	missing := 0
	for o, n := range g.counts {
		if !o.Ran() {
			missing += n
		}
	}
	switch {
	case g.counts[harness.HarnessError] > 0:
		return &codedError{exitHarness, fmt.Errorf("%d cases could not be judged", g.counts[harness.HarnessError])}
	case failed > 0:
		return &codedError{exitFailed, fmt.Errorf("%d of %d cases %s", failed, g.total(), what)}
	case missing > 0 || g.total() == 0:
		return &codedError{exitIncomplete, fmt.Errorf("%d of %d cases have no verdict", missing, g.total())}
	}
	return nil
}

// sort puts what is worth showing into the order of the cases.
func (g *gate) sort() {
	slices.SortFunc(g.worth, func(a, b harness.Result) int { return a.Case.Compare(b.Case) })
}
