package main

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/runfile"
)

// The browser that opens the page is tested itself, in two tabs, each a run of its own.
func TestUIBrowser(t *testing.T) {
	b := browsertest.Start(t)
	url, _ := serveUI(t)
	var tabs []*browsertest.Page
	for range 2 {
		p := b.OpenURL(t, url+"browser", browsertest.View{Ready: "button.main"})
		p.Check(t, "Test this browser")
		p.Eval(t, `document.querySelectorAll("input")[1].value = "1.1.* 7.1.1 7.7.1"; document.querySelector("button.main").click()`, nil)
		tabs = append(tabs, p)
	}
	for _, p := range tabs {
		p.Await(t, `/complete/.test(document.querySelector(".live").innerText)`)
		p.Check(t, "10 of 10 cases, complete", "10 pass", "See the run")
		checkAxe(t, p)
	}
}

// A browser whose tab is closed in mid-run plays no more: the run ends, with what it has.
func TestUIClosedTab(t *testing.T) {
	b := browsertest.Start(t)
	url, dir := serveUI(t)
	p := b.OpenURL(t, url+"browser", browsertest.View{Ready: "button.main"})
	p.Eval(t, `document.querySelector("button.main").click()`, nil)
	p.Await(t, `/^[1-9]\d* of/.test(document.querySelector(".live").innerText)`)
	p.Close(t)
	run := awaitRun(t, dir)
	if run.Footer == nil || run.State() != runfile.Partial || len(run.Results) == 0 {
		t.Errorf("the run is %v with %d results and the footer %+v", run.State(), len(run.Results), run.Footer)
	}
}

// awaitRun waits until the only run in the folder has its footer.
func awaitRun(t *testing.T, dir string) *runfile.Run {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); ; <-look.C {
		files, err := filepath.Glob(filepath.Join(dir, "ui", "*", "run.jsonl"))
		if err != nil || len(files) != 1 {
			t.Fatalf("got %q, %v", files, err)
		}
		run, err := runfile.Open(files[0])
		if err != nil {
			t.Fatal(err)
		}
		if run.Footer != nil || time.Now().After(end) {
			return run
		}
	}
}

// A page that is loaded again in mid-run shows all verdicts, and its Stop ends the run.
func TestUIReloadAndStop(t *testing.T) {
	b := browsertest.Start(t)
	url, dir := serveUI(t)
	p := b.OpenURL(t, url, browsertest.View{Ready: ".example button"})
	p.Eval(t, `document.querySelectorAll(".example button")[3].click()`, nil)
	const painted = `document.querySelectorAll(".waffle i[class]").length`
	p.Await(t, painted+` > 20`)
	var before, after int
	p.Eval(t, painted, &before)
	p.Reload(t)
	p.Await(t, painted+` > 0`)
	p.Eval(t, painted, &after)
	if after < before {
		t.Errorf("%d verdicts are shown after the page was loaded again, %d before", after, before)
	}
	p.Eval(t, `[...document.querySelectorAll(".live button")].find(b => b.textContent === "Stop").click()`, nil)
	p.Await(t, `/partial/.test(document.querySelector(".live").innerText)`)
	run := awaitRun(t, dir)
	var last int
	p.Eval(t, painted, &last)
	if run.Footer == nil || run.State() != runfile.Partial || last != len(run.Results) || len(run.Missing()) == 0 {
		t.Errorf("the run is %v with %d results of %d, %d missing, the page shows %d",
			run.State(), len(run.Results), len(run.Header.Selection.Selected), len(run.Missing()), last)
	}
	p.Check(t, "partial", strconv.Itoa(last)+" of "+strconv.Itoa(len(run.Header.Selection.Selected))+" cases")
	var stop bool
	p.Eval(t, `[...document.querySelectorAll(".live button")].some(b => b.textContent === "Stop" && b.checkVisibility())`, &stop)
	if stop {
		t.Error("a run that has ended can be stopped")
	}
}

// The same page in Firefox: a run, a case of it, the wire lab, and Firefox itself under test.
func TestUIFirefox(t *testing.T) {
	f := browsertest.StartFirefox(t)
	url, _ := serveUI(t)
	f.Open(t, url)
	f.Await(t, `document.querySelector(".example button")`)
	f.Eval(t, `document.querySelectorAll(".example button")[1].click()`, nil)
	f.Await(t, `/took/.test(document.querySelector(".live")?.innerText)`)
	f.Eval(t, `document.querySelector(".list td.f").closest("tr").querySelector("a").click()`, nil)
	f.Await(t, `document.querySelector(".one .log")`)
	f.Eval(t, `document.querySelector("a.lab").click()`, nil)
	f.Await(t, `document.querySelector("textarea.script")?.value.includes("rsv3")`)
	f.Eval(t, `document.querySelector("button.main").click()`, nil)
	f.Await(t, `document.querySelector(".answer .log")?.innerText.includes("RSV3")`)

	f.Open(t, url+"browser")
	f.Await(t, `document.querySelector("button.main")`)
	f.Eval(t, `document.querySelectorAll("input")[1].value = "1.1.* 7.1.1 7.7.1"`, nil)
	f.Eval(t, `document.querySelector("button.main").click()`, nil)
	f.Await(t, `/10 of 10 cases, complete/.test(document.querySelector(".live").innerText)`)
	var text string
	f.Eval(t, `document.body.innerText`, &text)
	if !strings.Contains(text, "10 pass") {
		t.Errorf("firefox does not pass: %.500s", text)
	}
}

// On the narrowest screens nothing is wider than the page: the first page, the lab with all
// that unfolds, a run and a case of it.
func TestUINarrow(t *testing.T) {
	b := browsertest.Start(t)
	url, _ := serveUI(t)
	p := b.OpenURL(t, url, browsertest.View{Width: 320, Ready: ".example button"})
	fits := func() {
		t.Helper()
		p.Eval(t, `document.querySelectorAll("details").forEach(d => d.open = true)`, nil)
		p.Check(t)
	}
	fits()
	p.Eval(t, `location.hash = "#/lab"`, nil)
	p.Await(t, `document.querySelector("textarea.script")`)
	fits()
	p.Eval(t, `location.hash = "#/"`, nil)
	p.Await(t, `document.querySelector(".example button")`)
	p.Eval(t, `document.querySelectorAll(".example button")[1].click()`, nil)
	p.Await(t, `/took/.test(document.querySelector(".live")?.innerText)`)
	fits()
	p.Press(t, "n", "Enter")
	p.Await(t, `document.querySelector(".one .log")`)
	fits()
	p.Eval(t, `document.querySelector("a.lab").click()`, nil)
	p.Await(t, `document.querySelector("textarea.script")?.value.includes("rsv3")`)
	p.Eval(t, `document.querySelector("button.main").click()`, nil)
	p.Await(t, `document.querySelector(".answer .log")`)
	fits()
}
