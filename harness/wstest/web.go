package wstest

import (
	"context"
	"crypto/tls"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
)

//go:embed web
var webAssets embed.FS

var webPages = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(webAssets, "web/*.tmpl")) })

// A webPort is the port of the page for browsers.
type webPort struct {
	port int
	// asked is set if the user gave the port: it must then be free.
	asked bool
}

// A webSite serves the page that tests the browser, and the reports.
type webSite struct {
	scheme string       // of the fuzzing server, ws or wss
	port   int          // of the fuzzing server
	list   []cases.Case // that the fuzzing server plays
	outdir string       // the folder of the reports, cleaned
	secret []string
	page   string // template; "" means runner.tmpl
}

// startWeb serves the site in the background until ctx ends.
func (c *command) startWeb(ctx context.Context, wg *sync.WaitGroup, site webSite, on webPort, conf *tls.Config) error {
	if on.port == 0 {
		return nil
	}
	l, err := listenPort(ctx, on.port, conf)
	if err != nil {
		if on.asked {
			return err
		}
		c.warn("no page for browsers: %v", err)
		return nil
	}
	scheme := map[string]string{"ws": "http", "wss": "https"}[site.scheme]
	c.say("Page for browsers: %s://localhost:%d/", scheme, portOf(l.Addr()))
	c.serveWeb(ctx, wg, site, l)
	return nil
}

// serveWeb serves the site on l.
func (c *command) serveWeb(ctx context.Context, wg *sync.WaitGroup, site webSite, l net.Listener) {
	server := &http.Server{
		Handler: site.handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 will do
	}
	c.ready("web", l.Addr().String())
	wg.Go(func() {
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			c.warn("page for browsers: %v", err)
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if server.Shutdown(grace) != nil {
			server.Close() //nolint:errcheck // it is over
		}
	})
}

func (s webSite) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	if s.page == "" {
		mux.HandleFunc("GET /test_browser.html", s.home) // where the original has it
	}
	mux.HandleFunc("GET /runner.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		http.ServeFileFS(w, r, webAssets, "web/runner.js")
	})
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, webAssets, "web/style.css")
	})
	if s.outdir != "" {
		mux.HandleFunc("GET /cwd/", s.cwd)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

// home serves the page. Its policy permits WebSocket connections to anywhere, since
// the user may edit the address of the fuzzing server.
func (s webSite) home(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'")
	name := s.page
	if name == "" {
		name = "runner.tmpl"
	}
	reports, _ := s.reportsPath()
	data := struct {
		Scheme   string
		Port     int
		Total    int
		Reports  string
		Sections []webSection
	}{s.scheme, s.port, len(s.list), "", s.sections()}
	if reports != "" {
		data.Reports = (&url.URL{Path: "/cwd/" + reports + "/index.html"}).EscapedPath()
	}
	if err := webPages().ExecuteTemplate(w, name, data); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// A webSection is a section of the cases, as the page's script reads it.
type webSection struct {
	ID    string    `json:"id"`
	Title string    `json:"title"`
	Cases []webCase `json:"cases"`
}

type webCase struct {
	ID    cases.ID `json:"id"`
	Title string   `json:"title"`
}

// sections returns the sections that have selected cases.
func (s webSite) sections() []webSection {
	var list []webSection
	for _, section := range catalogue.Sections() {
		found := webSection{ID: section.ID, Title: section.Title}
		for _, c := range s.list {
			if c.ID.Section() == section.ID {
				found.Cases = append(found.Cases, webCase{c.ID, c.Title})
			}
		}
		if found.Cases != nil {
			list = append(list, found)
		}
	}
	return list
}

// reportsPath returns the path of the reports from the working directory, with
// slashes. It is not ok if they are outside.
func (s webSite) reportsPath() (string, bool) {
	here, err := os.Getwd()
	if err != nil {
		return "", false
	}
	there, err := filepath.Abs(s.outdir)
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(here, there)
	if err != nil || !filepath.IsLocal(rel) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// cwd serves the reports, and the folders of the working directory that lead to
// them. Nothing else there is served, since the port is open to the network.
func (s webSite) cwd(w http.ResponseWriter, r *http.Request) {
	reports, ok := s.reportsPath()
	name := strings.TrimPrefix(r.URL.Path, "/cwd/")
	clean := path.Clean("/" + name)[1:]
	if !ok || !s.mayServe(reports, clean) {
		http.NotFound(w, r)
		return
	}
	root, err := os.OpenRoot(".") // symbolic links do not lead out of it
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer root.Close()
	fsys := root.FS()
	info, err := fs.Stat(fsys, orDot(clean))
	switch {
	case err != nil:
		http.NotFound(w, r)
	case info.IsDir() && !strings.HasSuffix(r.URL.Path, "/"):
		http.Redirect(w, r, (&url.URL{Path: r.URL.Path + "/"}).EscapedPath(), http.StatusMovedPermanently)
	case info.IsDir():
		s.listFolder(w, r, fsys, reports, clean)
	case info.Mode().IsRegular():
		serveFile(w, r, fsys, clean, info)
	default:
		http.NotFound(w, r)
	}
}

// serveFile serves a file under its own name: http.ServeFile would lead
// index.html to the listing of its folder.
func serveFile(w http.ResponseWriter, r *http.Request, fsys fs.FS, name string, info fs.FileInfo) {
	f, err := fsys.Open(name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	content, ok := f.(io.ReadSeeker)
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache") // the next run replaces it
	http.ServeContent(w, r, info.Name(), info.ModTime(), content)
}

func orDot(name string) string {
	if name == "" {
		return "."
	}
	return name
}

// mayServe reports whether the path is one of the reports or leads to them. Keys and
// hidden files are never served.
func (s webSite) mayServe(reports, name string) bool {
	for _, secret := range s.secret {
		if secret != "" && path.Base(name) == filepath.Base(secret) {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, ".") {
			return false
		}
	}
	inside := reports == "." || name == reports || strings.HasPrefix(name, reports+"/")
	return inside || name == "" || strings.HasPrefix(reports, name+"/")
}

// listFolder shows a folder.
func (s webSite) listFolder(w http.ResponseWriter, r *http.Request, fsys fs.FS, reports, name string) {
	entries, err := fs.ReadDir(fsys, orDot(name))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !s.mayServe(reports, path.Join(name, e.Name())) })
	type row struct{ Name, Link string }
	var rows []row
	for _, e := range entries {
		label := e.Name()
		if e.IsDir() {
			label += "/"
		}
		rows = append(rows, row{label, (&url.URL{Path: "./" + label}).EscapedPath()})
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'")
	data := struct {
		Path string
		Up   bool
		Rows []row
	}{"/cwd/" + name, name != "", rows}
	if err := webPages().ExecuteTemplate(w, "folder.tmpl", data); err != nil {
		http.Error(w, fmt.Sprint(err), http.StatusInternalServerError)
	}
}
