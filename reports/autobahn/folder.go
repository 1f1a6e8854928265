package autobahn

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/atomicfile"
)

// A Folder is the report of a run that goes on. [Folder.Add] writes the files of a
// case as soon as it has ended, so that little is left for [Folder.Write]. Its
// methods may be called by several goroutines.
type Folder struct {
	Dir string

	mu      sync.Mutex // guards written, and the files
	written map[string]content
}

// content is what the two files of a case are made of. Equal contents give equal
// files.
type content struct {
	agent, tool    string
	number         int
	started        time.Time
	duration       time.Duration
	verdict        cases.Verdict
	note           string
	previous, next string // files of the cases beside it
}

// Add writes the files of one result ahead of the report. It assumes that r will
// have the other cases of its List, too; where that turns out wrong, Write writes
// the files once more. Results without a verdict have no files.
func (f *Folder) Add(r *Report, agent string, res harness.Result) error {
	i := slices.IndexFunc(r.List, func(c cases.Case) bool { return c.ID == res.Case })
	if i < 0 {
		return nil
	}
	one := *r
	one.Results = map[string]map[cases.ID]harness.Result{agent: {}}
	for _, c := range r.List[max(i-1, 0):min(i+2, len(r.List))] { // those beside it matter by their names alone
		one.Results[agent][c.ID] = harness.Result{Case: c.ID, Outcome: res.Outcome, Verdict: res.Verdict}
	}
	one.Results[agent][res.Case] = res
	b := one.bounded()
	entries := b.entries()
	i = slices.IndexFunc(entries, func(e entry) bool { return e.c.ID == res.Case })
	if i < 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(b, entries, i)
}

// Write writes the report as [Report.Write] does, except for files that are as they
// should be.
func (f *Folder) Write(r *Report) error {
	r = r.bounded()
	entries := r.entries()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.write("index.json", func(w io.Writer) error { return writeIndex(w, entries) }); err != nil {
		return err
	}
	if err := f.write("index.html", func(w io.Writer) error { return r.writeOverview(w, entries) }); err != nil {
		return err
	}
	for i := range entries {
		if err := f.put(r, entries, i); err != nil {
			return err
		}
	}
	return nil
}

// put writes the two files of an entry unless they are there. It is called with mu
// held.
func (f *Folder) put(r *Report, entries []entry, i int) error {
	e := entries[i]
	now := content{
		agent: e.agent, tool: r.Tool, number: e.number, started: e.t.Started, duration: e.t.Duration, verdict: e.r.Verdict, note: e.r.Note,
	}
	if i > 0 && entries[i-1].agent == e.agent {
		now.previous = entries[i-1].file("html")
	}
	if i+1 < len(entries) && entries[i+1].agent == e.agent {
		now.next = entries[i+1].file("html")
	}
	name := e.file("json")
	if before, ok := f.written[name]; ok && before == now && f.has(name) && f.has(e.file("html")) {
		return nil
	}
	if err := f.write(name, e.writeJSON); err != nil {
		return err
	}
	if err := f.write(e.file("html"), func(w io.Writer) error { return r.writeCase(w, entries, i) }); err != nil {
		return err
	}
	if f.written == nil {
		f.written = map[string]content{}
	}
	f.written[name] = now
	return nil
}

// has reports whether a file is still there: the folder may have been cleared.
func (f *Folder) has(name string) bool {
	_, err := os.Lstat(filepath.Join(f.Dir, name))
	return err == nil
}

func (f *Folder) write(name string, write func(io.Writer) error) error {
	if err := atomicfile.Write(filepath.Join(f.Dir, name), write); err != nil {
		return fmt.Errorf("reports: %s: %w", name, err)
	}
	return nil
}
