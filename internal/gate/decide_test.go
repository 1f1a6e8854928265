package gate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

var today = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// verdicts that come to the outcomes.
var verdicts = map[harness.Outcome]cases.Verdict{
	harness.Pass:        {Behavior: cases.OK, Close: cases.CloseOK},
	harness.PassLenient: {Behavior: cases.NonStrict, Close: cases.CloseOK},
	harness.Fail:        {Behavior: cases.Failed, Close: cases.CloseOK},
	harness.Unsupported: {Behavior: cases.Unimplemented, Close: cases.CloseOK},
	harness.Observed:    {Behavior: cases.Informational, Close: cases.CloseInformational},
}

// runOf makes a complete run out of ids and outcomes: "5.1 fail". An id alone was
// selected and has no result. "P.1.1 unplayed" needs what the peer does not offer.
func runOf(lines ...string) *runfile.Run {
	r := &runfile.Run{Footer: &runfile.Footer{State: runfile.Complete}}
	r.Header.Agent = harness.Agent{Name: "gorilla", Role: cases.Server}
	for _, line := range lines {
		id, outcome, ran := strings.Cut(line, " ")
		r.Header.Selection.Selected = append(r.Header.Selection.Selected, cases.ID(id))
		if outcome == "unplayed" {
			v := cases.Verdict{Behavior: cases.Unimplemented}
			r.Results = append(r.Results, harness.Result{Case: cases.ID(id), Outcome: harness.Unsupported, Unplayed: true, Note: "needs more", Verdict: v})
		} else if ran {
			r.Results = append(r.Results, harness.Result{
				Case: cases.ID(id), Outcome: harness.Outcome(outcome), Verdict: verdicts[harness.Outcome(outcome)],
				Transcript: &transcript.Transcript{Opened: true, RemoteClose: true, RemoteCode: 1002},
			})
		}
	}
	return r
}

