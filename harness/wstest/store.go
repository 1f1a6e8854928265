package wstest

import (
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports/autobahn"
)

// A store keeps the results of a run until they are written.
type store struct {
	c    *command
	dir  string
	list []cases.Case

	mu      sync.Mutex // guards results and warned
	results map[string]map[cases.ID]harness.Result
	warned  map[string]bool // clashes told of

	writing sync.Mutex // one report at a time
}

func (c *command) newStore(dir string, list []cases.Case) (*store, error) {
	s := &store{c: c, dir: filepath.Clean(dir), list: list, results: map[string]map[cases.ID]harness.Result{}, warned: map[string]bool{}}
	if err := autobahn.MakeFolder(s.dir); err != nil {
		return nil, usagef("%v", err)
	}
	return s, nil
}

// add keeps a result; the last one of an agent and a case counts.
func (s *store) add(agent string, r harness.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.results[agent] == nil {
		s.results[agent] = map[cases.ID]harness.Result{}
	}
	s.results[agent][r.Case] = r
}

// write writes the reports of all agents.
func (s *store) write() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	report := autobahn.Report{
		Tool: "wsconform " + s.c.env.Version, Written: time.Now(), List: s.list,
		Results: make(map[string]map[cases.ID]harness.Result, len(s.results)),
	}
	for agent, results := range s.results {
		report.Results[agent] = maps.Clone(results)
	}
	s.mu.Unlock()
	s.tellOfClashes(report.Clashes())
	start := time.Now()
	if err := report.Write(s.dir); err != nil {
		s.c.warn("%v", err)
		return err
	}
	s.c.say("Reports are in %s (agents: %d, %d ms)", s.dir, len(report.Results), time.Since(start).Milliseconds())
	return nil
}

func (s *store) tellOfClashes(clashes [][]string) {
	for _, agents := range clashes {
		names := printable(strings.Join(agents, ", "))
		if !s.warned[names] {
			s.warned[names] = true
			s.c.warn("the files of these agents would have the same names, so those behind the first have a number in them, as index.json says: %s", names)
		}
	}
}
