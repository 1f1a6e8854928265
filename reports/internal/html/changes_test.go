package html

import (
	"bytes"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// What a gateway changed is listed once, with the cases, and what it may not do first.
func TestChanges(t *testing.T) {
	added := transcript.Change{Kind: "added", What: "the field Via", Legal: true}
	lost := transcript.Change{Kind: transcript.ChangeLost, What: "<script>alert(1)</script>"}
	run := &runfile.Run{Results: []harness.Result{
		{Case: "G.1.1", Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK}, Changes: []transcript.Change{added, added}},
		{Case: "G.1.2", Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed}, Changes: []transcript.Change{added, lost}},
	}}
	run.Header.Agent.Role = cases.Gateway
	p := page{Summary: summary.Of(summary.Input{Run: run})}
	got := p.Changes()
	if got == nil || len(got.List) != 2 || got.List[0].What != lost.What || len(got.List[0].Rows) != 1 || len(got.List[1].Rows) != 2 {
		t.Fatalf("got %+v, want what is lost once, then what is added in two cases", got)
	}
	var text bytes.Buffer
	if err := Write(&text, summary.Input{Run: run}); err != nil {
		t.Fatal(err)
	}
	if s := text.String(); !strings.Contains(s, "not allowed") || strings.Contains(s, "<script>alert") {
		t.Error("the forbidden change is missing from the page, or not escaped")
	}
	for i := range run.Results {
		run.Results[i].Changes = nil
	}
	if got := (page{Summary: summary.Of(summary.Input{Run: run})}).Changes(); got == nil || len(got.List) != 0 {
		t.Errorf("no change: got %+v, want an empty list", got)
	}
	run.Header.Agent.Role = cases.Server
	if got := (page{Summary: summary.Of(summary.Input{Run: run})}).Changes(); got != nil {
		t.Errorf("a server: got %+v, want none", got)
	}
}

// The list has a bound, and says what it leaves out.
func TestManyChanges(t *testing.T) {
	run := &runfile.Run{Results: []harness.Result{{Case: "G.1.1", Outcome: harness.Pass}, {Case: "G.1.2", Outcome: harness.Pass}}}
	run.Header.Agent.Role = cases.Gateway
	for i := range maxChanges + 7 {
		r := &run.Results[i%2] // a case has a bound of its own
		r.Changes = append(r.Changes, transcript.Change{Kind: transcript.ChangeLost, What: strings.Repeat("x", i+1)})
	}
	if got := (page{Summary: summary.Of(summary.Input{Run: run})}).Changes(); len(got.List) != maxChanges || got.Left != 7 {
		t.Errorf("got %d lines and %d left, want %d and 7", len(got.List), got.Left, maxChanges)
	}
}
