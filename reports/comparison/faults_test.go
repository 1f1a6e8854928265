package comparison_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/comparison"
)

// Failures are put under the first finding that names them, in its role and of
// its version; what nothing names is listed, and what names nothing is stale.
func TestFaults(t *testing.T) {
	bad := run("x", "native",
		result("1.1.1", cases.OK, cases.CloseOK, transcript.Transcript{}),
		result("3.1", cases.Failed, cases.CloseOK, transcript.Transcript{}),
		result("5.1", cases.OK, cases.CloseWrongCode, transcript.Transcript{}), // lenient: no failure
		result("6.3.1", cases.Failed, cases.CloseFailed, transcript.Transcript{}),
		result("6.3.2", cases.OK, cases.CloseUnclean, transcript.Transcript{}),
		harness.Result{Case: "6.4.1", Outcome: harness.Crash},
		harness.Result{Case: "7.1.1", Outcome: harness.NotRun},
	)
	bad.Header.Agent.About.Pinned = "1.2.3"
	older := run("x", "autobahn", result("6.3.1", cases.Failed, cases.CloseFailed, transcript.Transcript{}))
	older.Header.Agent.About.Pinned = "1.0.0"
	list := []agentfile.Agent{
		{Folder: "go-y", Version: "1.2.3", Findings: []agentfile.Finding{{Cases: []string{"*"}, Fault: "agent", Why: "another agent's"}}},
		{Folder: "go-x", Version: "1.2.3", Findings: []agentfile.Finding{
			{Cases: []string{"6.3.*"}, Role: "client", Fault: "agent", Why: "the other role's"},
			{Cases: []string{"6.*"}, Close: "UNCLEAN", Fault: "agent", Why: "only 6.3.2 ends so"},
			{Cases: []string{"6.3.*"}, Fault: "library", Why: "no check of UTF-8"},
			{Cases: []string{"6.*"}, Fault: "harness", Why: "the rest"},
			{Cases: []string{"1.1.1"}, Fault: "library", Why: "mended since"},
			{Cases: []string{"9.1.1"}, Fault: "library", Why: "not played"},
		}},
	}
	site := write(t, bad, older)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(site.dir), "in", "*"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := comparison.Write(t.TempDir(), files, list)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Failures != 5 || sum.Explained() != 3 || sum.Faults["library"] != 1 || sum.Faults["agent"] != 1 || sum.Faults["harness"] != 1 {
		t.Errorf("got %d failures, %v; want 5, and 1 each of library, agent and harness", sum.Failures, sum.Faults)
	}
	if want := []string{"go-x: 1.1.1: mended since"}; !slices.Equal(sum.Stale, want) {
		t.Errorf("stale: got %q, want %q", sum.Stale, want)
	}
	var open []cases.ID
	for _, u := range sum.Unexplained {
		open = append(open, cases.ID(u.Row))
		open = append(open, u.Cases...)
	}
	if want := []cases.ID{"go-x-server-autobahn", "6.3.1", "go-x-server-native", "3.1"}; !slices.Equal(open, want) {
		t.Errorf("unexplained: got %v, want %v", open, want)
	}
}

// A verdict that varies keeps its finding from being stale, and a malformed
// pattern is an error that names the agent.
func TestFaultsThatVary(t *testing.T) {
	r := result("3.1", cases.OK, cases.CloseOK, transcript.Transcript{})
	r.Varied = []cases.Verdict{{Behavior: cases.OK, Close: cases.CloseOK}, {Behavior: cases.Failed, Close: cases.CloseOK}}
	bad := run("x", "native", r)
	bad.Header.Agent.About.Pinned = "1"
	files, err := filepath.Glob(filepath.Join(filepath.Dir(write(t, bad).dir), "in", "*"))
	if err != nil {
		t.Fatal(err)
	}
	agent := agentfile.Agent{Folder: "go-x", Version: "1", Findings: []agentfile.Finding{{Cases: []string{"3.1"}, Fault: "library", Why: "a race"}}}
	if sum, err := comparison.Write(t.TempDir(), files, []agentfile.Agent{agent}); err != nil || sum.Failures != 0 || len(sum.Stale) != 0 {
		t.Errorf("got %+v and %v, want nothing stale", sum, err)
	}
	agent.Findings[0].Cases = []string{"[*"}
	if _, err := comparison.Write(t.TempDir(), files, []agentfile.Agent{agent}); err == nil {
		t.Error("a malformed pattern is no error")
	}
}
