package ui

import (
	"embed"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/reports"
)

//go:embed web
var web embed.FS

// routes are the addresses below the token.
func (s *server) routes() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /{$}", file("index.html"))
	for _, name := range []string{"ui.css", "app.js", "start.js", "run.js", "common.js", "lab.js", "browser.js"} {
		m.HandleFunc("GET /web/"+name, file(name))
	}
	m.HandleFunc("GET /web/report.css", text("text/css; charset=utf-8", reports.StyleSheet))
	m.HandleFunc("GET /web/exchange.js", text("text/javascript; charset=utf-8", reports.CaseScript))
	m.HandleFunc("GET /exchange.html", exchangePage)
	m.HandleFunc("GET /api/state", s.state)
	m.HandleFunc("POST /api/runs", s.start)
	m.HandleFunc("GET /api/runs/{run}/events", s.events)
	m.HandleFunc("POST /api/runs/{run}/stop", s.stop)
	m.HandleFunc("POST /api/runs/{run}/again", s.again)
	m.HandleFunc("GET /api/runs/{run}/cases/{case}", s.oneCase)
	m.HandleFunc("GET /api/runs/{run}/report", s.report)
	m.HandleFunc("GET /browser", s.browserPage)
	m.HandleFunc("POST /api/browser", s.browser)
	m.HandleFunc("GET /api/runs/{run}/driver", s.driver)
	m.HandleFunc("POST /api/runs/{run}/driver", s.drove)
	m.HandleFunc("GET /api/script", s.script)
	m.HandleFunc("GET /api/library", s.library)
	m.HandleFunc("POST /api/lab", s.lab)
	m.HandleFunc("POST /api/minimize", s.minimize)
	m.HandleFunc("POST /api/cases", s.save)
	return m
}

func file(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, web, "web/"+name) }
}

func text(kind string, content func() string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, content()) // the reader may have gone
	}
}

// exchangePage sends the page that shows an exchange from its address, which has a policy of
// its own and reads nothing.
func exchangePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox allow-scripts allow-downloads")
	f, err := reports.FormatByName("exchange")
	if err == nil {
		err = f.Write(w, reports.Input{})
	}
	if err != nil {
		failed(w, http.StatusInternalServerError, err)
	}
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the reader may have gone
}

// failed says what is wrong, in a sentence that the page shows.
func failed(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		failed(w, http.StatusBadRequest, errors.New("the request is not what the page sends: load the page again"))
		return false
	}
	return true
}

func (s *server) state(w http.ResponseWriter, _ *http.Request) {
	suites := []map[string]any{}
	for _, one := range catalogue.Suites {
		suites = append(suites, map[string]any{"name": one.Name, "cases": len(one.Cases())})
	}
	dir, err := os.Getwd()
	if err != nil {
		dir = s.dir
	}
	answer(w, map[string]any{"runs": s.recent(), "examples": examples, "suites": suites, "folder": dir})
}

func (s *server) start(w http.ResponseWriter, r *http.Request) {
	var q Request
	if !read(w, r, &q) {
		return
	}
	args, err := q.Args(s.program)
	if err != nil {
		failed(w, http.StatusBadRequest, err)
		return
	}
	s.begin(w, args, filepath.Join(s.dir, "ui"), q.Kind)
}

// begin starts a run whose results go to a new folder below dir, and answers with its id. It
// returns nil if it could not.
func (s *server) begin(w http.ResponseWriter, args []string, dir, name string) *job {
	j, err := s.jobs.start(s.program, args, dir, name)
	switch {
	case errors.Is(err, errBusy):
		failed(w, http.StatusConflict, err)
		return nil
	case err != nil:
		failed(w, http.StatusInternalServerError, err)
		return nil
	}
	answer(w, map[string]string{"run": s.runs.add(j.file)})
	return j
}

func (s *server) stop(w http.ResponseWriter, r *http.Request) {
	path, ok := s.runs.path(r.PathValue("run"))
	if j := s.jobs.find(path); ok && j != nil {
		j.cancel()
		answer(w, map[string]bool{"stopped": true})
		return
	}
	failed(w, http.StatusNotFound, errors.New("the run was not started here"))
}

func (s *server) again(w http.ResponseWriter, r *http.Request) {
	var sel Selection
	if !read(w, r, &sel) {
		return
	}
	args, err := s.argsOf(r.PathValue("run"), sel)
	if err != nil {
		failed(w, http.StatusBadRequest, err)
		return
	}
	s.begin(w, args, filepath.Join(s.dir, "ui"), "again")
}

// argsOf are the words that repeat a run with other cases.
func (s *server) argsOf(run string, sel Selection) ([]string, error) {
	path, ok := s.runs.path(run)
	if !ok {
		return nil, errors.New("there is no such run: go back to the first page")
	}
	if j := s.jobs.find(path); j != nil {
		return again(j.args, sel), nil
	}
	t := tail{path: path}
	if _, err := t.more(); err != nil || t.head == nil {
		return nil, errors.New("the run file cannot be read")
	}
	return repeated(*t.head, sel)
}

func (s *server) oneCase(w http.ResponseWriter, r *http.Request) {
	path, ok := s.runs.path(r.PathValue("run"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	id := cases.ID(r.PathValue("case"))
	run, err := findResult(path, id)
	if err != nil {
		failed(w, http.StatusNotFound, err)
		return
	}
	details, err := reports.CaseJSON(run, id)
	if err != nil {
		failed(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(details) // the reader may have gone
}

func hasReport(path string) bool {
	if filepath.Base(path) != "run.jsonl" {
		return false
	}
	_, err := os.Stat(filepath.Join(filepath.Dir(path), "index.html"))
	return err == nil
}

// report sends the page that the run has in its folder. It has a policy of its own, which
// names the hashes of its script and its style.
func (s *server) report(w http.ResponseWriter, r *http.Request) {
	path, ok := s.runs.path(r.PathValue("run"))
	if !ok || !hasReport(path) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'", "script-src 'unsafe-inline'", "style-src 'unsafe-inline'", "frame-ancestors 'none'", "sandbox allow-scripts allow-popups",
	}, "; "))
	http.ServeFile(w, r, filepath.Join(filepath.Dir(path), "index.html"))
}
