package wstest

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports/autobahn"
)

// A store keeps the results of a run until they are written. The files of each case
// are written as it ends, in the background; the index, which says which files
// there are, comes with the report.
type store struct {
	c      *command
	dir    string
	list   []cases.Case
	folder autobahn.Folder
	// early is unset where the folder holds the report of an earlier run: that
	// stays whole until ours takes its place.
	early  bool
	worker sync.WaitGroup
	added  chan struct{} // one slot: something is pending, or the store is closed

	mu      sync.Mutex // guards the rest
	results map[string]map[cases.ID]harness.Result
	warned  map[string]bool // clashes told of
	pending []addition
	closed  bool

	writing sync.Mutex // one report, or the files of one case, at a time
}

// An addition is a case whose files are not written yet.
type addition struct {
	agent string
	id    cases.ID
}

// newStore makes the folder and begins to write. The store must be closed.
func (c *command) newStore(dir string, list []cases.Case) (*store, error) {
	s := &store{
		c: c, dir: filepath.Clean(dir), list: list, added: make(chan struct{}, 1),
		results: map[string]map[cases.ID]harness.Result{}, warned: map[string]bool{},
	}
	s.folder.Dir = s.dir
	if err := autobahn.MakeFolder(s.dir); err != nil {
		return nil, usagef("%v", err)
	}
	_, err := os.Stat(filepath.Join(s.dir, "index.json"))
	s.early = os.IsNotExist(err)
	s.worker.Go(s.work)
	return s, nil
}

// close ends the worker.
func (s *store) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.wake()
	s.worker.Wait()
}

func (s *store) wake() {
	select {
	case s.added <- struct{}{}:
	default:
	}
}

// add keeps a result; the last one of an agent and a case counts.
func (s *store) add(agent string, r harness.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results[agent] == nil {
		s.results[agent] = map[cases.ID]harness.Result{}
	}
	s.results[agent][r.Case] = r
	if s.early {
		s.pending = append(s.pending, addition{agent, r.Case})
		s.wake()
	}
}

// work writes the files of what is added. What it leaves, or cannot write, is left
// to the report.
func (s *store) work() {
	report := s.report()
	for range s.added {
		for s.workOne(&report) {
		}
		s.mu.Lock()
		closed := s.closed
		s.mu.Unlock()
		if closed {
			return
		}
	}
}

// workOne writes the files of one case, and reports whether there was any.
func (s *store) workOne(report *autobahn.Report) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	if s.closed || len(s.pending) == 0 {
		s.mu.Unlock()
		return false
	}
	next := s.pending[0]
	s.pending = s.pending[1:]
	r := s.results[next.agent][next.id]
	s.mu.Unlock()
	_ = s.folder.Add(report, next.agent, r) // the report will say what is wrong
	return true
}

// report is one without results.
func (s *store) report() autobahn.Report {
	return autobahn.Report{Tool: "wsconform " + s.c.env.Version, Written: time.Now(), List: s.list}
}

// write writes the reports of all agents.
func (s *store) write() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	report := s.report()
	s.mu.Lock()
	s.pending = nil
	report.Results = make(map[string]map[cases.ID]harness.Result, len(s.results))
	for agent, results := range s.results {
		report.Results[agent] = maps.Clone(results)
	}
	s.mu.Unlock()
	s.tellOfClashes(report.Clashes())
	start := time.Now()
	if err := s.folder.Write(&report); err != nil {
		s.c.warn("%v", err)
		return err
	}
	s.c.say("Reports are in %s (agents: %d, %d ms)", s.dir, len(report.Results), time.Since(start).Milliseconds())
	return nil
}

// tellOfClashes warns, once each, of agents whose files would have the same names.
func (s *store) tellOfClashes(clashes [][]string) {
	for _, agents := range clashes {
		names := printable(strings.Join(agents, ", "))
		if !s.warned[names] {
			s.warned[names] = true
			s.c.warn("the names of these agents give the same file names, so all but the first get a number, see index.json: %s", names)
		}
	}
}
