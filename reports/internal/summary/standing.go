package summary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// An Input is what a report is made of.
type Input struct {
	Run *runfile.Run
	// Gate is the decision about the run. Nil means that there were no expectations, so
	// every failure counts. With one, an expected failure is shown as such, and an
	// unexpected pass is a failure.
	Gate *gate.Decision
	// Pages is where the pages about cases are, such as "cases/" or a URL that ends
	// with a slash. "" means that there are none to link to.
	Pages string
	// Exchange is where the page is that shows an exchange from its address, such as
	// "exchange.html". "" means that there is none to link to.
	Exchange string
}

// A Standing is the outcome of a case in the light of what was expected.
type Standing uint8

// The standings.
const (
	Fine    Standing = iota // it passes, or its outcome is harmless
	Excused                 // it does not pass, as expected
	Bad                     // it fails, or is not as expected
	Unknown                 // there is no verdict
)

// judgedBy puts the decision into the rows.
func judgedBy(d *gate.Decision, rows []Row) {
	if d == nil {
		for i := range rows {
			rows[i].Standing = standingOf(rows[i].Outcome)
		}
		return
	}
	texts := map[cases.ID][]string{}
	for _, v := range d.Violations {
		switch v.Kind {
		case gate.Unallowed, gate.Passes, gate.Changed, gate.OutOfDate: // Unexpected: the outcome says it
			for _, id := range v.Cases {
				texts[id] = append(texts[id], v.Text)
			}
		case gate.Unexpected, gate.Duplicate, gate.Overlap, gate.Unmatched, gate.Missing, gate.TooFew, gate.NotJudged, gate.InvalidRun, gate.Untestable, gate.WithoutCase:
		}
	}
	for i := range rows {
		r := &rows[i]
		over, ok := d.Cases[r.Case]
		if ok {
			r.Mark, r.Entry = over.Mark, over.Entry
		}
		switch r.Broken = strings.Join(texts[r.Case], "; "); {
		case r.Broken != "" && (r.Outcome.Ran() || ok):
			r.Standing = Bad
		case ok && r.Outcome != harness.Pass && r.Outcome != harness.Observed:
			r.Standing = Excused
		default:
			r.Standing = standingOf(r.Outcome)
		}
	}
}

func standingOf(o harness.Outcome) Standing {
	switch {
	case o == harness.Fail:
		return Bad
	case !o.Ran():
		return Unknown
	}
	return Fine
}

// Excuse gives the reason of the entry about the case, or "" without one.
func (r Row) Excuse() string {
	if r.Entry == nil {
		return ""
	}
	s := strings.ReplaceAll(string(r.Mark), "-", " ") + ": " + show.Text(r.Entry.Reason)
	if r.Entry.Owner != "" {
		s += ", " + show.Name(r.Entry.Owner)
	}
	if !r.Entry.Expires.IsZero() {
		s += fmt.Sprintf(", until %s", r.Entry.Expires)
	}
	return s + " (" + show.Name(r.Entry.At()) + ")"
}

// Link is the link of the entry about the case, if it is an http or https URL.
func (r Row) Link() string {
	if r.Entry == nil {
		return ""
	}
	link := r.Entry.Link
	if !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://") || len(link) > show.MaxText || show.Visible(link) != link {
		return ""
	}
	return link
}

// RunViolations are those that are not about single cases: entries that match nothing,
// policies that do not hold.
func (s Summary) RunViolations() []gate.Violation {
	if s.Gate == nil {
		return nil
	}
	var list []gate.Violation
	for _, v := range s.Gate.Violations {
		switch v.Kind {
		case gate.Unexpected, gate.Unallowed, gate.Passes, gate.Changed, gate.OutOfDate:
		case gate.Missing, gate.NotJudged, gate.InvalidRun, gate.Untestable, gate.WithoutCase: // the state of the run says it
		case gate.Duplicate, gate.Overlap, gate.Unmatched, gate.TooFew:
			list = append(list, v)
		}
	}
	return list
}

// Expecting reports whether any case was expected not to pass.
func (s Summary) Expecting() bool {
	return slices.ContainsFunc(s.Rows, func(r Row) bool { return r.Mark != "" || r.Broken != "" })
}

// Standings counts the rows with this standing.
func (s Summary) Standings(of Standing) int {
	n := 0
	for _, r := range s.Rows {
		if r.Standing == of {
			n++
		}
	}
	return n
}
