package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/browsertest"
)

// The goals from the start of wsconform ui to the first verdict, and what no machine exceeds:
// this program has the race detector, and other tests run beside it.
const (
	firstPaintGoal, firstPaintBound     = 300 * time.Millisecond, 15 * time.Second
	firstVerdictGoal, firstVerdictBound = time.Second, 45 * time.Second
)

// untilVerdict clicks on an example and waits for its first verdict. It tells, in ms: when the
// page had its first content and when its buttons, after the navigation began; and how long the
// verdict took from the click.
const untilVerdict = `new Promise(done => {
  const at = what => what ? what.startTime || what.responseEnd : 0;
  const paint = at(performance.getEntriesByName("first-contentful-paint")[0]);
  const shown = performance.getEntriesByType("resource").find(e => e.name.endsWith("/api/state")).responseEnd;
  const clicked = performance.now();
  const look = new MutationObserver(() => {
    if (!document.querySelector(".waffle i[class]")) return;
    look.disconnect();
    done(JSON.stringify({paint, shown, verdict: performance.now() - clicked}));
  });
  look.observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ["class"]});
  document.querySelectorAll(".example button")[1].click();
})`

// From the start of wsconform ui to the first verdict in the page of a browser that is open.
// UI_PROGRAM names another wsconform than this test's own, which the race detector slows down.
func TestUIFirstVerdict(t *testing.T) {
	for _, row := range []struct {
		name string
		open func(t *testing.T) (visit func(url string) (figures string))
	}{
		{"Chromium", func(t *testing.T) func(string) string {
			b := browsertest.Start(t)
			return func(url string) (figures string) {
				p := b.OpenURL(t, url, browsertest.View{Ready: ".example button"})
				p.FirstPaint(t)
				p.Eval(t, untilVerdict, &figures)
				return figures
			}
		}},
		{"Firefox", func(t *testing.T) func(string) string {
			f := browsertest.StartFirefox(t)
			return func(url string) (figures string) {
				f.Open(t, url)
				f.Await(t, `document.querySelector(".example button") && performance.getEntriesByName("first-contentful-paint").length > 0`)
				f.Eval(t, untilVerdict, &figures)
				return figures
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			visit := row.open(t)
			begun := time.Now()
			url := startUI(t)
			served := time.Since(begun)
			var ms struct{ Paint, Shown, Verdict float64 }
			if err := json.Unmarshal([]byte(visit(url)), &ms); err != nil {
				t.Fatal(err)
			}
			of := func(ms float64) time.Duration {
				return time.Duration(ms * float64(time.Millisecond)).Round(time.Millisecond)
			}
			whole := served.Round(time.Millisecond) + of(ms.Shown) + of(ms.Verdict)
			t.Logf("process to URL %v, navigation to first paint %v (goal %v), to the buttons %v, click to the first verdict %v; process to verdict %v (goal %v)",
				served.Round(time.Millisecond), of(ms.Paint), firstPaintGoal, of(ms.Shown), of(ms.Verdict), whole, firstVerdictGoal)
			if of(ms.Paint) > firstPaintBound || whole > firstVerdictBound {
				t.Errorf("first paint after %v and first verdict after %v, where %v and %v are the most", of(ms.Paint), whole, firstPaintBound, firstVerdictBound)
			}
		})
	}
}

// startUI starts wsconform ui as a user does, and returns the URL that it prints.
func startUI(t *testing.T) (url string) {
	t.Helper()
	program, err := exec.LookPath(cmp.Or(os.Getenv("UI_PROGRAM"), "wsconform")) // this program, by that name: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "ui")
	cmd.Dir = t.TempDir()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt) // it may have ended
		cmd.Wait()                       // it was interrupted
	})
	if url, err = lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(url)
}
