package wstest_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness/wstest"
	"github.com/wsconform/wsconform/internal/browsertest"
	"github.com/wsconform/wsconform/internal/pattern"
)

func TestWebSite(t *testing.T) {
	outside := t.TempDir()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"reports/clients/index.html": "<p>reports", "reports/clients/index.json": "{}", "reports/clients/<b>.json": "{}",
		"reports/clients/.secret": "no", "reports/clients/server.key": "no", "reports/secret.txt": "no", "secret.txt": "no",
		filepath.Join(outside, "passwd"): "no",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "passwd"), "reports/clients/link"); err != nil {
		t.Fatal(err)
	}
	site := wstest.NewWebSite("reports/clients", "/keys/server.key")
	for _, tc := range []struct {
		name, path string
		status     int
		want       string // in the body
	}{
		{"runner", "/", 200, `data-port="9001" data-reports="/cwd/reports/clients/index.html"`},
		{"runner, where the original has it", "/test_browser.html", 200, `"id":"12.1.1"`},
		{"script", "/runner.js", 200, "getCaseCount"},
		{"style", "/style.css", 200, "progress"},
		{"folder on the way", "/cwd/", 200, `<a href="./reports/">`},
		{"folder of the reports", "/cwd/reports/clients/", 200, `<a href="./%3Cb%3E.json">&lt;b&gt;.json</a>`},
		{"page", "/cwd/reports/clients/index.html", 200, "<p>reports"},
		{"index", "/cwd/reports/clients/index.json", 200, "{}"},
		{"no slash", "/cwd/reports", 301, ""},
		{"beside the way", "/cwd/secret.txt", 404, ""},
		{"beside the reports", "/cwd/reports/secret.txt", 404, ""},
		{"hidden", "/cwd/reports/clients/.secret", 404, ""},
		{"key", "/cwd/reports/clients/server.key", 404, ""},
		{"link that leads out", "/cwd/reports/clients/link", 404, ""},
		{"up", "/cwd/reports/clients/%2e%2e/%2e%2e/secret.txt", 404, ""},
		{"missing", "/cwd/reports/clients/none.json", 404, ""},
		{"elsewhere", "/etc/passwd", 404, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			site.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, tc.path, nil))
			if w.Code != tc.status && (tc.status != 404 || w.Code/100 == 2) {
				t.Errorf("%s: got status %d, want %d", tc.path, w.Code, tc.status)
			}
			if got := w.Body.String(); !strings.Contains(got, tc.want) {
				t.Errorf("%s: got %q, want it to hold %q", tc.path, got, tc.want)
			}
			if body := w.Body.String(); strings.Contains(body, ".secret") || strings.Contains(body, "secret") || strings.Contains(body, "server.key") {
				t.Errorf("%s tells of what it does not serve:\n%s", tc.path, body)
			}
		})
	}
	w := httptest.NewRecorder()
	site.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/cwd/", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: got status %d, want 405", w.Code)
	}
}

// TestBrowserPage has Chromium run cases by the page: all that are selected, a
// section, one of them; and stop in the middle of one.
func TestBrowserPage(t *testing.T) {
	browser := browsertest.Start(t)
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "outdir": "out", "cases": ["1.1.1", "1.2.*", "2.1", "7.9.1", "9.1.6"]}`)
	p := start(t, "-m", "fuzzingserver", "-u0")
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.listening(t), "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.1", "1.2.*", "2.1", "7.9.1", "9.1.6"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(wstest.NewWebSiteOf(n, list, "out"))
	defer web.Close()
	page := browser.OpenURL(t, web.URL+"/test_browser.html", browsertest.View{Fragment: "?agent=chromium&cases=7.*+1.1", Ready: ".grid a"})
	type seen struct {
		Status  string
		Squares map[string]string // class of each case that has one
		Links   int               // to details
		Buttons string            // that are shown
	}
	look := func() (s seen) {
		page.Eval(t, `(() => {
  const squares = [...document.querySelectorAll(".grid a")];
  return {
    Status: document.getElementById("status").textContent,
    Squares: Object.fromEntries(squares.filter((a) => a.className).map((a) => [a.textContent, a.className])),
    Links: squares.filter((a) => a.getAttribute("href").startsWith("/cwd/out/")).length,
    Buttons: ["start", "stop"].filter((id) => !document.getElementById(id).hidden).join(" "),
  };
})()`, &s)
		return s
	}
	until := func(what string, so func(seen) bool) seen {
		s := look()
		for deadline := time.Now().Add(time.Minute); !so(s); s = look() {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not after a minute: %+v", what, s)
			}
		}
		return s
	}
	click := func(selector string) {
		page.Eval(t, `document.querySelector(`+strconv.Quote(selector)+`).click()`, nil)
	}

	if s := look(); s.Buttons != "start" {
		t.Errorf("buttons at the start: got %q, want only the one that runs", s.Buttons)
	}
	click("#start")
	s := until("the run of two cases", func(s seen) bool { return s.Links == 2 })
	// Chromium fails the connection at the invalid code of 7.9.1 with one of its own.
	if s.Squares["1.1.1"] != "left-ok right-ok" || !strings.HasPrefix(s.Squares["7.9.1"], "left-") || len(s.Squares) != 2 {
		t.Errorf("squares: got %v, want verdicts of 1.1.1 and 7.9.1", s.Squares)
	}
	click(`[aria-label="Run section 2"]`)
	until("the run of section 2", func(s seen) bool { return s.Squares["2.1"] == "left-ok right-ok" && s.Buttons == "start" })
	click(`a[href="#1.2.3"]`)
	s = until("the run of one case", func(s seen) bool { return s.Squares["1.2.3"] == "left-ok right-ok" && s.Links == 4 })
	if !strings.Contains(s.Status, "1 of 1: 1 OK (finished)") {
		t.Errorf("status: got %q", s.Status)
	}
	page.Close(t)

	page = browser.OpenURL(t, web.URL, browsertest.View{Fragment: "?agent=chromium", Ready: ".grid a"})
	until("the reports of the run before", func(s seen) bool { return s.Links == 4 })
	// Nobody answers there, so that a run cannot end by itself.
	page.Eval(t, `WebSocket.prototype.send = () => {}`, nil)
	click(`[aria-label="Run section 9"]`)
	until("the run that is stopped", func(s seen) bool { return s.Squares["9.1.6"] == "now" && s.Buttons == "stop" })
	click("#stop")
	s = until("the stop", func(s seen) bool { return s.Buttons == "start" })
	if s.Squares["9.1.6"] == "now" || !strings.Contains(s.Status, "stopped") {
		t.Errorf("after the stop: got %+v", s)
	}
	if failures := page.Errors(); len(failures) > 0 {
		t.Errorf("failures of the page: %q", failures)
	}
}
