package summary

import (
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// Headline says in a few words how the run went. It never says more than is known.
func (s Summary) Headline() string {
	n, fails := len(s.Rows), s.Standings(Bad)
	switch {
	case n == 0:
		return "Nothing was run"
	case fails > 0 && s.Expecting():
		return countOf(fails, n, "cases is not as expected", "cases are not as expected")
	case fails > 0:
		return countOf(fails, n, "fails", "fail")
	case s.Missing == n:
		return fmt.Sprintf("None of %d cases has a verdict", n)
	case len(s.RunViolations()) > 0:
		return "The expectations do not hold"
	case s.Gate != nil && s.Missing == 0 && s.Standings(Excused) > 0:
		return fmt.Sprintf("All %d cases are as expected", n)
	}
	if s.Tone() == harness.Pass && s.Counts[harness.Observed] < n { // some cases only look, and cannot pass
		return fmt.Sprintf("No failure in %s", show.Plural(n, "case", "cases"))
	}
	return countOf(s.Counts[harness.Pass], n, "passes", "pass")
}

// Alarm says why the run cannot be relied on, or "".
func (s Summary) Alarm() string {
	switch {
	case s.State == runfile.Invalid && s.Footer.Error != "":
		return "This run is invalid: " + show.Text(s.Footer.Error)
	case s.State == runfile.Invalid:
		return "This run is invalid: the harness failed"
	case len(s.Rows) == 0:
		return "This run is partial: it has no cases"
	case s.Missing > 0 && s.Footer != nil && s.Footer.Cause != "": // the agent is to blame
		return fmt.Sprintf("%s no verdict: %s", countOf(s.Missing, len(s.Rows), "cases has", "cases have"), show.Text(s.Footer.Error))
	case s.Missing > 0:
		return fmt.Sprintf("%s no verdict", countOf(s.Missing, len(s.Rows), "cases has", "cases have"))
	case s.State == runfile.Partial:
		return "This run is partial: it was interrupted before its end"
	}
	return ""
}

// Gaps says how many cases of each section have no verdict.
func (s Summary) Gaps() string {
	if s.Missing == 0 {
		return ""
	}
	var parts []string
	for _, sec := range s.Sections {
		n := sec.Missing()
		switch {
		case n == 0:
		case n == len(sec.Rows):
			parts = append(parts, fmt.Sprintf("all %d cases of section %s", n, show.Visible(sec.ID)))
		default:
			parts = append(parts, fmt.Sprintf("%d of section %s", n, show.Visible(sec.ID)))
		}
	}
	return "Missing: " + strings.Join(parts, ", ") + "."
}

// countOf writes "n of total" and the words for one or many.
func countOf(n, total int, one, many string) string {
	words := many
	if n == 1 {
		words = one
	}
	return fmt.Sprintf("%d of %d %s", n, total, words)
}

// Rest gives the counts that the headline leaves out.
func (s Summary) Rest() string {
	var parts []string
	word := func(o harness.Outcome, text string) {
		if n := s.Counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf(text, n))
		}
	}
	if s.Standings(Bad) > 0 || s.Standings(Excused) > 0 || s.Tone() == harness.Pass {
		word(harness.Pass, "%d pass")
	}
	if s.Expecting() {
		word(harness.Fail, "%d fail")
	}
	if n := s.overLimit(); n > 0 {
		parts = append(parts, show.Plural(n, "failure", "failures")+" because of the peer's size limit (it closed with 1009)")
	}
	word(harness.PassLenient, "%d lenient")
	word(harness.Observed, "%d observed")
	word(harness.Unsupported, "%d unsupported")
	word(harness.Crash, "%d crashed the agent")
	word(harness.Timeout, "%d timed out")
	word(harness.Blocked, "%d blocked")
	word(harness.HarnessError, "%d harness errors")
	word(harness.NotRun, "%d not run")
	words := strings.Join(parts, ", ")
	if n := s.Standings(Excused); n > 0 {
		words += "; " + show.Plural(n, "failure", "failures") + " as expected"
	}
	return words
}

// overLimit counts the failures of a peer that refused a message as too big.
func (s Summary) overLimit() int {
	n := 0
	for _, r := range s.Rows {
		if r.Standing == Bad && r.Outcome == harness.Fail && r.OverLimit() {
			n++
		}
	}
	return n
}

// Tone is the outcome that gives the run its colour.
func (s Summary) Tone() harness.Outcome {
	switch {
	case s.State == runfile.Invalid, s.Standings(Bad) > 0, len(s.RunViolations()) > 0:
		return harness.Fail
	case s.State == runfile.Partial:
		return harness.NotRun
	case s.Gate != nil && s.Standings(Excused) > 0:
		return harness.Pass
	case s.Counts[harness.Unsupported] > 0:
		return harness.Unsupported
	case s.Counts[harness.PassLenient] > 0:
		return harness.PassLenient
	}
	return harness.Pass
}
