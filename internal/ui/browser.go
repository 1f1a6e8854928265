package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/atomicfile"
)

// A browser is tested as a client whose driver is a page. The run starts `wsconform ui relay`
// as its client; that writes the address to connect to into a folder, from where the page
// gets it, and ends when the page has played all cases.

// browserPolicy is the content security policy of the page that drives a browser: it may
// connect to the ports of this machine, where the run listens.
var browserPolicy = strings.Replace(policy, "connect-src 'self'", "connect-src 'self' ws://127.0.0.1:*", 1)

func (s *server) browserPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", browserPolicy)
	http.ServeFileFS(w, r, web, "web/browser.html")
}

// A browserRequest has a browser tested.
type browserRequest struct {
	Name string `json:"name"`
	Selection
}

// browser starts a run whose client is the page that asks.
func (s *server) browser(w http.ResponseWriter, r *http.Request) {
	var q browserRequest
	if !read(w, r, &q) {
		return
	}
	name := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, harness.Clip(q.Name, 60))
	folder, err := os.MkdirTemp("", "wsconform-relay-")
	if err != nil {
		failed(w, http.StatusInternalServerError, err)
		return
	}
	args := append([]string{"test"}, q.flags()...)
	args = append(args, "--agent="+name, "--parallel=1", "--client", "--", s.program[0], "ui", "relay", folder, "{url}")
	j := s.begin(w, args, filepath.Join(s.dir, "ui"), "browser")
	if j == nil {
		_ = os.RemoveAll(folder)
		return
	}
	s.relays.set(j.file, folder)
	s.attend(j.file)() // the page may be gone before it asks for events
	s.jobs.all.Go(func() {
		<-j.done
		_ = os.RemoveAll(folder)
	})
}

// driver tells the page the address to connect to, once there is one.
func (s *server) driver(w http.ResponseWriter, r *http.Request) {
	folder, j := s.relay(r)
	if folder == "" {
		failed(w, http.StatusNotFound, errors.New("the run tests no browser"))
		return
	}
	answered := time.After(20 * time.Second)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		list, _ := filepath.Glob(filepath.Join(folder, "*.url")) // the pattern is well formed
		for _, file := range list {
			if url, err := os.ReadFile(file); err == nil {
				answer(w, map[string]any{"url": string(url), "number": strings.TrimSuffix(filepath.Base(file), ".url")})
				return
			}
		}
		select {
		case <-j.done:
			answer(w, map[string]any{"over": true})
			return
		case <-answered:
			answer(w, map[string]any{})
			return
		case <-r.Context().Done():
			return
		case <-look.C:
		}
	}
}

// drove hears from the page that it has played the cases of an address.
func (s *server) drove(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Number string `json:"number"`
	}
	if !read(w, r, &q) {
		return
	}
	folder, _ := s.relay(r)
	number, err := strconv.Atoi(q.Number)
	if folder == "" || err != nil {
		failed(w, http.StatusNotFound, errors.New("the run tests no browser"))
		return
	}
	if err := os.Remove(filepath.Join(folder, fmt.Sprintf("%d.url", number))); err != nil && !errors.Is(err, os.ErrNotExist) {
		failed(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, map[string]bool{"done": true})
}

// drivers are the pages that are tested, by their run files: how many event streams each has
// open. It is one, or for a moment none where the browser connects again.
type drivers struct {
	mu    sync.Mutex
	count map[string]int
}

func (d *drivers) add(path string, n int) (now int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.count == nil {
		d.count = map[string]int{}
	}
	d.count[path] += n
	return d.count[path]
}

// driverPatience is how long a page may be away. A browser connects again after 3 to 5 s.
const driverPatience = 7 * time.Second

// attend says that the page which a run tests is there, until the function that it returns is
// called. If the page does not come back, the run is stopped: nobody plays its cases.
func (s *server) attend(path string) (leave func()) {
	s.drivers.add(path, 1)
	return func() {
		j := s.jobs.find(path)
		if s.drivers.add(path, -1) > 0 || j == nil {
			return
		}
		s.jobs.all.Go(func() {
			select {
			case <-j.done:
			case <-time.After(driverPatience):
				if s.drivers.add(path, 0) == 0 {
					j.cancel()
				}
			}
		})
	}
}

func (s *server) relay(r *http.Request) (folder string, j *job) {
	path, ok := s.runs.path(r.PathValue("run"))
	if !ok {
		return "", nil
	}
	folder, _ = s.relays.path(path)
	return folder, s.jobs.find(path)
}

// Relay is the client of a run that tests a browser: it leaves the address in the folder and
// waits until the page has taken it away.
func Relay(ctx context.Context, folder, url string) error {
	file := filepath.Join(folder, fmt.Sprintf("%d.url", os.Getpid()))
	if err := atomicfile.Write(file, func(w io.Writer) error { _, err := io.WriteString(w, url); return err }); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	defer os.Remove(file) //nolint:errcheck // the page may have
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
}
