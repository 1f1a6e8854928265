package summary

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/gate"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// An Input is what a report is made of.
type Input struct {
	Run *harness.Run
	// Gate is what was decided about the run. Nil means that nothing was expected:
	// every failure is one then. With it a failure that was expected is shown as
	// such, and a pass that was not expected is a failure.
	Gate *gate.Decision
}

// A Standing is what a case means to a reader: its outcome, in the light of what
// was expected.
type Standing uint8

// The standings.
const (
	Fine    Standing = iota // it passes, or its outcome does no harm
	Excused                 // it does not pass, as expected
	Bad                     // it fails, or is not as expected
	Unknown                 // there is no verdict
)

// judgedBy finds what the decision says of each row.
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

// Excuse says why a case that does not pass is no failure, or what an entry wants
// of a case that it does not fit; "" without an entry.
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

// Link is where the entry about the case points, if that is an address of the
// web.
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

// RunViolations are what shuts the gate beside single cases: entries that are
// about nothing, policies that do not hold.
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

// Expecting reports whether anything was expected but that all cases pass.
func (s Summary) Expecting() bool {
	return slices.ContainsFunc(s.Rows, func(r Row) bool { return r.Mark != "" || r.Broken != "" })
}

// Standings counts the rows of a standing.
func (s Summary) Standings(of Standing) int {
	n := 0
	for _, r := range s.Rows {
		if r.Standing == of {
			n++
		}
	}
	return n
}
