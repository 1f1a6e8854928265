package autobahn

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// maxFile bounds the size of a file, since the peer controls part of its content. Most
// reports have a few hundred kilobytes; if a peer echoes the 65,536 fragments of case
// 9.4.1 one by one, the report has more than 16 MiB.
const maxFile = 64 << 20

// ErrNoReport means that the folder has no report on the agent.
var ErrNoReport = errors.New("no report of the agent")

// ReadReports reads index.json and the case reports of one agent. An empty name
// means the only agent in the index.
//
// It returns everything readable, in the order of the case ids, even with an error. The
// error names the files that are missing or unreadable. It may only mean that the
// reports are not all written yet, since Autobahn writes the index before the files
// that the index names.
func ReadReports(fsys fs.FS, agent string) ([]harness.Result, error) {
	list, err := readIndex(fsys, agent)
	if err != nil {
		return nil, err
	}
	var results []harness.Result
	var errs []error
	for _, id := range slices.SortedFunc(maps.Keys(list), cases.ID.Compare) {
		res, err := readCase(fsys, id, list[id])
		if err != nil {
			errs = append(errs, fmt.Errorf("autobahn report of case %s: %w", id, err))
			continue
		}
		results = append(results, res)
	}
	return results, summary(errs)
}

// summary joins the first few errors, which say enough about a folder of 517 broken
// files.
func summary(errs []error) error {
	const shown = 3
	if len(errs) > shown {
		errs = append(errs[:shown:shown], fmt.Errorf("autobahn reports: %d more cannot be read", len(errs)-shown))
	}
	return errors.Join(errs...)
}

// Agents returns the names of the agents in the index, sorted.
func Agents(fsys fs.FS) ([]string, error) {
	var all index
	if err := readJSON(fsys, "index.json", &all); err != nil {
		return nil, fmt.Errorf("autobahn reports: %w", err)
	}
	return slices.Sorted(maps.Keys(all)), nil
}

func readIndex(fsys fs.FS, agent string) (map[cases.ID]indexEntry, error) {
	var all index
	if err := readJSON(fsys, "index.json", &all); err != nil {
		return nil, fmt.Errorf("autobahn reports: %w", err)
	}
	if agent != "" {
		list, ok := all[agent]
		if !ok {
			return nil, fmt.Errorf("autobahn reports: %w %q", ErrNoReport, agent)
		}
		return list, nil
	}
	if len(all) > 1 {
		return nil, fmt.Errorf("autobahn reports: there are %d agents; name one of them", len(all))
	}
	for _, list := range all {
		return list, nil
	}
	return nil, fmt.Errorf("autobahn reports: %w", ErrNoReport)
}

// idForm matches Autobahn's case ids, and fileForm its file names. Neither allows a
// path.
var (
	idForm   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{1,4}(\.[0-9]{1,4}){1,3}$`) })
	fileForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9_]+\.json$`) })
)

func readCase(fsys fs.FS, id cases.ID, entry indexEntry) (harness.Result, error) {
	if !idForm().MatchString(string(id)) {
		return harness.Result{}, fmt.Errorf("%.40q is not a case id", id)
	}
	if len(entry.ReportFile) > 255 || !fileForm().MatchString(entry.ReportFile) {
		return harness.Result{}, fmt.Errorf("%.80q is not the name of a report", entry.ReportFile)
	}
	var r caseReport
	if err := readJSON(fsys, entry.ReportFile, &r); err != nil {
		return harness.Result{}, err
	}
	if r.ID != id {
		return harness.Result{}, fmt.Errorf("%s is about case %.40q", entry.ReportFile, r.ID)
	}
	if r.Behavior != entry.Behavior || r.BehaviorClose != entry.Close {
		return harness.Result{}, fmt.Errorf("%s says %q / %q, the index %q / %q",
			entry.ReportFile, r.Behavior, r.BehaviorClose, entry.Behavior, entry.Close)
	}
	return r.result(), nil
}

func readJSON(fsys fs.FS, name string, into any) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	p, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return err
	}
	if len(p) > maxFile {
		return fmt.Errorf("%s has more than %d bytes", name, maxFile)
	}
	if err := json.Unmarshal(p, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
