package gate_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
)

var update = flag.Bool("update", false, "write the golden files")

// all lists every case with this outcome where the prefix matches, else with a
// pass.
func all(outcomes map[string]string) []string {
	var lines []string
	for _, c := range catalogue.All() {
		outcome := "pass"
		for prefix, o := range outcomes {
			if strings.HasPrefix(string(c.ID)+".", prefix) {
				outcome = o
			}
		}
		lines = append(lines, string(c.ID)+" "+outcome)
	}
	return lines
}

func TestInit(t *testing.T) {
	run := runOf(all(map[string]string{
		"12.": "unsupported", "13.": "unsupported", "5.15.": "fail", "5.10.": "fail", "7.1.": "fail", "9.1.1.": "pass-lenient", "6.4.1.": "observed",
	})...)
	text, err := gate.Init(run, false)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "init.yaml")
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(want)); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if err := bySchema(t, string(text)); err != nil {
		t.Errorf("by the schema: %v", err)
	}
	x, err := gate.Parse("wsconform.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if d := gate.Decide(run, []gate.Expectations{x}, today); d.Exit != gate.Holds {
		t.Errorf("the run does not hold by its own baseline: %v", d.Violations)
	}
	if changes := gate.Compare(x, run, today); len(changes) > 0 {
		t.Errorf("changes %v, want none", changes)
	}
}

func TestInitRefuses(t *testing.T) {
	cut := runOf("5.1 pass")
	cut.Footer = nil
	for _, row := range []struct {
		name, want string
		run        *runfile.Run
	}{
		{"nothing", "no result", runOf()},
		{"missing", "1 of 2 cases has no verdict, so the run cannot be a baseline: 5.2", runOf("5.1 pass", "5.2")},
		{"harness error", "has no verdict", runOf("5.1 pass", "5.2 harness-error")},
		{"crash", "crashed or hung in 1 case: 5.2", runOf("5.1 pass", "5.2 crash")},
		{"cut off", "cut off", cut},
	} {
		if _, err := gate.Init(row.run, false); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want %q", row.name, err, row.want)
		}
	}
	text, err := gate.Init(runOf("5.1 crash", "5.2"), true)
	if err != nil || !strings.Contains(string(text), "verdict: crash") || strings.Contains(string(text), "5.2") {
		t.Errorf("incomplete: %v\n%s", err, text)
	}
}

// A pattern also speaks of cases that never ran, so two alike do not make one.
func TestInitMakesNoPatternOfTwo(t *testing.T) {
	text, err := gate.Init(runOf("12.1.1 unsupported", "12.1.2 unsupported"), false)
	if err != nil || strings.Contains(string(text), "*") {
		t.Errorf("two cases: %v\n%s\nwant no pattern", err, text)
	}
	text, err = gate.Init(runOf("12.1.1 unsupported", "12.1.2 unsupported", "12.1.3 unsupported"), false)
	if err != nil || !strings.Contains(string(text), "case: '12.*'") {
		t.Errorf("three cases: %v\n%s\nwant a pattern", err, text)
	}
}

const before = `# Ours. Keep this.
version: 1
policy:
  unimplemented: allow # for now

expect:
  # Section 5 is odd.

  # It echoes too early.
  - case: '5.15' # the worst
    verdict: fail
    signature: 'FAILED, close OK; got text; peer closed with 1000' # seen in 2025
    # an issue was filed
    reason: >
      a long
      story
    link: https://example.org/15
  # They said that this is fixed.
  - case: '5.17'
    verdict: fail
    reason: soon
  - case: '7.1.*'
    verdict: fail
    reason: the whole group
    owner: me

# The end.
`

