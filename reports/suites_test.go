package reports_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports"
	"github.com/wsconform/wsconform/reports/autobahn"
)

// twoSuites is a run of cases of Autobahn's, which have two grades, and of cases that
// have one.
func twoSuites() *runfile.Run {
	two := func(id cases.ID, b cases.Behavior, c cases.CloseBehavior) harness.Result {
		v := cases.Verdict{Behavior: b, Close: c, Reason: "behavior of " + string(id), CloseReason: "close of " + string(id)}
		return harness.Result{Case: id, Outcome: harness.OutcomeOf(v), Verdict: v, Duration: time.Millisecond, Transcript: &transcript.Transcript{Opened: true}}
	}
	one := func(id cases.ID, b cases.Behavior) harness.Result {
		v := cases.Verdict{Behavior: b, Reason: "grade of " + string(id)}
		return harness.Result{Case: id, Outcome: harness.OutcomeOf(v), Verdict: v, Duration: time.Millisecond, Transcript: &transcript.Transcript{
			Opened: true, RemoteClose: true, RemoteCode: 1002,
		}}
	}
	run := &runfile.Run{
		Header: runfile.Header{
			Agent: harness.Agent{Name: "two-suites", Version: "1"}, Engine: runfile.Engine{Name: "native"},
			Started: time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC),
		},
		Results: []harness.Result{
			two("5.15", cases.OK, cases.CloseOK), two("7.1.1", cases.Failed, cases.CloseUnclean), two("10.1.1", cases.OK, cases.CloseOK),
			one("V.1.3", cases.OK), one("V.1.16", cases.Failed), one("V2.1.1", cases.Unimplemented), one("W.1.1", cases.NonStrict), one("Y.1.1", cases.Informational),
		},
		Footer: &runfile.Footer{State: runfile.Complete},
	}
	for _, r := range run.Results {
		run.Header.Selection.Selected = append(run.Header.Selection.Selected, r.Case)
	}
	return run
}

