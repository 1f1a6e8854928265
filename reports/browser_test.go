package reports_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

// The pages in a real browser. scripts/install-test-programs.sh brings it, and
// axe-core where there is npm.

// fewer is the run without most of the cases that passed: axe-core takes long over
// hundreds of lines that are alike.
func fewer(run *runfile.Run) *runfile.Run {
	few := *run
	few.Results, few.Header.Selection.Selected = nil, nil
	played := map[cases.ID]harness.Result{}
	for _, r := range run.Results {
		played[r.Case] = r
	}
	for i, id := range run.Header.Selection.Selected {
		r, ok := played[id]
		if pass := ok && r.Outcome == harness.Pass; i%20 > 0 && (pass || !ok) {
			continue
		}
		few.Header.Selection.Selected = append(few.Header.Selection.Selected, id)
		if ok {
			few.Results = append(few.Results, r)
		}
	}
	return &few
}

func writePages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pages := map[string]reports.Input{
		"gated": gated(), "hostile": {Run: hostile()},
		"all":     {Run: synthetic{agent: server("fragile-ws", "4.2.1"), engine: autobahnEngine(), fault: someFaults}.run()},
		"partial": {Run: synthetic{agent: server("cut-ws", "1"), engine: autobahnEngine(), cutOff: 317}.run()},
	}
	pages["suites"] = reports.Input{Run: twoSuites()}
	pages["huge"] = reports.Input{Run: twoHugeValues()}
	pages["faults"] = reports.Input{Run: fewer(pages["all"].Run)}
	pages["partial"] = reports.Input{Run: fewer(pages["partial"].Run)}
	for name, in := range pages {
		if err := reports.Write(filepath.Join(dir, name), in, "html"); err != nil {
			t.Fatal(err)
		}
	}
	if err := reports.Write(filepath.Join(dir, "hostile"), pages["hostile"], "autobahn"); err != nil {
		t.Fatal(err)
	}
	if err := reports.WriteSite(filepath.Join(dir, "site"), []reports.Input{pages["gated"], pages["faults"]}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever a peer sends, its script does not run: the page is asked with a case
// open. To see that the test can fail, a page says that a script ran.
func TestBrowserRunsNothingOfThePeer(t *testing.T) {
	browser := browsertest.Start(t)
	dir := writePages(t)
	const mark = "20261122"
	spell := func(file string) {
		p, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p = bytes.ReplaceAll(p, []byte("alert(1)"), []byte("document.body.dataset.evil="+mark))
		if err := os.WriteFile(file, p, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	evil := func(file string, v browsertest.View) (found string) {
		spell(file)
		browser.Open(t, file, v).Eval(t, `document.body.dataset.evil || ""`, &found)
		return found
	}
	control := filepath.Join(dir, "control.html")
	if err := os.WriteFile(control, []byte("<body><script>alert(1)</script></body>"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := evil(control, browsertest.View{}); got != mark {
		t.Fatalf("a script of the page itself did not run (%q), so this test shows nothing", got)
	}
	for _, row := range []struct {
		file string
		view browsertest.View
	}{
		{"gated/index.html", browsertest.View{Fragment: "#case-5.15", Ready: ".detail"}},
		{"site/index.html", browsertest.View{}},
		{"hostile/autobahn/index.html", browsertest.View{}},
	} {
		if got := evil(filepath.Join(dir, row.file), row.view); got != "" {
			t.Errorf("%s: a script of the peer has run", row.file)
		}
	}
}

// looks are the kinds of page, light and dark, wide and narrow, on paper, and what
// a reader must see there.
var looks = []struct {
	file string
	view browsertest.View
	want []string
}{
	{"faults/index.html", browsertest.View{}, []string{"fragile-ws", "5.15", "6.3.1", "Compression with different parameters"}},
	{"faults/index.html", browsertest.View{Fragment: "#slowest"}, []string{"Slowest cases", "no verdict within 120 s", "Provenance"}},
	{"faults/index.html", browsertest.View{Fragment: "#outcome=fail", Width: 400, Dark: true}, []string{"5 of 58 cases", "7.9.4"}},
	{
		"faults/index.html",
		browsertest.View{Fragment: "#case-6.3.1&section=6", Width: 320, Dark: true, Ready: ".detail"},
		[]string{"payload byte 12 (a0): text is not valid UTF-8", "on purpose, payload byte 12", "6.3.1"},
	},
	{"faults/index.html", browsertest.View{Fragment: "#case-7.1.1&section=7", Ready: ".detail"}, []string{
		"header byte 0 (a1): reserved bits set", "header bytes 1 to 3 (7e000c): a payload length is not minimally encoded",
		"an extension that was not offered", "a1 7e 00 0c",
	}},
	{"faults/index.html", browsertest.View{Fragment: "#case-5.15&section=5", Print: true, Ready: ".detail"}, []string{"fragile-ws", "5.15", "Provenance"}},
	{"gated/index.html", browsertest.View{Fragment: "#case-5.15", Width: 1920, Dark: true, Ready: ".detail"}, []string{"5.15", "Expectation"}},
	{"suites/index.html", browsertest.View{Fragment: "#case-V.1.16&section=V", Ready: ".detail"}, []string{"V.1.16", "grade of V.1.16", "2 of 8 cases"}},
	{"huge/index.html", browsertest.View{Fragment: "#case-5.15", Ready: ".detail"}, []string{"(10485760 bytes, SHA-256 ", "(10485784 bytes, SHA-256 "}},
	{"all/index.html", browsertest.View{Fragment: "#cases"}, []string{"517 cases", "1.1.1", "13.7.18"}},
	{"partial/index.html", browsertest.View{Fragment: "#section=9"}, []string{"cut-ws", "cases have no verdict", "not-run"}},
	{"site/index.html", browsertest.View{}, []string{"fragile-ws 4.2.1", "Limits and performance"}},
	{"site/index.html", browsertest.View{Width: 400, Dark: true}, []string{"fragile-ws 4.2.1"}},
}

// The text is there to be seen, no script fails, nothing is wider than the window,
// and axe-core has nothing against the page.
func TestBrowserShows(t *testing.T) {
	browser := browsertest.Start(t)
	dir := writePages(t)
	for _, row := range looks {
		t.Run(row.file+row.view.Name(), func(t *testing.T) {
			browser.Open(t, filepath.Join(dir, row.file), row.view).Check(t, row.want...)
		})
	}
}

func TestBrowserAccessibility(t *testing.T) {
	axe := browsertest.Axe(t)
	browser := browsertest.Start(t)
	dir := writePages(t)
	for _, row := range looks {
		if row.file == "all/index.html" {
			continue // as the others, but axe would take minutes
		}
		t.Run(row.file+row.view.Name(), func(t *testing.T) {
			for _, v := range browser.Open(t, filepath.Join(dir, row.file), row.view).Violations(t, axe) {
				t.Errorf("%s (%s): %d elements, such as %.200s", v.ID, v.Impact, len(v.Nodes), v.Nodes[0])
			}
		})
	}
	wrong := filepath.Join(dir, "wrong.html")
	if err := os.WriteFile(wrong, []byte(`<html><body><img src="x"></body></html>`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, v := range browser.Open(t, wrong, browsertest.View{}).Violations(t, axe) {
		if v.ID == "image-alt" {
			return
		}
	}
	t.Error("axe finds nothing on a page that is wrong, so this test shows nothing")
}

// The badge is well-formed, and the JUnit file what consumers agree on, to a strict
// parser, where there is one.
func TestXMLLint(t *testing.T) {
	program, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed")
	}
	dir := t.TempDir()
	for name, in := range map[string]reports.Input{"gated": gated(), "hostile": {Run: hostile()}, "none": {Run: &runfile.Run{Header: runfile.Header{Agent: harness.Agent{Role: cases.Client}}}}} {
		if err := reports.Write(filepath.Join(dir, name), in, "junit", "badge"); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{
			{"--noout", filepath.Join(dir, name, "badge.svg")},
			{"--noout", "--schema", "testdata/junit.xsd", filepath.Join(dir, name, "junit.xml")},
		} {
			if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
				t.Errorf("%s %v: %v\n%.2000s", name, args, err, out)
			}
		}
	}
}
