package reports_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports"
)

// What peers chose is as harmless in a diff as in a report.
func TestDiffHostile(t *testing.T) {
	before, after := hostile(), hostile()
	after.Header.Agent.Name += "2"
	after.Results[0].Outcome = harness.Crash
	after.Results[3].Outcome, after.Results[3].Verdict = harness.Pass, cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	d := reports.Diff(before, after)
	for _, f := range reports.DiffFormats {
		t.Run(f.Name, func(t *testing.T) {
			var buf bytes.Buffer
			if err := f.Write(&buf, d); err != nil {
				t.Fatal(err)
			}
			got := buf.String()
			if f.Name == "json" {
				if !json.Valid(buf.Bytes()) {
					t.Error("no JSON")
				}
				return
			}
			for _, bad := range []string{"\u202e", "\x1b", "\x07", "\x00", "\xff"} {
				if strings.Contains(got, bad) {
					t.Errorf("holds %q", bad)
				}
			}
			if f.Name == "markdown" && (strings.Contains(got, "<script") || strings.Contains(got, "](javascript")) {
				t.Errorf("markup of the peer:\n%s", got)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	pass := func(id cases.ID) harness.Result { return result(id, harness.Pass, cases.OK, cases.CloseOK) }
	fail := func(id cases.ID) harness.Result {
		return result(id, harness.Fail, cases.Failed, cases.CloseOK)
	}
	before := &runfile.Run{Header: diffHeader(), Results: []harness.Result{
		pass("1.1.1"), fail("1.1.2"), pass("1.1.3"), pass("1.1.4"), fail("1.1.5"), pass("1.1.6"), fail("1.1.7"),
		{Case: "1.1.8", Outcome: harness.Blocked},
		pass("2.10"), pass("2.9"), fail("3.1"),
		{Case: "3.2", Outcome: harness.NotRun},
	}}
	after := &runfile.Run{Header: diffHeader(), Results: []harness.Result{
		pass("1.1.1"), pass("1.1.2"), fail("1.1.3"),
		{Case: "1.1.4", Outcome: harness.Crash},
		result("1.1.5", harness.Fail, cases.Failed, cases.CloseUnclean),
		{Case: "1.1.6", Outcome: harness.HarnessError},
		pass("1.1.8"),
		result("2.10", harness.PassLenient, cases.NonStrict, cases.CloseOK), fail("2.9"),
		{Case: "3.1", Outcome: harness.Timeout},
		{Case: "3.2", Outcome: harness.NotRun},
		pass("9.1.1"),
	}}
	after.Header.Agent.Version = "2.0"
	d := reports.Diff(before, after)
	var got []string
	for _, c := range d.Changes {
		got = append(got, string(c.Kind)+" "+string(c.Case))
	}
	want := []string{
		"regressed 1.1.3", "regressed 1.1.4", "regressed 2.9",
		"gone 1.1.6", "gone 1.1.7",
		"changed 1.1.5", "changed 2.10", "changed 3.1",
		"new 1.1.8", "new 9.1.1",
		"fixed 1.1.2",
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("changes (-got +want):\n%s", diff)
	}
	if d.Same != 1 || d.Compared() != 8 {
		t.Errorf("%d same, %d compared; want 1 and 8", d.Same, d.Compared())
	}
	if diff := cmp.Diff(d.Notes, []string{"agents: echo 1.2.3, then echo 2.0"}); diff != "" {
		t.Errorf("notes (-got +want):\n%s", diff)
	}
}

func diffHeader() runfile.Header {
	return runfile.Header{Agent: harness.Agent{Name: "echo", Version: "1.2.3"}}
}

func result(id cases.ID, o harness.Outcome, b cases.Behavior, c cases.CloseBehavior) harness.Result {
	return harness.Result{Case: id, Outcome: o, Verdict: cases.Verdict{Behavior: b, Close: c}}
}

// Two passes are the same, whatever code the peer closed with: the signatures of
// what is good are not compared.
func TestDiffOfTwoPasses(t *testing.T) {
	before, after := result("7.1.1", harness.Pass, cases.OK, cases.CloseOK), result("7.1.1", harness.Pass, cases.OK, cases.CloseOK)
	before.Transcript = &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1000}
	after.Transcript = &transcript.Transcript{Opened: true, RemoteClose: true}
	if before.Signature() == after.Signature() {
		t.Fatal("the signatures are the same, so this test shows nothing")
	}
	d := reports.Diff(&runfile.Run{Results: []harness.Result{before}}, &runfile.Run{Results: []harness.Result{after}})
	if len(d.Changes) != 0 || d.Same != 1 {
		t.Errorf("got %v and %d the same, want no change and 1", d.Changes, d.Same)
	}
}
