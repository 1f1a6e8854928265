package ui

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const address = "127.0.0.1:40000"

func testServer(t *testing.T) *server {
	t.Helper()
	return newServer(t.Context(), Options{Program: []string{"false"}, Dir: t.TempDir()}, address)
}

// ask sends a request as the page would, changed.
func ask(s *server, method, path, body string, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://"+address+"/"+s.token+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Origin", "http://"+address)
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.guard(s.routes()).ServeHTTP(w, r)
	return w
}

// allRoutes are the methods and paths that the server knows, as its source lists them.
func allRoutes(t *testing.T) [][2]string {
	t.Helper()
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	var list [][2]string
	for _, m := range regexp.MustCompile(`HandleFunc\("(GET|POST) ([^"]+)"`).FindAllStringSubmatch(string(source), -1) {
		list = append(list, [2]string{m[1], strings.NewReplacer("{$}", "", "{run}", "0123456789ab", "{case}", "3.1").Replace(m[2])})
	}
	if len(list) < 20 {
		t.Fatalf("there are %d routes in the source, want all", len(list))
	}
	return list
}

// What a page of another site, or another user of the machine, can send is refused: nothing
// is read, started or stopped.
func TestRefused(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"no token":                       func(r *http.Request) { r.URL.Path = "/api/state" },
		"a wrong token":                  func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "/", "/A", 1) },
		"the token of another letter":    func(r *http.Request) { r.URL.Path = strings.ToLower(r.URL.Path) },
		"a token that is not first":      func(r *http.Request) { r.URL.Path = "/api" + r.URL.Path },
		"a name that is rebound":         func(r *http.Request) { r.Host = "attacker.test:40000" },
		"a name without the port":        func(r *http.Request) { r.Host = "127.0.0.1" },
		"another port":                   func(r *http.Request) { r.Host = "127.0.0.1:40001" },
		"no host":                        func(r *http.Request) { r.Host = "" },
		"a page of another site":         func(r *http.Request) { r.Header.Set("Origin", "http://attacker.test") },
		"a page of another port":         func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:8080") },
		"a page without an origin":       func(r *http.Request) { r.Header.Set("Origin", "null") },
		"a rebound page":                 func(r *http.Request) { r.Host, r.Header["Origin"] = "a.test:40000", []string{"http://a.test:40000"} },
		"a request across sites":         func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a request from a sibling":       func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"https in place of http, Origin": func(r *http.Request) { r.Header.Set("Origin", "https://"+address) },
	} {
		t.Run(name, func(t *testing.T) {
			s := testServer(t)
			for _, one := range allRoutes(t) {
				w := ask(s, one[0], one[1], `{"kind":"example","value":"server"}`, change)
				if w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), s.token) {
					t.Errorf("%s %s: got %d %.100s, want 403", one[0], one[1], w.Code, w.Body)
				}
			}
			if len(s.jobs.list) > 0 {
				t.Error("a run was started")
			}
		})
	}
}

// A form of another site cannot send JSON, and a browser asks first before a script does.
func TestFormsAreRefused(t *testing.T) {
	s := testServer(t)
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		for _, one := range allRoutes(t) {
			if one[0] != http.MethodPost {
				continue
			}
			w := ask(s, one[0], one[1], `{"kind":"example","value":"server"}`, func(r *http.Request) {
				r.Header.Del("Origin")
				r.Header.Del("Sec-Fetch-Site")
				r.Header.Set("Content-Type", kind)
			})
			if w.Code != http.StatusForbidden {
				t.Errorf("content type %q to %s: got %d, want 403", kind, one[1], w.Code)
			}
		}
	}
	w := ask(s, "OPTIONS", "/api/runs", "", func(r *http.Request) { r.Header.Set("Origin", "http://attacker.test") })
	if w.Code != http.StatusForbidden || w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("preflight: got %d %v", w.Code, w.Header())
	}
	if len(s.jobs.list) > 0 {
		t.Error("a run was started")
	}
}

// The page itself is served, under a policy that lets no other script run.
func TestServed(t *testing.T) {
	s := testServer(t)
	for _, change := range []func(*http.Request){
		nil,
		func(r *http.Request) { r.Host = "localhost:40000" },
		func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, // the user opens the URL
		func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") },         // a program
	} {
		w := ask(s, "GET", "/", "", change)
		if csp := w.Header().Get("Content-Security-Policy"); w.Code != http.StatusOK || !strings.Contains(csp, "script-src 'self';") {
			t.Errorf("got %d, %s", w.Code, csp)
		}
	}
	if w := ask(s, "GET", "/web/../../../etc/passwd", "", nil); w.Code == http.StatusOK {
		t.Error("a file outside is served")
	}
	if w := ask(s, "POST", "/api/runs", strings.Repeat(" ", maxBody+1), nil); w.Code != http.StatusBadRequest {
		t.Errorf("a body beyond the bound: got %d", w.Code)
	}
}