// Cases with one grade stand beside those with two, in every format.
func TestTwoSuites(t *testing.T) {
	run := twoSuites()
	for name, want := range map[string][]string{
		"html": {
			`<td class="g p" colspan="2">OK</td>`, `<td class="g f" colspan="2">FAILED</td>`,
			`<b class="t f">FAILED</b>: grade of V.1.16`, `<i class="bf kf"></i>`, `<a href="#section=V2">`, "2 of 8 fail",
		},
		"markdown":    {"| V | 2 | 1 OK, 1 FAILED | – | 1 | 0 |", "| V.1.16 | case V.1.16 | FAILED | – | grade of V.1.16; the peer closed with 1002 (protocol error) |"},
		"json":        {`"case": "V.1.16"`, `"signature": "FAILED; got nothing; peer closed with 1002"`},
		"badge":       {"2 of 8 fail"},
		"annotations": {"case V.1.16::FAILED (grade of V.1.16); the peer closed with 1002 (protocol error)%0Averdict:  FAILED, grade of V.1.16"},
	} {
		got := string(write(t, format(t, name), run))
		for _, text := range want {
			if !strings.Contains(strings.ReplaceAll(got, "&#58;", ":"), text) {
				t.Errorf("%s does not hold %q", name, text)
			}
		}
		if i := strings.Index(got, "close of V."); i >= 0 {
			t.Errorf("%s: a case of one grade has a closing half: %q", name, got[max(0, i-50):i])
		}
	}
	var suites struct {
		Suites []struct {
			Name  string `xml:"name,attr"`
			Cases []struct {
				Name  string `xml:"name,attr"`
				Props []struct {
					Name string `xml:"name,attr"`
				} `xml:"properties>property"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(write(t, format(t, "junit"), run), &suites); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range suites.Suites {
		id, _, _ := strings.Cut(s.Name, " ")
		names = append(names, id)
		for _, c := range s.Cases {
			halves := 0
			for _, p := range c.Props {
				if p.Name == "close" {
					halves++
				}
			}
			if want := len(c.Name) > 0 && c.Name[0] < 'A'; want != (halves == 1) {
				t.Errorf("JUnit: case %s has %d closing halves", c.Name, halves)
			}
		}
	}
	if got, want := strings.Join(names, " "), "5 7 10 V V2 W Y"; got != want {
		t.Errorf("JUnit has the suites %s, want %s", got, want)
	}
}

// Autobahn's folder holds Autobahn's cases alone.
func TestTwoSuitesInAutobahnsFolder(t *testing.T) {
	dir := t.TempDir()
	if err := autobahn.Write(dir, reports.Input{Run: twoSuites()}); err != nil {
		t.Fatal(err)
	}
	list, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(list) != 4 {
		t.Errorf("got %v and %v, want the index and three cases", list, err)
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil || bytes.Contains(index, []byte("V.1")) {
		t.Errorf("the index holds a case that Autobahn does not have: %v", err)
	}
}

// The overview has a single bar where cases have one grade.
func TestTwoSuitesInTheOverview(t *testing.T) {
	dir := t.TempDir()
	if err := reports.WriteSite(dir, []reports.Input{{Run: twoSuites()}, {Run: hostile()}}); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`title="1 OK, 1 FAILED"><span class="num">1<i> of 2</i></span>`, `title="behavior 1 FAILED; close 1 UNCLEAN"`} {
		if !bytes.Contains(index, []byte(want)) {
			t.Errorf("the overview does not hold %q", want)
		}
	}
}

// The run file of two suites can be written and read, and its summary compared.
func TestTwoSuitesRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	if err := twoSuites().Save(path); err != nil {
		t.Fatal(err)
	}
	run, err := runfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := reports.Diff(twoSuites(), run); len(d.Changes) != 0 || d.Same != 8 {
		t.Errorf("got the changes %v and %d the same, want none and 8", d.Changes, d.Same)
	}
	if got, want := run.Results[4].Summary(), "fail, FAILED: the peer closed with 1002 (protocol error)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A case of one grade that the policy does not allow is a failure, with the reason of
// its grade.
func TestOneGradeUnderAStrictPolicy(t *testing.T) {
	run := twoSuites()
	d := gate.Decide(run, []gate.Expectations{gate.Strict()}, time.Time{})
	got := string(writeInput(t, format(t, "markdown"), reports.Input{Run: run, Gate: &d}))
	if want := "| W.1.1 | case W.1.1 | NON-STRICT | – | grade of W.1.1 |"; !strings.Contains(got, want) {
		t.Errorf("the summary does not hold %q:\n%s", want, got)
	}
}

// A case with several connections shows each of them: what it had to do, what happened,
// and its log.
func TestSeveralConnections(t *testing.T) {
	c, ok := catalogue.Find("H.1.3")
	if !ok || len(c.Conns) < 2 {
		t.Fatal("H.1.3 is no case with several connections")
	}
	frame := func(text string) []transcript.Entry {
		return []transcript.Entry{{Kind: transcript.LogFrame, Dir: transcript.Out, Len: len(text), Data: transcript.Octet(text), Opcode: 1, Fin: true, Mask: "01020304"}}
	}
	v := cases.Verdict{Behavior: cases.Failed, Reason: "connection 1: accepted"}
	run := &runfile.Run{Results: []harness.Result{{Case: "H.1.3", Outcome: harness.Fail, Verdict: v, Transcript: &transcript.Transcript{
		Opened: true, Events: []transcript.Event{{Kind: transcript.GotAnswer, Status: 101}}, Log: frame("first"),
		More: []transcript.Transcript{{Opened: true, Events: []transcript.Event{{Kind: transcript.GotEnd}}, Log: frame("second")}},
	}}}}
	page := string(write(t, format(t, "html"), run))
	for _, want := range []string{`"m":[{`, `"status 101"`, `"the end of TCP"`, `"first"`, `"second"`, `<em class="lv">MUST</em>`, `"RFC6455-4.2.1-key"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	for name, want := range map[string][]string{
		"junit":    {"connection 1 of 2&#xA;", "connection 2 of 2&#xA;", `<property name="level" value="MUST">`, `<property name="suite" value="rfc">`},
		"markdown": {"| H.1.3 MUST | "},
		"json":     {`"level": "MUST"`, `"suite": "rfc"`, `"RFC6455-4.2.1-key"`},
	} {
		got := strings.ReplaceAll(string(write(t, format(t, name), run)), "\n", "&#xA;")
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s does not hold %q:\n%.3000s", name, text, got)
			}
		}
	}
}
