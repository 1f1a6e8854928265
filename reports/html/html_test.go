package html

import (
	"fmt"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports/internal/summary"
	"github.com/wsconform/wsconform/ws"
)

// Failures without a card are counted, those that a card does not name among them.
func TestUnlisted(t *testing.T) {
	run := &harness.Run{}
	fail := func(id string, code ws.StatusCode) {
		run.Results = append(run.Results, harness.Result{
			Case: cases.ID(id), Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed},
			Transcript: &cases.Transcript{Opened: true, RemoteClose: true, RemoteCode: code},
		})
	}
	for i := range maxCards { // each with a card of its own
		fail(fmt.Sprintf("98.%d", i), ws.StatusCode(3000+i))
	}
	for i := range maxOthers + 100 { // one card, which does not name them all
		fail(fmt.Sprintf("99.%d", i), 4000)
	}
	p := page{Summary: summary.Of(summary.Input{Run: run})}
	if got, want := p.Unlisted(), maxOthers+100; got != want {
		t.Errorf("got %d failures without a card, want %d", got, want)
	}
}
