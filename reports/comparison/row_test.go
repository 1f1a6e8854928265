package comparison

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A case that is not of Autobahn's has one grade: its closing half is a dot, and only
// the reason of the grade is told.
func TestOneGrade(t *testing.T) {
	v := cases.Verdict{Behavior: cases.Failed, Reason: "why"}
	s := newSite()
	s.index["H.1.3"] = len(s.Cases)
	s.Cases = append(s.Cases, caseOf{ID: "H.1.3"})
	run := &runfile.Run{Results: []harness.Result{{Case: "H.1.3", Outcome: harness.Fail, Verdict: v, Varied: []cases.Verdict{v, {Behavior: cases.OK}}}}}
	run.Header.Selection.Selected = []cases.ID{"H.1.3"}
	r := s.rowOf("x", run)
	at := s.index["H.1.3"]
	if got := r.Behavior[at:] + r.Close[at:]; got != "f." {
		t.Errorf("got the letters %q, want f.", got)
	}
	if got, want := s.Reasons, []string{"why", "FAILED, OK"}; !slices.Equal(got, want) || len(r.Why[at]) != 1 {
		t.Errorf("got the reasons %q, %v of them as why; want %q and the first", got, r.Why[at], want)
	}
}
