// Package autobahn writes the report folder of the Autobahn testsuite: index.json,
// index.html and two files for each case, with the same names, fields and verdict words,
// so that whatever reads the one reads the other. Start at [Report.Write].
package autobahn

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// A Report is what the report folder of the Autobahn testsuite shows:
// the results of any number of agents, side by side. [Report.Write]
// writes the folder, with the same files, fields and verdict words, so that
// whatever reads the one reads the other.
type Report struct {
	Tool    string // that made the report, and its version
	Written time.Time
	// List is what was to be run, in order.
	List []cases.Case
	// Results are the results by agent and case. Those without a verdict are
	// left out: the case is missing from the report.
	Results map[string]map[cases.ID]harness.Result
}

// Write writes index.json, index.html and two files for each result into the
// folder, the index first. Files of earlier runs stay unless they have the same
// name.
func (r *Report) Write(dir string) error {
	return (&Folder{Dir: dir}).Write(r)
}

// bounded is the report with what peers chose cut to its bounds.
func (r *Report) bounded() *Report {
	short := *r
	short.Results = make(map[string]map[cases.ID]harness.Result, len(r.Results))
	for agent, results := range r.Results {
		cut := make(map[cases.ID]harness.Result, len(results))
		for id, res := range results {
			cut[id] = res.Bounded()
		}
		short.Results[harness.Agent{Name: agent}.Bounded().Name] = cut
	}
	return &short
}

// Clashes lists agents whose files would have the same names. The first keeps the name;
// the names of the others get a number.
func (r *Report) Clashes() [][]string {
	byName := map[string][]string{}
	for _, agent := range slices.Sorted(maps.Keys(r.Results)) {
		name := fileName(agent)
		byName[name] = append(byName[name], agent)
	}
	var clashes [][]string
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if len(byName[name]) > 1 {
			clashes = append(clashes, byName[name])
		}
	}
	return clashes
}

// Write writes a run as the folder that Autobahn leaves; see [Report]. Its words know no
// expectations, and cases without a verdict are missing from it.
func Write(dir string, in summary.Input) error {
	h := in.Run.Header
	report := Report{
		Tool: h.Tool, Written: h.Started.Add(in.Run.Duration()),
		Results: map[string]map[cases.ID]harness.Result{h.Agent.Name: {}},
	}
	for _, id := range h.Selection.Selected {
		if c, ok := autobahn.Find(id); ok {
			report.List = append(report.List, c)
		}
	}
	for _, r := range in.Run.Results {
		report.Results[h.Agent.Name][r.Case] = r
	}
	return report.Write(dir)
}

// An entry is one result: of one agent in one case.
type entry struct {
	agent string
	name  string // of the agent, in the names of files
	c     cases.Case
	// number is what the report calls the case: its position among those
	// selected for a client, in the whole catalogue for a server.
	number int
	r      harness.Result
	t      transcript.Transcript
}

// entries lists the results by agent, each agent's in the order of the cases.
func (r *Report) entries() []entry {
	position := map[cases.ID]int{}
	for i, c := range r.List {
		position[c.ID] = i + 1
	}
	index := numbers()
	names := fileNames(slices.Sorted(maps.Keys(r.Results)))
	var list []entry
	for _, agent := range slices.Sorted(maps.Keys(r.Results)) {
		ids := slices.SortedFunc(maps.Keys(r.Results[agent]), cases.ID.Compare)
		for _, id := range ids {
			res := r.Results[agent][id]
			c, known := autobahn.Find(id)
			if !known {
				c = cases.Case{ID: id}
			}
			if !res.Outcome.Ran() || res.OneGrade() { // cases that Autobahn does not have
				continue
			}
			e := entry{agent: agent, name: names[agent], c: c, r: res}
			if res.Transcript != nil {
				e.t = *res.Transcript
			}
			e.number = index[id]
			if e.t.Role == cases.Client {
				e.number = cmp.Or(position[id], e.number)
			}
			list = append(list, e)
		}
	}
	return list
}

// numbers are the positions of all cases in the catalogue, from 1.
var numbers = sync.OnceValue(func() map[cases.ID]int {
	index := map[cases.ID]int{}
	for i, c := range autobahn.All() {
		index[c.ID] = i + 1
	}
	return index
})

// file names one of the two files of a result.
func (e entry) file(ext string) string {
	return e.name + "_case_" + strings.ReplaceAll(string(e.c.ID), ".", "_") + "." + ext
}

// milliseconds is the duration as the reports give it.
func (e entry) milliseconds() int { return int(e.t.Duration.Milliseconds()) }

// remoteCode is the code of the peer's close frame, nil if there was none.
func (e entry) remoteCode() any {
	if e.t.RemoteCode == 0 && !e.t.RemoteZero {
		return nil
	}
	return int(e.t.RemoteCode)
}

// fileName is an agent's name as it stands in file names: lower case, with
// an underscore for whatever is neither letter nor digit of ASCII.
func fileName(agent string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return ' '
	}, strings.ToLower(strings.TrimSpace(agent)))
	name = strings.ReplaceAll(strings.TrimSpace(name), " ", "_")
	return name[:min(len(name), maxFileName)]
}

// fileNames are the names of agents in file names, no two the same. In Autobahn itself
// the last agent overwrites the files of the others.
func fileNames(agents []string) map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	var rest []string
	for _, agent := range agents {
		if name := fileName(agent); taken[name] {
			rest = append(rest, agent)
		} else {
			names[agent], taken[name] = name, true
		}
	}
	for _, agent := range rest {
		name := ""
		for n := 2; name == "" || taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", fileName(agent), n)
		}
		names[agent], taken[name] = name, true
	}
	return names
}

// maxFileName keeps the names of files within the limits of file systems, in bytes.
const maxFileName = 200

// errNoFolder says that the reports cannot be written where they should be.
var errNoFolder = errors.New("the reports cannot be written")

// MakeFolder creates the folder before a run and tries whether a file can be written
// there, so that a run whose reports would be lost does not start. An error matches
// errNoFolder.
func MakeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w: %w", errNoFolder, err)
	}
	f, err := os.CreateTemp(dir, ".wsconform-*")
	if err != nil {
		return fmt.Errorf("%w: %w", errNoFolder, err)
	}
	if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("%w: %w", errNoFolder, err)
	}
	return nil
}
