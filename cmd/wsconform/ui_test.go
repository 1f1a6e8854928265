package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/ui"
)

// serveUI serves the page for a test, with runs in a folder of its own.
func serveUI(t *testing.T, runs ...string) (url, dir string) {
	t.Helper()
	self, err := exec.LookPath("wsconform") // this program, by that name: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	t.Chdir(dir)
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- ui.Serve(ctx, ui.Options{Program: []string{self}, Dir: dir, Runs: runs, Ready: func(url string) { ready <- url }})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	select {
	case url = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return url, dir
}

// From the first page to the verdicts, a case, and the same again.
func TestUI(t *testing.T) {
	b := browsertest.Start(t)
	url, _ := serveUI(t)
	begun := time.Now()
	p := b.OpenURL(t, url, browsertest.View{Ready: ".example button"})
	t.Logf("first paint after %v", p.FirstPaint(t))
	p.Check(t, "Test a WebSocket implementation", "A server with a fault", "There are none in this folder yet.")

	p.Eval(t, `document.querySelectorAll(".example button")[1].click()`, nil)
	p.Await(t, `document.querySelector(".waffle i[class]")`)
	t.Logf("first verdict after %v", time.Since(begun))
	p.Await(t, `/took/.test(document.querySelector(".live").innerText)`)
	p.Check(t, "server with the fault rsv-ignored", "server under test", "The RFC suite")
	var failed int
	p.Eval(t, `document.querySelectorAll(".list td.f").length`, &failed)
	if failed == 0 {
		t.Error("no failure is shown")
	}

	p.Press(t, "n", "Enter")
	p.Await(t, `document.querySelector(".one .log")`)
	p.Check(t, "Expected", "Got", "Wire log", "Play it again", "RSV3", "3.1")
	p.Press(t, "ArrowDown", "ArrowDown")
	var step int
	p.Eval(t, `[...document.querySelectorAll(".log > li")].indexOf(document.activeElement)`, &step)
	if step != 1 {
		t.Errorf("two steps down is entry %d of the wire log, want 1", step)
	}
	var at string
	p.Eval(t, `location.hash.slice(1)`, &at)
	hash := func(n int) string { return strings.Join(strings.Split(at, "/")[:n+1], "/") }
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		for _, width := range []int{400, 1280, 1920} {
			for _, dark := range []bool{false, true} {
				for name, fragment := range map[string]string{"start": "#/", "run": "#" + hash(2), "case": "#" + hash(3)} {
					v := browsertest.View{Fragment: fragment, Width: width, Dark: dark, Ready: map[string]string{"start": ".example button", "run": ".secs", "case": ".log"}[name]}
					q := b.OpenURL(t, url, v)
					q.Await(t, `document.readyState === "complete"`)
					q.Screenshot(t, filepath.Join(dir, fmt.Sprintf("%s-%d-%v.png", name, width, dark)))
					q.Close(t)
				}
			}
		}
	}
	if os.Getenv("AXE_CORE") != "" {
		for name, fragment := range map[string]string{"start": "#/", "run": "#" + hash(2), "case": "#" + hash(3)} {
			for _, v := range []browsertest.View{{}, {Width: 400, Dark: true}} {
				v.Fragment, v.Ready = fragment, map[string]string{"start": ".runs a", "run": ".secs", "case": ".log"}[name]
				q := b.OpenURL(t, url, v)
				checkAxe(t, q)
				q.Check(t)
				q.Close(t)
			}
		}
	}

	// The failures again, in two tabs, one of which is loaded in mid-run.
	p.Press(t, "Escape")
	p.Eval(t, `[...document.querySelectorAll(".again button")][1].click()`, nil)
	p.Await(t, `location.hash.slice(1) !== `+strconv.Quote(hash(2)))
	var again string
	p.Eval(t, `location.hash`, &again)
	q := b.OpenURL(t, url, browsertest.View{Fragment: again, Ready: ".live"})
	p.Await(t, `/took/.test(document.querySelector(".live").innerText)`)
	q.Await(t, `/took/.test(document.querySelector(".live").innerText)`)
	for _, tab := range []*browsertest.Page{p, q} {
		tab.Check(t, "7 of 7 cases", "Compared with the run before: 0 regressed 0 fixed")
	}
}

// Nothing that a peer or a run file says runs in the page, or stops it.
func TestUIHostile(t *testing.T) {
	b := browsertest.Start(t)
	const script = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>`
	file := filepath.Join(t.TempDir(), "hostile.jsonl")
	w, err := runfile.Create(file, runfile.Header{
		Agent: harness.Agent{Name: script + "\u202e", Role: cases.Server, URL: "javascript:window.pwned=1"}, Tool: script, Secrets: runfile.SecretsShown,
		Selection: runfile.Selection{Cases: []string{script}, Selected: []cases.ID{"1.1.1", "7.1.1", cases.ID(script[:40])}},
	})
	if err != nil {
		t.Fatal(err)
	}
	huge := strings.Repeat(script, 10<<20/len(script))
	for _, id := range []cases.ID{"1.1.1", cases.ID(script[:40])} {
		err := w.Case(harness.Result{
			Case: id, Outcome: harness.Fail, Note: huge,
			Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed, Reason: huge, CloseReason: script},
			Transcript: &transcript.Transcript{
				Opened: true, Response: "HTTP/1.1 101 " + script + "\r\nX: " + huge + "\r\n\r\n", RemoteReason: []byte(script), UncleanReason: script,
				Log: []transcript.Entry{{Kind: transcript.LogFrame, Dir: transcript.In, Opcode: 1, Fin: true, Len: len(huge), Data: []byte(huge)}, {Kind: transcript.LogNote, Note: script}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	url, _ := serveUI(t, file)
	p := b.OpenURL(t, url, browsertest.View{Ready: ".runs a"})
	p.Check(t, "<img src=x")
	begun := time.Now()
	p.Eval(t, `document.querySelector(".runs a").click()`, nil)
	p.Await(t, `document.querySelector(".waffle i[class]")`)
	p.Press(t, "j", "Enter")
	p.Await(t, `document.querySelector(".one .log")`)
	p.Check(t, "Expected", "<img src=x")
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the page took %v", took)
	}
	var pwned bool
	p.Eval(t, `Boolean(window.pwned) || document.images.length > 0`, &pwned)
	if pwned {
		t.Error("what a peer sent has become markup")
	}
	var link string
	p.Eval(t, `[...document.links].map(a => a.href).find(h => !h.startsWith("http")) || ""`, &link)
	if link != "" {
		t.Errorf("there is a link to %q", link)
	}
}
