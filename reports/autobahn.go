package reports

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// An AutobahnReport is what the report folder of the Autobahn testsuite shows:
// the results of any number of agents, side by side. [AutobahnReport.Write]
// writes the folder, with the same files, fields and verdict words, so that
// whatever reads the one reads the other.
type AutobahnReport struct {
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
func (r *AutobahnReport) Write(dir string) error {
	r = r.bounded()
	entries := r.entries()
	files := []autobahnFile{
		{"index.json", func(w io.Writer) error { return writeAutobahnIndex(w, entries) }},
		{"index.html", func(w io.Writer) error { return r.writeOverview(w, entries) }},
	}
	for i, e := range entries {
		files = append(
			files,
			autobahnFile{e.file("json"), e.writeJSON},
			autobahnFile{e.file("html"), func(w io.Writer) error { return r.writeCase(w, entries, i) }},
		)
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(dir, f.name), f.write); err != nil {
			return fmt.Errorf("reports: %s: %w", f.name, err)
		}
	}
	return nil
}

// bounded is the report with what peers chose cut to its bounds.
func (r *AutobahnReport) bounded() *AutobahnReport {
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

type autobahnFile struct {
	name  string
	write func(io.Writer) error
}

// Clashes lists agents whose files would have the same names. Those of the first
// do; the names of the others get a number.
func (r *AutobahnReport) Clashes() [][]string {
	byName := map[string][]string{}
	for _, agent := range slices.Sorted(maps.Keys(r.Results)) {
		name := autobahnName(agent)
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

// An autobahnEntry is one result: of one agent in one case.
type autobahnEntry struct {
	agent string
	name  string // of the agent, in the names of files
	c     cases.Case
	// number is what the report calls the case: its position among those
	// selected for a client, in the whole catalogue for a server.
	number int
	r      harness.Result
	t      cases.Transcript
}

// entries lists the results by agent, each agent's in the order of the cases.
func (r *AutobahnReport) entries() []autobahnEntry {
	position := map[cases.ID]int{}
	for i, c := range r.List {
		position[c.ID] = i + 1
	}
	all := cases.All()
	index := make(map[cases.ID]int, len(all))
	for i, c := range all {
		index[c.ID] = i + 1
	}
	names := autobahnNames(slices.Sorted(maps.Keys(r.Results)))
	var list []autobahnEntry
	for _, agent := range slices.Sorted(maps.Keys(r.Results)) {
		ids := slices.SortedFunc(maps.Keys(r.Results[agent]), cases.ID.Compare)
		for _, id := range ids {
			res := r.Results[agent][id]
			c, known := cases.Find(id)
			if !known {
				c = cases.Case{ID: id}
			}
			if !res.Outcome.Ran() {
				continue
			}
			e := autobahnEntry{agent: agent, name: names[agent], c: c, r: res}
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

// file names one of the two files of a result.
func (e autobahnEntry) file(ext string) string {
	return e.name + "_case_" + strings.ReplaceAll(string(e.c.ID), ".", "_") + "." + ext
}

// milliseconds is the duration as the reports give it.
func (e autobahnEntry) milliseconds() int { return int(e.t.Duration.Milliseconds()) }

// remoteCode is the code of the peer's close frame, nil if there was none.
func (e autobahnEntry) remoteCode() any {
	if e.t.RemoteCode == 0 && !e.t.RemoteZero {
		return nil
	}
	return int(e.t.RemoteCode)
}

// autobahnName is an agent's name as it stands in file names: lower case, with
// an underscore for whatever is neither letter nor digit of ASCII.
func autobahnName(agent string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return ' '
	}, strings.ToLower(strings.TrimSpace(agent)))
	name = strings.ReplaceAll(strings.TrimSpace(name), " ", "_")
	return name[:min(len(name), maxFileName)]
}

// autobahnNames are the names of agents in file names, no two the same. Autobahn
// itself lets the last of the agents overwrite the files of the others.
func autobahnNames(agents []string) map[string]string {
	names, taken := map[string]string{}, map[string]bool{}
	var rest []string
	for _, agent := range agents {
		if name := autobahnName(agent); taken[name] {
			rest = append(rest, agent)
		} else {
			names[agent], taken[name] = name, true
		}
	}
	for _, agent := range rest {
		name := ""
		for n := 2; name == "" || taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", autobahnName(agent), n)
		}
		names[agent], taken[name] = name, true
	}
	return names
}

// maxFileName keeps the names of files within what file systems take.
const maxFileName = 200

// ErrNoFolder says that the reports have nowhere to go.
var ErrNoFolder = errors.New("the folder of the reports cannot be made")

// MakeAutobahnFolder makes the folder before a run, so that a run whose reports
// could not be written does not begin.
func MakeAutobahnFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("%w: %w", ErrNoFolder, err)
	}
	return nil
}
