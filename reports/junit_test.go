package reports_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

// An interrupted run is partial, though every case that has no verdict is excused.
func TestJUnitOfAnInterruptedRun(t *testing.T) {
	run := &runfile.Run{
		Header:  runfile.Header{Selection: runfile.Selection{Selected: []cases.ID{"1.1.1"}}},
		Results: []harness.Result{{Case: "1.1.1", Outcome: harness.Crash}},
		Footer:  &runfile.Footer{State: runfile.Partial, Error: "interrupted"},
	}
	d := gate.Decide(run, []gate.Expectations{{
		Version: gate.Version, Expect: []gate.Entry{{Case: "1.1.1", Verdict: gate.WantCrash, Reason: "issue 7"}},
	}}, time.Time{})
	got := writeInput(t, format(t, "junit"), reports.Input{Run: run, Gate: &d})
	if want := []byte("This run is partial"); !bytes.Contains(got, want) {
		t.Errorf("JUnit does not say %q:\n%s", want, got)
	}
}
