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
	"github.com/wsconform/wsconform/harness/docker"
)

// copyLimits bound what is copied out of a container. A case has two files, and
// the largest report of an honest agent some hundred kilobytes.
var copyLimits = docker.Limits{Files: 4000, Bytes: 1 << 30}

// cleanupTime bounds what is still done for a run that was interrupted.
const cleanupTime = 30 * time.Second

// detached returns a context for keeping results after an interrupt.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
}

// collect copies a folder of reports out of the container and reads those of
// the agent. With a nil choose there is only one agent.
func (r *run) collect(ctx context.Context, c *docker.Container, source string, choose func([]string) (string, error)) ([]harness.Result, error) {
	ctx, cancel := detached(ctx)
	defer cancel()
	part := filepath.Join(r.reports.dir, ".part")
	defer os.RemoveAll(part)
	if err := c.CopyOut(ctx, source, part, copyLimits); err != nil {
		return nil, err
	}
	agent := ""
	if choose != nil {
		names, err := Agents(os.DirFS(part))
		if err == nil {
			agent, err = choose(names)
		}
		if err != nil {
			return nil, err
		}
	}
	results, err := ReadReports(os.DirFS(part), agent)
	slices.SortFunc(results, func(a, b harness.Result) int { return r.index[a.Case] - r.index[b.Case] })
	return results, errors.Join(err, r.reports.add(part))
}

// add moves the files of a part into the folder, and adds its index to that of
// the folder. Autobahn's index.html speaks of one part only, so it is not kept.
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
	files, err := os.ReadDir(part)
	if err != nil {
		return fmt.Errorf("merge reports: %w", err)
	}
	for _, file := range files {
		if name := file.Name(); name != "index.json" && name != "index.html" {
			if err := os.Rename(filepath.Join(part, name), filepath.Join(f.dir, name)); err != nil {
				return fmt.Errorf("merge reports: %w", err)
			}
		}
	}
	p, err := json.MarshalIndent(merged, "", "   ")
	if err != nil {
		return fmt.Errorf("merge reports: %w", err)
	}
	return os.WriteFile(filepath.Join(f.dir, "index.json"), p, 0o644)
}

// An ending says what cut a part short. The case that was under way then has a
// report, but not one of what the agent does in that case.
type ending uint8

const (
	inOrder     ending = iota
	agentDied          // by itself
	halted             // nothing happened any more
	interrupted        // by the context
)

// putAll hands results on. What was cut short is what came from the last case on
// that was announced: that case, and those whose opening handshake then failed.
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

// putCrash finds the case that the agent died in: the first that did not pass,
// since what comes after it failed because the agent was gone.
func (r *run) putCrash(cut []harness.Result, last cases.ID) {
	for i, res := range cut {
		passed := res.Outcome == harness.Pass || res.Outcome == harness.PassLenient
		if !passed || i == len(cut)-1 {
			r.put(withoutVerdict(res, harness.Crash, r.deathNote()))
			return
		}
		r.put(res)
	}
	// Without a report, what is known is still worth a result.
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

// broken makes results of the cases of which Autobahn's process should have
// left a report and did not.
func (r *run) broken(p part, note string) {
	for _, c := range p.list {
		r.put(harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: note})
	}
}
