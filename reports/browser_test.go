package reports_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports"
)

// The pages in a real browser. `make browser` brings what these tests need where
// there is a registry.

// browse opens the file in headless Chromium and returns the page as it is then.
func browse(t *testing.T, file, fragment string) string {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append(browserFlags(t), "--virtual-time-budget=5000", "--dump-dom")
	cmd := exec.CommandContext(ctx, program, append(args, "file://"+file+fragment)...)
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return out.String()
}

func writePages(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	pages := map[string]reports.Input{
		"gated": gated(), "hostile": {Run: hostile()},
		"faults": {Run: synthetic{agent: server("fragile-ws", "4.2.1"), engine: autobahn(), fault: someFaults}.run()},
	}
	for name, in := range pages {
		if err := reports.Write(filepath.Join(dir, name), in, "html", "badge", "autobahn"); err != nil {
			t.Fatal(err)
		}
	}
	if err := reports.WriteSite(filepath.Join(dir, "site"), []reports.Input{pages["gated"], pages["faults"]}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever a peer sends, its script does not run: the page is asked with each
// case open. To see that the test can fail, a page says that a script ran.
func TestBrowserRunsNothingOfThePeer(t *testing.T) {
	dir := writePages(t)
	mark := "20261122"
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
	control := filepath.Join(dir, "control.html")
	if err := os.WriteFile(control, []byte("<body><script>alert(1)</script></body>"), 0o600); err != nil {
		t.Fatal(err)
	}
	spell(control)
	if got := browse(t, control, ""); !strings.Contains(got, `data-evil="`+mark) {
		t.Fatalf("a script of the page itself did not run, so this test shows nothing:\n%s", got)
	}
	for _, page := range []struct{ file, fragment string }{
		{"gated/index.html", "#case-5.15"}, {"site/index.html", ""}, {"hostile/autobahn/index.html", ""},
	} {
		file := filepath.Join(dir, page.file)
		spell(file)
		got := browse(t, file, page.fragment)
		if strings.Contains(got, `data-evil="`) {
			t.Errorf("%s: a script of the peer has run", page.file)
		}
		if page.fragment != "" && !strings.Contains(got, `class="detail"`) {
			t.Errorf("%s: the case is not open: did the page's own script run?\n%.2000s", page.file, got)
		}
	}
}

// axe-core finds nothing to object to, on any kind of page, light and dark, wide
// and narrow. The file axe.min.js of axe-core is named by AXE_CORE.
func TestBrowserAccessibility(t *testing.T) {
	axe, err := os.ReadFile(os.Getenv("AXE_CORE"))
	if err != nil {
		t.Skip("AXE_CORE names no axe.min.js; make browser does")
	}
	dir := writePages(t)
	for _, row := range []struct {
		file, fragment, size string
		dark                 bool
	}{
		{"faults/index.html", "", "1280,900", false},
		{"faults/index.html", "#case-6.3.1", "500,900", true},
		{"gated/index.html", "#case-5.15", "1920,1080", true},
		{"site/index.html", "", "1280,900", false},
	} {
		t.Run(fmt.Sprintf("%s%s %s dark %v", row.file, row.fragment, row.size, row.dark), func(t *testing.T) {
			page, err := os.ReadFile(filepath.Join(dir, row.file))
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range violations(t, page, axe, row.fragment, row.size, row.dark) {
				t.Errorf("%s (%s): %d elements, such as %.200s", v.ID, v.Impact, len(v.Nodes), v.Nodes[0])
			}
		})
	}
	for _, v := range violations(t, []byte(`<html><body><img src="x"></body></html>`), axe, "", "800,600", false) {
		if v.ID == "image-alt" {
			return
		}
	}
	t.Error("axe finds nothing on a page that is wrong, so this test shows nothing")
}

// A violation is what axe-core has against a page.
type violation struct {
	ID, Impact string
	Nodes      []string
}

// violations serves the page with axe in it to Chromium, and returns what the
// page then sends back.
func violations(t *testing.T, page, axe []byte, fragment, size string, dark bool) []violation {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	page = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`).ReplaceAll(page, nil) // it would keep axe out as well
	if dark {
		page = bytes.Replace(page, []byte("<html "), []byte(`<html data-theme="dark" `), 1)
	}
	page = bytes.Replace(page, []byte("</body>"), []byte(`<script src="/axe.js"></script><script>
const send = body => fetch("/found", {method: "POST", body});
axe.run({resultTypes: ["violations"]}).then(r => send(JSON.stringify(r.violations.map(v => ({id: v.id, impact: v.impact, nodes: v.nodes.map(n => n.html)})))), e => send(String(e)));
</script></body>`), 1)
	found := make(chan []byte, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page.html", func(w http.ResponseWriter, _ *http.Request) { w.Write(page) })
	mux.HandleFunc("GET /axe.js", func(w http.ResponseWriter, _ *http.Request) { w.Write(axe) })
	mux.HandleFunc("POST /found", func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err == nil {
			found <- body
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	cmd := exec.CommandContext(ctx, program, append(browserFlags(t), "--remote-debugging-port=0", "--window-size="+size, server.URL+"/page.html"+fragment)...)
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cancel()
	select {
	case body := <-found:
		var list []violation
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatalf("axe: %.500s", body)
		}
		return list
	case <-ctx.Done():
		t.Fatal("axe did not come to its end")
	}
	return nil
}

// browserFlags are those of a browser without a window, a profile and a network.
func browserFlags(t *testing.T) []string {
	t.Helper()
	return []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--user-data-dir=" + t.TempDir(),
	}
}

// The badge is well-formed, and the JUnit file what consumers agree on, to a strict
// parser, where there is one.
func TestXMLLint(t *testing.T) {
	program, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed")
	}
	dir := t.TempDir()
	for name, in := range map[string]reports.Input{"gated": gated(), "hostile": {Run: hostile()}, "none": {Run: &harness.Run{Header: harness.Header{Agent: harness.Agent{Role: cases.Client}}}}} {
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
