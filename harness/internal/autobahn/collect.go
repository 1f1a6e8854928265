package autobahn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/docker"
)

// copyLimits bound what is copied out of a container. A case has two files, and an
// honest agent's largest report has a few hundred kilobytes.
var copyLimits = docker.Limits{Files: 4000, Bytes: 1 << 30}

const (
	// cleanupTime bounds the work after an interrupt.
	cleanupTime = 30 * time.Second
	// reportTime bounds how long Autobahn may take to write its reports, and we to copy
	// them, on a busy machine.
	reportTime = 5 * time.Minute
)

// detached returns a context for saving results after an interrupt.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}

// A parcel is the outcome of a part: a copy of its folder of reports, and their content
// about the agent. The zero value is no outcome.
type parcel struct {
	dir     string // temporary
	results []harness.Result
}

// collect copies a folder of reports out of the container and reads those of the agent.
// A nil choose means that there is only one agent. Even with an error the caller must
// keep the parcel or remove its folder.
func (r *run) collect(ctx context.Context, c *docker.Container, source string, choose func([]string) (string, error)) (p parcel, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportTime)
	defer cancel()
	if p.dir, err = harness.TempDir("part"); err != nil {
		return p, err
	}
	if err := c.CopyOut(ctx, source, p.dir, copyLimits); err != nil {
		return p, err
	}
	agent := ""
	if choose != nil {
		names, err := Agents(os.DirFS(p.dir))
		if err == nil {
			agent, err = choose(names)
		}
		if err != nil {
			return p, err
		}
	}
	p.results, err = ReadReports(os.DirFS(p.dir), agent)
	slices.SortFunc(p.results, func(a, b harness.Result) int { return r.index[a.Case] - r.index[b.Case] })
	return p, err
}

// keep puts the reports where the user wants them. It runs after the results were
// emitted, since those matter more if the disk is full. After an error it keeps no
// more reports.
func (r *run) keep(p parcel) {
	if p.dir == "" {
		return
	}
	defer os.RemoveAll(p.dir)
	if r.keptErr != nil || len(p.results) == 0 {
		return
	}
	if err := r.reports.add(p.dir); err != nil {
		r.keptErr = fmt.Errorf("Autobahn's own reports could not all be kept: %w", err)
	}
}

// add copies the files of a part to the folder, and adds its index to the folder's. It
// drops Autobahn's index.html, which describes only one part.
func (f *reportFolder) add(part string) error {
	if f.temporary {
		return nil
	}
	merged := map[string]map[string]json.RawMessage{}
	for _, dir := range []string{f.dir, part} {
		var one map[string]map[string]json.RawMessage
		if err := readJSON(os.DirFS(dir), "index.json", &one); err != nil {
			if dir == f.dir && errors.Is(err, os.ErrNotExist) {
				continue
			}
			return fmt.Errorf("merge reports: %w", err)
		}
		for agent, list := range one {
			if merged[agent] == nil {
				merged[agent] = map[string]json.RawMessage{}
			}
			maps.Copy(merged[agent], list)
		}
	}
	index, err := json.MarshalIndent(merged, "", "   ")
	if err != nil {
		return fmt.Errorf("merge reports: %w", err)
	}
	if err := copyReports(f.dir, part, index, f.secrets); err != nil {
		return fmt.Errorf("merge reports: %w", err)
	}
	return nil
}

// copyReports copies the reports of a part, with secrets masked, and replaces the
// index, or does neither: if the disk is full, the rest of it is for the results.
func copyReports(to, from string, index []byte, secrets *harness.Secrets) (err error) {
	files, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	var made []string
	write := func(name string, p []byte) error {
		made = append(made, filepath.Join(to, name))
		return os.WriteFile(made[len(made)-1], p, 0o644)
	}
	defer func() {
		if err != nil {
			for _, name := range made {
				os.Remove(name) //nolint:errcheck // the error before this one is reported
			}
		}
	}()
	for _, file := range files {
		if name := file.Name(); name != "index.json" && name != "index.html" {
			p, err := os.ReadFile(filepath.Join(from, name))
			if err == nil {
				err = write(name, secrets.Data(p))
			}
			if err != nil {
				return err
			}
		}
	}
	if err := write(".index.json", index); err != nil {
		return err
	}
	return os.Rename(filepath.Join(to, ".index.json"), filepath.Join(to, "index.json"))
}

// An ending says what cut a part short. The case under way then has a report, but it
// does not show what the agent does in that case.
type ending uint8

const (
	inOrder     ending = iota
	agentDied          // without our doing
	halted             // no more progress
	interrupted        // by the context
)

// putAll emits results. Cut short are the last announced case, and the cases after it
// whose opening handshake failed.
func (r *run) putAll(results []harness.Result, how ending, last cases.ID) {
	from := len(results)
	if how != inOrder && from > 0 {
		from = slices.IndexFunc(results, func(res harness.Result) bool { return res.Case == last })
		if from < 0 {
			from = len(results) - 1
		}
	}
	for _, res := range results[:from] {
		r.put(res)
	}
	cut := results[from:]
	switch how {
	case agentDied:
		r.putCrash(cut, last)
	case halted:
		if len(cut) > 0 {
			r.put(withoutVerdict(cut[0], harness.Timeout, haltNote))
		}
	case interrupted, inOrder:
	}
}

// putCrash finds the case that the agent died in: the first that did not pass. Later
// cases failed because the agent was gone.
func (r *run) putCrash(cut []harness.Result, last cases.ID) {
	for i, res := range cut {
		passed := res.Outcome == harness.Pass || res.Outcome == harness.PassLenient
		if !passed || i == len(cut)-1 {
			r.put(withoutVerdict(res, harness.Crash, r.deathNote()))
			return
		}
		r.put(res)
	}
	// What is known is worth a result even without a report.
	if last != "" {
		r.put(harness.Result{Case: last, Outcome: harness.Crash, Note: r.deathNote()})
	}
}

func withoutVerdict(res harness.Result, o harness.Outcome, note string) harness.Result {
	res.Outcome, res.Verdict, res.Note = o, cases.Verdict{}, note
	return res
}

func (r *run) deathNote() string {
	if exit := r.died(); exit != nil {
		return exit.Error()
	}
	return "the agent ended while the case ran"
}

// broken emits results for the cases without the report that Autobahn's process should
// have written.
func (r *run) broken(p part, note string) {
	for _, c := range p.list {
		r.put(harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: note})
	}
}
