package wstest_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/harness/wstest"
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
