package casepage_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/casepage"
)

// A page says something under every heading.
func TestEveryCase(t *testing.T) {
	for _, c := range catalogue.All() {
		p := casepage.Of(c)
		if p.Why == "" || p.Section == "" || len(p.Roles) == 0 || p.Sends[len(p.Sends)-1].Last != len(c.Conns) || len(p.Wants) == 0 || len(p.Sections) == 0 {
			t.Errorf("case %s: something is missing: %+v", c.ID, p)
		}
		for _, s := range p.Sections {
			if s.Words == "" {
				t.Errorf("case %s: no words for %s", c.ID, s.Ref)
			}
		}
		for _, w := range p.Wants {
			if len(w.What) == 0 || w.Connection > w.Last || w.Last > len(c.Conns) {
				t.Errorf("case %s: got %+v", c.ID, w)
			}
		}
		if c.Suite == cases.RFC && (len(p.Requirements) == 0 || p.Level == "") {
			t.Errorf("case %s: no requirement, or no level", c.ID)
		}
		var text bytes.Buffer
		if err := casepage.WriteText(&text, p); err != nil || !strings.HasPrefix(text.String(), string(c.ID)+"  ") {
			t.Errorf("case %s: got %q, %v", c.ID, text.String(), err)
		}
	}
}

func TestBugs(t *testing.T) {
	const known = 26
	n := 0
	for _, c := range catalogue.All() {
		for _, b := range c.Bugs {
			n++
			if b.Library == "" || b.Buggy == "" || b.Fixed == "" || b.Source == "" || !strings.HasSuffix(b.What, ".") {
				t.Errorf("case %s: incomplete: %+v", c.ID, b)
			}
			if !c.For(b.Role) {
				t.Errorf("case %s: no case for a %s, such as %s %s", c.ID, b.Role, b.Library, b.Buggy)
			}
		}
	}
	if n < known {
		t.Errorf("got %d bugs, want %d or more", n, known)
	}
}

// The pages stay small, have no scripts, and link only to pages that are there. What a
// peer says is text in them.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	evil := `<script>alert(1)</script>`
	var known casepage.Comparison
	known.Add(&runfile.Run{
		Header: runfile.Header{Agent: harness.Agent{Name: evil, Role: cases.Server}},
		Results: []harness.Result{
			{Case: "M.1.1", Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Reason: evil}},
			{Case: "M.1.2", Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK}},
			{Case: "M.1.3", Outcome: harness.Crash, Note: evil},
		},
	}, "../runs/x.html")
	if err := casepage.Write(dir, catalogue.All(), &known); err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`(?:href|src)="([^":#]+)"`)
	for _, c := range catalogue.All() {
		p, err := os.ReadFile(filepath.Join(dir, casepage.File(c.ID)))
		if err != nil {
			t.Fatal(err)
		}
		if len(p) > 64<<10 || bytes.Contains(p, []byte("<script")) {
			t.Errorf("case %s: %d bytes, or a script", c.ID, len(p))
		}
		for _, m := range link.FindAllSubmatch(p, -1) {
			if _, err := os.Stat(filepath.Join(dir, string(m[1]))); err != nil {
				t.Errorf("case %s: %v", c.ID, err)
			}
		}
	}
	for id, want := range map[cases.ID][]string{
		"M.1.1": {"1 of 1 that played it", "&lt;script&gt;", `href="../runs/x.html#case-M.1.1"`, "ws 7.2.1"},
		"M.1.2": {"All 1 implementations that played it pass"},
		"M.1.3": {`<b class="bad">crash</b>`},
	} {
		p, _ := os.ReadFile(filepath.Join(dir, casepage.File(id)))
		for _, text := range want {
			if !strings.Contains(string(p), text) {
				t.Errorf("case %s: %q is not in its page", id, text)
			}
		}
	}
	if p, _ := os.ReadFile(filepath.Join(dir, casepage.File("M.1.4"))); bytes.Contains(p, []byte("played it")) {
		t.Error("case M.1.4: nobody played it, and its page speaks of it")
	}
}

// Write without a comparison, and twice.
func TestWriteAgain(t *testing.T) {
	dir := t.TempDir()
	one, _ := catalogue.Find("5.15")
	for range 2 {
		if err := casepage.Write(dir, []cases.Case{one}, nil); err != nil {
			t.Fatal(err)
		}
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.html"))
	if err != nil || !strings.Contains(string(index), `href="5.15.html"`) {
		t.Errorf("index: %v\n%s", err, index)
	}
}