func TestUpdate(t *testing.T) {
	lines := all(map[string]string{"5.15.": "fail", "7.1.": "fail", "5.16.": "fail", "9.1.1.": "fail", "1.1.1.": "crash"})
	for i, line := range lines {
		if line == "7.1.3 fail" {
			lines[i] = "7.1.3 pass"
		}
	}
	run := runOf(lines...)
	x, err := gate.Parse("wsconform.yaml", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	changes := gate.Compare(x, run, today)
	var got []string
	for _, c := range changes {
		got = append(got, c.String())
	}
	sig := `"FAILED, close OK; got nothing; peer closed with 1002"`
	want := []string{
		`~ 5.15: was fail with "FAILED, close OK; got text; peer closed with 1000"; now 5.15 fail with ` + sig + ` (wsconform.yaml:10)`,
		`- 5.17: fail no more (wsconform.yaml:19)`,
		`- 7.1.3: fail no more (wsconform.yaml:22); the other cases of 7.1.* stay`,
		`+ 1.1.1: crash with "crash"`,
		`+ 5.16: fail with ` + sig,
		`+ 9.1.1: fail with ` + sig,
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("changes (-got +want):\n%s", diff)
	}
	text, err := gate.Update(x, []byte(before), changes)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "update.yaml")
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(text), string(after)); diff != "" {
		t.Errorf("updated (-got +want):\n%s", diff)
	}
	x, err = gate.Parse("wsconform.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if d := gate.Decide(run, []gate.Expectations{x}, today); d.Exit != gate.Holds {
		t.Errorf("after the update the run does not hold: %v", d.Violations)
	}
	same, err := gate.Update(x, text, gate.Compare(x, run, today))
	if err != nil || string(same) != string(text) {
		t.Errorf("a second update: %v\n%s", err, cmp.Diff(string(same), string(text)))
	}
}

func TestUpdateOfEmptyLists(t *testing.T) {
	run := runOf("5.15 fail")
	for _, row := range []struct{ name, text, want string }{
		{"no key", "version: 1\n# end\n", "version: 1\nexpect:\n  - case: '5.15'"},
		{"nothing", "version: 1\nexpect:\n", "version: 1\nexpect:\n  - case: '5.15'"},
		{"an empty list", "version: 1\nexpect: [] # none\npolicy: {}\n", "version: 1\nexpect: # none\n  - case: '5.15'"},
	} {
		x, err := gate.Parse("f.yaml", []byte(row.text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := gate.Update(x, []byte(row.text), gate.Compare(x, run, today))
		if err != nil || !strings.HasPrefix(string(got), row.want) {
			t.Errorf("%s: %v\n%s", row.name, err, got)
		}
	}
	const flow = "version: 1\nexpect: [{case: '5.1', verdict: fail, reason: x}]\n"
	x, err := gate.Parse("f.yaml", []byte(flow))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := gate.Update(x, []byte(flow), gate.Compare(x, run, today)); err == nil {
		t.Errorf("a flow sequence was changed:\n%s", got)
	}
}

func TestLint(t *testing.T) {
	x := file(t, "a.yaml", "case: '5.1', verdict: fail, expires: 2026-11-24", "case: '5.2', verdict: fail, expires: 2026-11-30", "case: '5.*', verdict: fail")
	y := file(t, "b.yaml", "case: '7.1.1', verdict: flaky, evidence: {runs: 9, failures: 1, date: 2026-01-01}")
	y.Expect[0].Reason = gate.Unexplained + " (x)"
	problems, warnings := gate.Lint([]gate.Expectations{x, y}, today)
	if diff := cmp.Diff(problems, []string{
		"a.yaml:3: the entry for 5.1 expired on 2026-11-24",
		"a.yaml:3 and a.yaml:5 both cover 5.1",
		"a.yaml:4 and a.yaml:5 both cover 5.2",
	}); diff != "" {
		t.Errorf("problems (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(warnings, []string{
		"a.yaml:4: the entry for 5.2 expires after 2026-11-30",
		"b.yaml:3: the entry for 7.1.1 has no reason yet",
		"b.yaml:3: the evidence for 7.1.1 is of 2026-01-01: measure it again with wsconform stress",
	}); diff != "" {
		t.Errorf("warnings (-got +want):\n%s", diff)
	}
}
