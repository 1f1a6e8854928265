package summary

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/ledger"
)

// A Rule is a section of an RFC and what it asks for.
type Rule struct{ Ref, URL, Words string }

// Rules lists the sections that decide the case.
func (r Row) Rules() []Rule {
	var list []Rule
	for _, ref := range r.Def.RFC {
		list = append(list, Rule{ref, ledger.URL(ref), ledger.Section(ref)})
	}
	return list
}

// Level says how much the case demands, such as "SHOULD". It is "" for Autobahn's cases
// and for those that the catalogue does not have.
func (r Row) Level() string {
	if !r.Known || r.Def.Suite == cases.Autobahn {
		return ""
	}
	return r.Def.Level.String()
}

// Requirements lists the requirements that the case tests.
func (r Row) Requirements() []ledger.Requirement {
	ids := r.Def.Requirements
	if len(ids) == 0 {
		ids = ledger.Autobahn(string(r.Case))
	}
	var list []ledger.Requirement
	for _, id := range ids {
		if q, ok := ledger.Find(id); ok {
			list = append(list, q)
		}
	}
	return list
}

// A Tile counts one outcome.
type Tile struct {
	Outcome harness.Outcome
	Count   int
}

// Tiles counts the outcomes that occurred, and always pass and fail.
func (s Summary) Tiles() []Tile {
	var list []Tile
	for _, o := range harness.Outcomes {
		if n := s.Counts[o]; n > 0 || o == harness.Pass || o == harness.Fail {
			list = append(list, Tile{o, n})
		}
	}
	return list
}

// Missing counts the cases of the section without a verdict.
func (s Section) Missing() int {
	n := 0
	for _, r := range s.Rows {
		if !r.Outcome.Ran() && r.Standing != Excused {
			n++
		}
	}
	return n
}

// OneGrade reports whether the cases of the section have no closing half.
func (s Section) OneGrade() bool {
	return len(s.Close) == 0 && len(s.Behavior) > 0
}

// Failing counts the cases of the section that fail, or are not as expected.
func (s Section) Failing() int {
	n := 0
	for _, r := range s.Rows {
		if r.Standing == Bad {
			n++
		}
	}
	return n
}

// Tally counts the outcomes of the section.
func (s Section) Tally() []Tile {
	var list []Tile
	for _, o := range harness.Outcomes {
		if n := s.Counts[o]; n > 0 {
			list = append(list, Tile{o, n})
		}
	}
	return list
}

// Behaviors and Closes list the grades of both halves in the order in which reports
// show them.
var (
	Behaviors = []cases.Behavior{cases.OK, cases.NonStrict, cases.Informational, cases.Unimplemented, cases.Failed}
	Closes    = []cases.CloseBehavior{
		cases.CloseOK, cases.CloseFailedByClient, cases.CloseWrongCode, cases.CloseUnclean,
		cases.CloseFailed, cases.CloseInformational,
	}
)
