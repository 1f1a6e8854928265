package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Both suites live: what the page costs, and that it drops no verdict. It takes a minute, so it
// runs when MEASURE is set.
func TestUIWhole(t *testing.T) {
	if os.Getenv("MEASURE") == "" {
		t.Skip("MEASURE is not set")
	}
	b := browsertest.Start(t)
	begun := time.Now()
	url, dir := serveUI(t)
	p := b.OpenURL(t, url, browsertest.View{Ready: ".example button"})
	t.Logf("the server is there, and the page is painted: %v, of which %v to the first paint", time.Since(begun), p.FirstPaint(t))
	clicked := time.Now()
	p.Eval(t, `document.querySelectorAll(".example button")[3].click()`, nil)
	p.Await(t, `document.querySelector(".waffle i[class]")`)
	t.Logf("from the click to the first verdict: %v", time.Since(clicked))
	before, from := p.Work(t), time.Now()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); {
		var over bool
		p.Eval(t, `new Promise(done => setTimeout(() => done(/took/.test(document.querySelector(".live").innerText)), 1000))`, &over)
		if over {
			break
		}
	}
	work, took := p.Work(t)-before, time.Since(from)
	files, err := filepath.Glob(filepath.Join(dir, "ui", "*", "run.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got %q, %v", files, err)
	}
	run, err := runfile.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var painted int
	p.Eval(t, `document.querySelectorAll(".waffle i[class]").length`, &painted)
	if painted != len(run.Results) || painted < 700 {
		t.Errorf("the page shows %d verdicts, the run file has %d", painted, len(run.Results))
	}
	share := 100 * work.Seconds() / took.Seconds()
	t.Logf("%d verdicts in %.1f s; the page worked for %v, %.1f %% of a core", painted, took.Seconds(), work, share)
	if share > 5 {
		t.Errorf("the page takes %.1f %% of a core, want less than 5", share)
	}
}
