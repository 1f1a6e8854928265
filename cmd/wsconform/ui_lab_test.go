package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/usercase"
)

// From a failed case to an edited frame on the wire in two clicks, and from there to a case
// of one's own, which catches the fault in test afterwards.
func TestUILab(t *testing.T) {
	b := browsertest.Start(t)
	url, dir := serveUI(t)
	p := b.OpenURL(t, url, browsertest.View{Ready: ".example button"})
	p.Eval(t, `document.querySelectorAll(".example button")[1].click()`, nil)
	p.Await(t, `/took/.test(document.querySelector(".live")?.innerText)`)
	p.Press(t, "n", "Enter")
	p.Await(t, `document.querySelector(".one .log")`)

	p.Eval(t, `document.querySelector("a.lab").click()`, nil) // the first click
	p.Await(t, `document.querySelector("textarea.script")?.value.includes("rsv3")`)
	p.Eval(t, `{ const s = document.querySelector("textarea.script"); s.value = s.value.replace("Hello, world!", "edited in the lab"); }`, nil)
	p.Eval(t, `document.querySelector("button.main").click()`, nil) // the second
	p.Await(t, `document.querySelector(".answer .log")`)
	p.Check(t, "What happened", "edited in the lab", "RSV3", "harness ← peer")

	// An error names the line, and selects it.
	p.Eval(t, `{ const s = document.querySelector("textarea.script"); s.value = "text a\ntekst b\n"; document.querySelector("button.main").click(); }`, nil)
	p.Await(t, `/unknown step/.test(document.body.innerText)`)
	var selected string
	p.Eval(t, `{ const s = document.querySelector("textarea.script"); s.value.slice(s.selectionStart, s.selectionEnd) }`, &selected)
	if selected != "tekst b" {
		t.Errorf("%q is selected, want the faulty line", selected)
	}

	p.Eval(t, `{
  document.querySelector("textarea.script").value = "frame text rsv2 text:Hello\nawait close 1s\n";
  const f = document.querySelector("form.options").elements;
  f.id.value = "reserved"; f.close.value = "1002"; f.quiet.checked = true;
  document.querySelector("form.options").requestSubmit();
}`, nil)
	p.Await(t, `/Saved in/.test(document.querySelector("form.options").innerText + document.querySelector("form.options p[role=status]").textContent)`)
	f, err := usercase.Read(filepath.Join(dir, usercase.DefaultFile))
	if err != nil || len(f.Cases) != 1 || f.Cases[0].ID != "U.reserved" {
		t.Fatalf("got %+v, %v", f, err)
	}
	for fault, want := range map[string]int{"conformant": exitOK, "rsv-ignored": exitFailed} {
		self, err := exec.LookPath("wsconform")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), self, "test", "--suite", "user", "--server-cmd", self+" echo --addr {host}:{port} --fault "+fault)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want || !strings.Contains(string(out), "1 case") {
			t.Errorf("%s: exit code %d, want %d\n%s", fault, got, want, out)
		}
	}
	if shots := os.Getenv("SCREENSHOTS"); shots != "" {
		p.Eval(t, `document.querySelectorAll("details").forEach(d => d.open = true)`, nil)
		var at string
		p.Eval(t, `location.hash`, &at)
		for _, v := range []browsertest.View{{Width: 400}, {Width: 1280}, {Width: 1280, Dark: true}, {Width: 1920}} {
			v.Fragment, v.Ready = at, "textarea.script"
			q := b.OpenURL(t, url, v)
			q.Await(t, `document.querySelector("textarea.script").value.includes("rsv3")`)
			q.Eval(t, `document.querySelector("button.main").click()`, nil)
			q.Await(t, `document.querySelector(".answer .log")`)
			q.Screenshot(t, filepath.Join(shots, fmt.Sprintf("lab-%d-%v.png", v.Width, v.Dark)))
			q.Close(t)
		}
	}
	q := b.OpenURL(t, url, browsertest.View{Fragment: "#/lab", Width: 400, Ready: "textarea.script"})
	q.Eval(t, `document.querySelectorAll("details").forEach(d => d.open = true)`, nil)
	checkAxe(t, q)
	q.Check(t, "Save as a case of your own")
}

// checkAxe asks axe-core about the page as it is, if there is one.
func checkAxe(t *testing.T, p *browsertest.Page) {
	t.Helper()
	axe, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		return
	}
	for _, one := range p.Violations(t, string(axe)) {
		t.Errorf("axe-core: %s: %s: %q", one.ID, one.Help, one.Nodes[:min(len(one.Nodes), 3)])
	}
}
