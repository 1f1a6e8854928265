package ui

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// maxRuns bounds the list of recent runs.
const maxRuns = 60

// A registry knows the run files that may be shown, by their ids. Only files that were named
// or found get one: no request can name a path.
type registry struct {
	mu    sync.Mutex
	paths map[string]string
}

// add returns the id of a run file.
func (r *registry) add(path string) string {
	sum := sha256.Sum256([]byte(path))
	id := hex.EncodeToString(sum[:6])
	r.set(id, path)
	return id
}

func (r *registry) set(id, path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.paths == nil {
		r.paths = map[string]string{}
	}
	r.paths[id] = path
}

func (r *registry) path(id string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path, ok := r.paths[id]
	return path, ok
}

// A summary is what the list of runs says of one.
type summary struct {
	ID      string                  `json:"id"`
	Agent   string                  `json:"agent"`
	Role    string                  `json:"role"`
	File    string                  `json:"file"`
	Started time.Time               `json:"started"`
	Total   int                     `json:"total"`
	State   string                  `json:"state"` // running, complete, partial or invalid
	Counts  map[harness.Outcome]int `json:"counts,omitempty"`
	changed time.Time
	path    string
}

// recent lists the named runs, then those of the folder, the latest first.
func (s *server) recent() []summary {
	var found []string
	for _, pattern := range []string{"run.jsonl", "*/run.jsonl", "*/*/run.jsonl", "*/runs/*.jsonl", "*/*/runs/*.jsonl"} {
		list, _ := filepath.Glob(filepath.Join(s.dir, pattern)) // the patterns are well formed
		found = append(found, list...)
	}
	named, list := []summary{}, []summary{}
	for _, path := range s.named {
		if one, ok := s.summarize(path); ok {
			named = append(named, one)
		}
	}
	for _, path := range found {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		if info, err := os.Stat(path); err == nil && !slices.Contains(s.named, path) {
			list = append(list, summary{path: path, changed: info.ModTime()})
		}
	}
	slices.SortFunc(list, func(a, b summary) int { return cmp.Or(b.changed.Compare(a.changed), cmp.Compare(a.path, b.path)) })
	for _, one := range list[:min(len(list), maxRuns)] {
		if one, ok := s.summarize(one.path); ok {
			named = append(named, one)
		}
	}
	return named
}

// summarize reads the header and the footer of a run file, if it is one.
func (s *server) summarize(path string) (summary, bool) {
	f, err := os.Open(path)
	if err != nil {
		return summary{}, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return summary{}, false
	}
	t := tail{path: path}
	text, err := wholeLine(bufio.NewReaderSize(io.LimitReader(f, 4<<20), 64<<10))
	if err != nil {
		return summary{}, false
	}
	if _, err := t.read(text); err != nil || t.head == nil {
		return summary{}, false
	}
	one := summary{
		ID: s.runs.add(path), Agent: nameOf(t.head.Agent), Role: t.head.Agent.Role.String(), File: s.short(path),
		Started: t.head.Started, Total: len(t.head.Selection.Selected), State: "partial", changed: info.ModTime(), path: path,
	}
	if foot := lastFooter(f, info.Size()); foot != nil {
		one.State, one.Counts = string(foot.State), foot.Counts
	}
	if s.jobs.running(path) {
		one.State = "running"
	}
	return one, true
}

// short is the path below the working folder, if it is there.
func (s *server) short(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// lastFooter reads the footer from the end of a file. A footer lists what is missing, so it
// may be long; one beyond the bound is not seen.
func lastFooter(f *os.File, size int64) *runfile.Footer {
	const most = 64 << 10
	buf := make([]byte, min(size, most))
	if _, err := f.ReadAt(buf, size-int64(len(buf))); err != nil {
		return nil
	}
	text := buf[:max(len(buf)-1, 0)]
	for i, t := range slices.Backward(text) {
		if t == '\n' {
			text = text[i+1:]
			break
		}
	}
	var foot struct {
		Kind string `json:"kind"`
		runfile.Footer
	}
	if json.Unmarshal(text, &foot) != nil || foot.Kind != "footer" {
		return nil
	}
	return &foot.Footer
}

func nameOf(a harness.Agent) string {
	a = a.Bounded()
	name := harness.Clip(a.Name, 120)
	if a.Version != "" {
		name += " " + harness.Clip(a.Version, 60)
	}
	return name
}
