package gate_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
)

func TestSummaryJoinsWhatIsAlike(t *testing.T) {
	run := &runfile.Run{Footer: &runfile.Footer{State: runfile.Partial}}
	for i := range 300 {
		run.Results = append(run.Results, harness.Result{Case: cases.ID(fmt.Sprintf("6.%d", i)), Outcome: harness.NotRun, Note: "why\nmore"})
	}
	for _, id := range []cases.ID{"7.1.1", "7.1.2"} {
		run.Results = append(run.Results, harness.Result{
			Case: id, Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseUnclean},
		})
	}
	d := gate.Decide(run, nil, time.Now())
	var b bytes.Buffer
	d.WriteSummary(&b)
	d.Write(&b, "wsconform test x --cases 7.1.1")
	want := `  6.0 … 6.299 (300 cases): not-run, why
302 cases: 2 fail, 300 not-run
gate failed:
  7.1.1: fail, behavior OK, close UNCLEAN
  7.1.2: fail, behavior OK, close UNCLEAN
  300 of 302 cases have no verdict: `
	if got := b.String(); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\nto repeat the first: wsconform test x --cases 7.1.1\n") {
		t.Errorf("printed:\n%swant:\n%s…", got, want)
	}
	if got, want := d.String(), "2 cases fail unexpectedly; 300 of 302 cases have no verdict"; !strings.HasPrefix(got, want) {
		t.Errorf("in words %q, want %q", got, want)
	}
}