// Every file that the page names is served, and none that it does not.
func TestFilesOfThePage(t *testing.T) {
	s := testServer(t)
	list, err := web.ReadDir("web")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		path := "/web/" + f.Name()
		switch f.Name() {
		case "index.html":
			path = "/"
		case "browser.html":
			path = "/browser"
		}
		if w := ask(s, "GET", path, "", nil); w.Code != http.StatusOK {
			t.Errorf("%s: got %d", path, w.Code)
		}
	}
	page := ask(s, "GET", "/", "", nil).Body.String()
	named := regexp.MustCompile(`(?:src|href)="(web/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(named) < 4 {
		t.Errorf("the page names %d files", len(named))
	}
	for _, m := range named {
		if w := ask(s, "GET", "/"+m[1], "", nil); w.Code != http.StatusOK {
			t.Errorf("%s: got %d", m[1], w.Code)
		}
	}
}

// No request names a path: only runs that were listed are known.
func TestUnknownRun(t *testing.T) {
	s := testServer(t)
	secret := filepath.Join(t.TempDir(), "run.jsonl")
	if err := os.WriteFile(secret, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, run := range []string{"x", "..%2f..%2fetc", strings.ReplaceAll(secret, "/", "%2f")} {
		for _, path := range []string{"/events", "/cases/1.1.1", "/report"} {
			if w := ask(s, "GET", "/api/runs/"+run+path, "", nil); w.Code != http.StatusNotFound && w.Code != http.StatusTemporaryRedirect {
				t.Errorf("%s%s: got %d", run, path, w.Code)
			}
		}
	}
}

// A run is read as it grows: the header that is written again, lines that are not whole yet,
// and another run in the same place.
func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const (
		header = `{"kind":"header","schema":2,"agent":{"name":"a","role":"server"},"selection":{"cases":["*"],"selected":["1.1.1","1.1.2"]}}` + "\n"
		longer = `{"kind":"header","schema":2,"agent":{"name":"a","role":"server"},"peer":{"levels":["opens"]},"selection":{"cases":["*"],"selected":["1.1.1","1.1.2"]}}` + "\n"
		one    = `{"kind":"case","case":"1.1.1","outcome":"pass","behavior":"OK","close":"OK","duration":5}` + "\n"
		two    = `{"kind":"case","case":"1.1.2","outcome":"fail","behavior":"FAILED","close":"OK","duration":5}` + "\n"
		foot   = `{"kind":"footer","state":"complete","counts":{"pass":1,"fail":1},"duration":9}` + "\n"
	)
	tail := tail{path: path}
	for _, step := range []struct {
		text string
		want int  // lines
		peer bool // is known
	}{
		{header[:20], 0, false},
		{header, 0, false},
		{longer, 0, true},
		{longer + one[:30], 0, true},
		{longer + one, 1, true},
		{longer + one + two[:len(two)-1], 0, true},
		{longer + one + two, 1, true},
		{longer + one + two + foot, 0, true},
		{header + one, 1, false}, // shorter: another run
	} {
		write(step.text)
		lines, err := tail.more()
		if err != nil || len(lines) != step.want || tail.head != nil && (tail.head.Peer != nil) != step.peer {
			t.Errorf("behind %.30q…: got %d lines, peer %v, %v", step.text[max(0, len(step.text)-30):], len(lines), tail.head, err)
		}
	}
	if tail.foot != nil {
		t.Error("the footer is that of the run before")
	}
	write("not a run file\n")
	if _, err := tail.more(); err == nil {
		t.Error("no error for what is no run file")
	}
	if _, err := wholeLine(bufio.NewReader(strings.NewReader("no end"))); err == nil {
		t.Error("a line without its end is whole")
	}
}

// A run that was started here is stopped; one that was not, or is unknown, is no error of the
// server.
func TestStop(t *testing.T) {
	s := testServer(t)
	stopped := false
	j := &job{file: filepath.Join(s.dir, "run.jsonl"), done: make(chan struct{}), cancel: func() { stopped = true }}
	s.jobs.list = []*job{j}
	own, other := s.runs.add(j.file), s.runs.add(filepath.Join(s.dir, "other.jsonl"))
	for id, want := range map[string]int{"unknown": http.StatusNotFound, other: http.StatusNotFound, own: http.StatusOK} {
		if w := ask(s, "POST", "/api/runs/"+id+"/stop", "{}", nil); w.Code != want {
			t.Errorf("%s: got %d %s, want %d", id, w.Code, w.Body, want)
		}
	}
	if !stopped {
		t.Error("it was not stopped")
	}
}

// A run file that cannot be read for a moment, while its header is written again, is read
// again; one that stays so, or whose run is over, is not.
func TestTorn(t *testing.T) {
	bad := errors.New("not a run file")
	now := time.Now()
	var one torn
	for _, row := range []struct {
		err  error
		over bool
		at   time.Duration
		want bool
	}{
		{os.ErrNotExist, false, 0, false},
		{bad, false, time.Second, false},
		{bad, false, 2900 * time.Millisecond, false},
		{nil, false, 2950 * time.Millisecond, false},
		{bad, false, 4 * time.Second, false},
		{bad, false, 6100 * time.Millisecond, true},
		{os.ErrNotExist, false, time.Hour, false},
		{nil, true, time.Hour, false},
		{os.ErrNotExist, true, time.Hour, true},
		{bad, true, time.Hour, true},
	} {
		if got := one.last(row.err, row.over, now.Add(row.at)); got != row.want {
			t.Errorf("%v, over %t, after %v: got %t", row.err, row.over, row.at, got)
		}
	}
}