// file is an expectation file with these entries, one a line: flow mappings
// without their braces.
func file(t *testing.T, name string, entries ...string) gate.Expectations {
	t.Helper()
	text := "version: 1\nexpect:\n"
	for _, e := range entries {
		text += "  - {" + e + ", reason: because}\n"
	}
	x, err := gate.Parse(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestDecide(t *testing.T) {
	const five = "case: '5.1', verdict: fail"
	for _, row := range []struct {
		name    string
		run     []string
		entries []string
		strict  bool
		exit    gate.Exit
		want    []string // violations: kind and beginning of the text
		marks   string
	}{
		{name: "all pass", run: []string{"5.1 pass", "5.2 observed"}},
		{name: "lenient and unsupported without a file", run: []string{"5.1 pass-lenient", "5.2 unsupported"}},
		{name: "strict", run: []string{"5.1 pass-lenient", "5.2 unsupported", "5.3 pass", "5.4 observed"}, strict: true, exit: 1, want: []string{
			"not-allowed 5.1: pass-lenient, behavior NON-STRICT, close OK; no entry declares it, and the policy is nonStrict: fail",
			"not-allowed 5.2: unsupported",
		}},
		{
			name: "unsupported that was not declared", run: []string{"5.1 fail", "5.2 unsupported", "5.3 pass-lenient"}, entries: []string{five},
			exit: 1, want: []string{"not-allowed 5.2: unsupported"}, marks: "5.1 expected-fail",
		},
		{
			name: "unsupported that was declared", run: []string{"12.1.1 unsupported", "12.1.2 unsupported"}, entries: []string{"case: '12.*', verdict: unsupported"},
			marks: "12.1.1 expected-fail, 12.1.2 expected-fail",
		},
		{name: "not played for want of something, with a file", run: []string{"P.1.1 unplayed", "5.1 fail"}, entries: []string{five}, marks: "5.1 expected-fail"},
		{name: "not played, and strict", run: []string{"P.1.1 unplayed", "5.1 pass"}, strict: true},
		{
			name: "not played, and an entry says so", run: []string{"P.1.1 unplayed", "5.1 pass"}, entries: []string{"case: 'P.1.1', verdict: unsupported"},
			marks: "P.1.1 expected-fail",
		},
		{
			name: "a known failure is not played any more", run: []string{"P.1.1 unplayed", "5.1 pass"}, entries: []string{"case: 'P.1.1', verdict: fail"}, exit: 1,
			want: []string{"changed-signature P.1.1 does not match a.yaml:3: got unsupported"}, marks: "P.1.1 changed-signature",
		},
		{name: "nothing is played", run: []string{"P.1.1 unplayed"}, exit: 4, want: []string{"empty no case was run: needs more"}},
		{
			name: "unexpected failure", run: []string{"5.1 fail", "5.2 fail"}, entries: []string{five}, exit: 1,
			want: []string{"unexpected 5.2: fail, behavior FAILED, close OK"}, marks: "5.1 expected-fail",
		},
		{name: "crash and timeout", run: []string{"5.1 crash", "5.2 timeout"}, exit: 1, want: []string{"unexpected 5.1: crash", "unexpected 5.2: timeout"}},
		{name: "declared crash", run: []string{"5.1 crash"}, entries: []string{"case: '5.1', verdict: crash"}, marks: "5.1 expected-fail"},
		{
			name: "crash where a failure was declared", run: []string{"5.1 crash"}, entries: []string{five}, exit: 1,
			want: []string{"changed-signature 5.1 does not match a.yaml:3: got crash, want fail"}, marks: "5.1 changed-signature",
		},
		{
			name: "fixed", run: []string{"5.1 pass"}, entries: []string{five}, exit: 1,
			want: []string{"unexpected-pass 5.1 passes (pass), but a.yaml:3 expects fail"}, marks: "5.1 unexpected-pass",
		},
		{
			name: "one of a pattern is fixed", run: []string{"5.1 fail", "5.2 pass"}, entries: []string{"case: '5.*', verdict: fail"}, exit: 1,
			want: []string{"unexpected-pass 5.2 passes"}, marks: "5.1 expected-fail, 5.2 unexpected-pass",
		},
		{name: "signature", run: []string{"5.1 fail"}, entries: []string{five + ", signature: 'FAILED, close OK; got nothing; peer closed with 1002'"}, marks: "5.1 expected-fail"},
		{
			name: "changed signature", run: []string{"5.1 fail"}, entries: []string{five + ", signature: 'FAILED, close OK; got nothing; peer closed with 1000'"}, exit: 1,
			want: []string{`changed-signature 5.1 does not match a.yaml:3: got fail with signature "FAILED, close OK; got nothing; peer closed with 1002"`}, marks: "5.1 changed-signature",
		},
		{name: "last day", run: []string{"5.1 fail"}, entries: []string{five + ", expires: 2026-11-25"}, marks: "5.1 expected-fail"},
		{
			name: "expired", run: []string{"5.1 fail"}, entries: []string{five + ", expires: 2026-11-24"}, exit: 1,
			want: []string{"expired a.yaml:3: the entry for 5.1 expired on 2026-11-24, and its case is still as declared"}, marks: "5.1 expired",
		},
		{
			name: "expired, and fixed", run: []string{"5.1 pass"}, entries: []string{five + ", expires: 2026-11-24"}, exit: 1,
			want: []string{"unexpected-pass 5.1"}, marks: "5.1 unexpected-pass",
		},
		{name: "expired, of a case that is not run", run: []string{"5.2 pass"}, entries: []string{five + ", expires: 2026-11-24"}},
		{
			name: "flaky", run: []string{"5.1 pass", "5.2 fail", "5.3 timeout"}, entries: []string{"case: '5.*', verdict: flaky, evidence: {runs: 9, failures: 1, date: 2026-11-01}"},
			marks: "5.1 flaky, 5.2 flaky, 5.3 flaky",
		},
		{
			name: "flaky, and crashes", run: []string{"5.1 crash"}, entries: []string{"case: '5.*', verdict: flaky, evidence: {runs: 9, failures: 1, date: 2026-11-01}"}, exit: 1,
			want: []string{"changed-signature 5.1"}, marks: "5.1 changed-signature",
		},
		{
			name: "duplicate", run: []string{"5.1 fail"}, entries: []string{five, five}, exit: 1,
			want: []string{"duplicate a.yaml:4: a second entry for 5.1; the first is at a.yaml:3"}, marks: "5.1 expected-fail",
		},
		{
			name: "overlap", run: []string{"5.1 fail", "5.2 fail"}, entries: []string{"case: '5.*', verdict: fail", five}, exit: 1,
			want: []string{"overlap a.yaml:3 and a.yaml:4 both cover 5.1:"}, marks: "5.1 expected-fail, 5.2 expected-fail",
		},
		{
			name: "missing", run: []string{"5.1 pass", "5.2", "5.3 not-run", "5.4 blocked", "5.5 pass", "5.6"}, exit: 4,
			want: []string{"missing 4 of 6 cases have no verdict: 5.2 to 5.4, 5.6"},
		},
		{name: "missing, with an entry", run: []string{"5.1 not-run", "5.2 pass"}, entries: []string{five}, exit: 4, want: []string{"missing 1 of 2 cases has no verdict: 5.1"}},
		{name: "missing and failed", run: []string{"5.1 fail", "5.2"}, exit: 1, want: []string{"unexpected 5.1", "missing 1 of 2"}},
		{name: "all skipped", run: []string{"5.1 not-run", "5.2 not-run"}, exit: 4, want: []string{"missing 2 of 2 cases have no verdict: 5.1, 5.2"}},
		{name: "nothing at all", exit: 4, want: []string{"empty no case was run"}},
		{name: "not to be judged", run: []string{"5.1 harness-error", "5.2 fail"}, exit: 3, want: []string{"unexpected 5.2", "harness-error 1 case could not be judged: 5.1"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var files []gate.Expectations
			if row.entries != nil {
				files = append(files, file(t, "a.yaml", row.entries...))
			}
			if row.strict {
				files = append(files, gate.Strict())
			}
			d := gate.Decide(runOf(row.run...), files, today)
			if d.Exit != row.exit {
				t.Errorf("exit %d, want %d", d.Exit, row.exit)
			}
			checkViolations(t, d, row.want)
			var marks []string
			for _, line := range row.run {
				id, _, _ := strings.Cut(line, " ")
				if o, ok := d.Cases[cases.ID(id)]; ok {
					marks = append(marks, id+" "+string(o.Mark))
				}
			}
			if got := strings.Join(marks, ", "); got != row.marks {
				t.Errorf("marks %q, want %q", got, row.marks)
			}
		})
	}
}

func checkViolations(t *testing.T, d gate.Decision, want []string) {
	t.Helper()
	var got []string
	for _, v := range d.Violations {
		got = append(got, string(v.Kind)+" "+v.Text)
	}
	if len(got) != len(want) {
		t.Errorf("violations %q, want %q", got, want)
		return
	}
	for i := range got {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("violation %q, want one that begins with %q", got[i], want[i])
		}
	}
}

// The exit code is no count: none of these wraps round to 0.
func TestDecideManyFailures(t *testing.T) {
	for _, n := range []int{1, 255, 256, 257, 512} {
		var lines []string
		for _, c := range catalogue.All()[:n] {
			lines = append(lines, string(c.ID)+" fail")
		}
		if d := gate.Decide(runOf(lines...), nil, today); d.Exit != gate.Failed || len(d.Violations) != n {
			t.Errorf("%d failures: exit %d and %d violations, want 1 and all", n, d.Exit, len(d.Violations))
		}
	}
}

func TestDecideWithTwoFiles(t *testing.T) {
	a := file(t, "a.yaml", "case: '5.1', verdict: fail")
	b := file(t, "b.yaml", "case: '5.2', verdict: fail")
	run := runOf("5.1 fail", "5.2 fail")
	if d := gate.Decide(run, []gate.Expectations{a, b}, today); d.Exit != gate.Holds {
		t.Errorf("exit %d, violations %v; want that both files apply", d.Exit, d.Violations)
	}
	for _, one := range []gate.Expectations{a, b} {
		if d := gate.Decide(run, []gate.Expectations{one}, today); d.Exit != gate.Failed {
			t.Errorf("%s alone: exit %d, want 1", one.File, d.Exit)
		}
	}
	d := gate.Decide(run, []gate.Expectations{a, b, file(t, "c.yaml", "case: '5.*', verdict: fail")}, today)
	if d.Exit != gate.Failed {
		t.Errorf("exit %d, want 1", d.Exit)
	}
	checkViolations(t, d, []string{"overlap a.yaml:3 and c.yaml:3 both cover 5.1", "overlap b.yaml:3 and c.yaml:3 both cover 5.2"})
	// The strictest policy of all counts.
	a.Policy.NonStrict, b.Policy.NonStrict = gate.Fail, gate.Allow
	if d := gate.Decide(runOf("5.1 fail", "5.2 fail", "5.3 pass-lenient"), []gate.Expectations{a, b}, today); d.Exit != gate.Failed {
		t.Errorf("nonStrict fail and allow: exit %d, want 1", d.Exit)
	}
}

func TestDecidePolicy(t *testing.T) {
	for _, row := range []struct {
		name, policy, outcome string
		exit                  gate.Exit
	}{
		{"by default", "{}", "pass-lenient", 0},
		{"by default", "{}", "observed", 0},
		{"by default", "{}", "unsupported", 1},
		{"nonStrict", "{nonStrict: fail}", "pass-lenient", 1},
		{"informational", "{informational: fail}", "observed", 1},
		{"unimplemented", "{unimplemented: allow}", "unsupported", 0},
		{"enough", "{minExecuted: 2}", "pass", 0},
		{"too few", "{minExecuted: 3}", "pass", 4},
		{"too small a part", "{minExecuted: 50%}", "pass", 4},
		{"no policy excuses a failure", "{nonStrict: allow, informational: allow, unimplemented: allow}", "fail", 1},
	} {
		x, err := gate.Parse("p.yaml", []byte("version: 1\npolicy: "+row.policy+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		d := gate.Decide(runOf("5.1 "+row.outcome, "5.2 pass"), []gate.Expectations{x}, today)
		if d.Exit != row.exit {
			t.Errorf("%s, %s: exit %d, want %d", row.name, row.outcome, d.Exit, row.exit)
		}
	}
}

// minExecuted is about runs of the suite: a run of cases that were picked one by one
// is a look at those.
func TestDecideMinimumOfASelection(t *testing.T) {
	x, err := gate.Parse("p.yaml", []byte("version: 1\npolicy: {minExecuted: 300}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		patterns []string
		exit     gate.Exit
	}{
		{[]string{"5.1"}, gate.Holds},
		{[]string{"5.1", "5.2"}, gate.Holds},
		{[]string{"5.1", "7.*"}, gate.Incomplete},
		{[]string{"5.*"}, gate.Incomplete},
		{[]string{"*"}, gate.Incomplete},
		{nil, gate.Incomplete},
	} {
		run := runOf("5.1 pass", "5.2 pass")
		run.Header.Selection.Cases = row.patterns
		if d := gate.Decide(run, []gate.Expectations{x}, today); d.Exit != row.exit {
			t.Errorf("--cases %v: exit %d, want %d (%v)", row.patterns, d.Exit, row.exit, d.Violations)
		}
	}
}

// The order of blame: a run that cannot be trusted, wrong configuration, an agent
// that cannot be tested, a failure, a gap.
func TestDecideOrderOfBlame(t *testing.T) {
	typo := gate.Expectations{File: "typo.yaml", Version: gate.Version, Expect: []gate.Entry{{Case: "5.155", Verdict: "fail"}}}
	gap, failure, dead, invalid := runOf("5.1 pass", "5.2"), runOf("5.1 fail", "5.2"), runOf("5.1 fail", "5.2"), runOf("5.1 fail", "5.2")
	dead.Footer = &runfile.Footer{State: runfile.Partial, Error: "it ended", Cause: harness.CauseCrash}
	invalid.Footer = &runfile.Footer{State: runfile.Invalid, Error: "the disk is full"}
	for _, row := range []struct {
		name  string
		run   *runfile.Run
		files []gate.Expectations
		exit  gate.Exit
	}{
		{"gap", gap, nil, gate.Incomplete},
		{"failure and gap", failure, nil, gate.Failed},
		{"dead, failure and gap", dead, nil, gate.AgentFailed},
		{"configuration and the rest", dead, []gate.Expectations{typo}, gate.Misconfigured},
		{"invalid and the rest", invalid, []gate.Expectations{typo}, gate.HarnessFailed},
	} {
		if d := gate.Decide(row.run, row.files, today); d.Exit != row.exit {
			t.Errorf("%s: exit %d, want %d", row.name, d.Exit, row.exit)
		}
	}
}

func TestExitCompare(t *testing.T) {
	order := []gate.Exit{gate.Holds, gate.Incomplete, gate.AgentFailed, gate.Failed, gate.Misconfigured, gate.HarnessFailed, gate.Interrupted}
	for i, a := range order {
		for j, b := range order {
			if got := a.Compare(b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("%d and %d: %d", a, b, got)
			}
		}
	}
}

// A case that was not played for want of something in the peer is told, and does not
// count as played.
func TestDecideUnplayed(t *testing.T) {
	x, err := gate.Parse("p.yaml", []byte("version: 1\npolicy: {unimplemented: fail, minExecuted: 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	run := runOf("5.1 pass", "5.2 pass", "P.1.1 unplayed", "P.1.2 unplayed", "S.1.1 unplayed")
	d := gate.Decide(run, []gate.Expectations{x}, today)
	want := []string{"3 cases were not played: needs more (P.1.1 to S.1.1)"}
	if diff := cmp.Diff(d.Notes, want); diff != "" || d.Exit != gate.Holds {
		t.Errorf("exit %d, %v, notes (-got +want):\n%s", d.Exit, d.Violations, diff)
	}
	if changes := gate.Compare(x, run, today); len(changes) > 0 {
		t.Errorf("the baseline changes: %v", changes)
	}
	text, err := gate.Init(run, false)
	if err != nil || strings.Contains(string(text), "P.1") {
		t.Errorf("a new baseline has entries for what was not played (%v):\n%s", err, text)
	}
	run.Results = run.Results[1:]
	run.Header.Selection.Selected = run.Header.Selection.Selected[1:]
	if d := gate.Decide(run, []gate.Expectations{x}, today); d.Exit != gate.Incomplete {
		t.Errorf("one case played of two that have to be: exit %d, want 4", d.Exit)
	}
}

func TestDecideNotes(t *testing.T) {
	client := cases.Client
	other := file(t, "other.yaml", "case: '5.1', verdict: fail")
	other.Agent, other.Role = "nhooyr", &client
	mine := file(t, "mine.yaml", "case: '5.1', verdict: fail, expires: 2026-12-01", "case: '7.*', verdict: fail")
	d := gate.Decide(runOf("5.1 fail"), []gate.Expectations{other, mine}, today)
	want := []string{
		`other.yaml is about the agent "nhooyr", clients, so it does not apply to this run`,
		"mine.yaml:3: the entry for 5.1 expires after 2026-12-01",
		"entries about cases that this run did not select: 7.*",
	}
	if diff := cmp.Diff(d.Notes, want); diff != "" || d.Exit != gate.Holds {
		t.Errorf("exit %d, notes (-got +want):\n%s", d.Exit, diff)
	}
}

func TestDecideOfARunCutOff(t *testing.T) {
	run := runOf("5.1 pass", "5.2 pass")
	run.Footer = nil
	if d := gate.Decide(run, nil, today); d.Exit != gate.Incomplete {
		t.Errorf("without a footer: exit %d, want 4", d.Exit)
	}
	run.Footer = &runfile.Footer{State: runfile.Partial, Error: "it ended; it last said:\nx", Cause: harness.CauseCrash}
	d := gate.Decide(run, nil, today)
	if d.Exit != gate.AgentFailed || d.String() != "the agent could not be fully tested: it ended" {
		t.Errorf("untestable: exit %d, %v; want 5 and why", d.Exit, d)
	}
	run.Footer = &runfile.Footer{State: runfile.Invalid, Error: "the disk is full"}
	d = gate.Decide(run, nil, today)
	if d.Exit != gate.HarnessFailed || !strings.Contains(d.Violations[0].Text, "the disk is full") {
		t.Errorf("invalid: exit %d, %v; want 3 and why", d.Exit, d.Violations)
	}
}

func ExampleDecide() {
	x, err := gate.Parse("wsconform.yaml", []byte(`
version: 1
expect:
  - case: '5.1'
    verdict: fail
    reason: pings are answered in pieces
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	run := &runfile.Run{Footer: &runfile.Footer{State: runfile.Complete}}
	run.Results = []harness.Result{{Case: "5.1", Outcome: harness.Pass}}
	d := gate.Decide(run, []gate.Expectations{x}, time.Now())
	fmt.Println(d.Exit, d.Violations[0].Text)
	// Output: 1 5.1 passes (pass), but wsconform.yaml:4 expects fail: exclude it from the entry, or remove the entry
}
