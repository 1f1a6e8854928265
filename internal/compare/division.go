package compare

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A Division is a comparison whose rows are played elsewhere, in units.
type Division struct {
	runner *Runner
	how    DivideOptions
	rows   []Row
	unlock func()
	units  map[string]*division
	order  []string
	parts  [][]*division // of each row
	done   []Done
	ended  int
}

// A division is the state of one unit.
type division struct {
	Unit
	rows []int // of the comparison: one for each engine
	had  bool  // its parts are in the folder
}

// DivideOptions say how rows are divided.
type DivideOptions struct {
	Shards    int       // of each row; 0 means 1
	Isolation Isolation // of the agents
}

// Divide claims the runner's folder and divides the rows into units. Rows and parts that
// are in the folder are not played again.
func (r *Runner) Divide(ctx context.Context, rows []Row, how DivideOptions) (*Division, error) {
	unlock, err := r.claim(ctx)
	if err != nil {
		return nil, err
	}
	d := &Division{runner: r, how: how, rows: rows, unlock: unlock, units: map[string]*division{}, parts: make([][]*division, len(rows)), done: make([]Done, len(rows))}
	for i := 0; i < len(rows); {
		next := i + 1
		for next < len(rows) && rows[next].Agent.Folder == rows[i].Agent.Folder && rows[next].Role == rows[i].Role {
			next++
		}
		if err := d.add(i, next); err != nil {
			unlock()
			return nil, err
		}
		i = next
	}
	for i := range rows {
		d.settle(i)
	}
	return d, nil
}

// add makes the units of the rows from first to next, which differ in the engine only.
func (d *Division) add(first, next int) error {
	row := d.rows[first]
	key, err := keyOf(row.Agent)
	if err != nil {
		return err
	}
	list, whole := d.runner.cases(row.Role), d.runner.selection(row.Role)
	shards := min(max(d.how.Shards, 1), max(len(list), 1))
	for n := range shards {
		u := Unit{
			Agent: row.Agent.Folder, Gateway: row.Role == cases.Gateway, Digest: key, Role: row.Role, Selection: whole,
			Isolation: d.how.Isolation, Repeats: d.runner.Repeats, Patience: cmp.Or(d.runner.Patience, rowPatience), Tool: d.runner.Tool,
		}
		if shards > 1 {
			u.Selection.Selected = slices.Clone(whole.Selected)
			u.Shard = &runfile.Shard{Index: n + 1, Total: shards}
			u.Selection.Cut(u.Shard, list)
		}
		one := &division{}
		for i := first; i < next; i++ {
			u.Engines = append(u.Engines, d.rows[i].Engine.About().Name)
			one.rows = append(one.rows, i)
		}
		one.Unit = u
		one.had = !d.runner.Again && !slices.ContainsFunc(one.rows, func(i int) bool { return !d.has(i, u) })
		d.units[u.Name()] = one
		d.order = append(d.order, u.Name())
		for _, i := range one.rows {
			d.parts[i] = append(d.parts[i], one)
		}
	}
	return nil
}

// has reports whether the row, or the unit's part of it, is in the folder.
func (d *Division) has(i int, u Unit) bool {
	if there(d.rowFile(i), d.header(i, u, true)) {
		return true
	}
	return u.Shard != nil && there(d.partFile(i, u.Shard), d.header(i, u, false))
}

// there reports whether the file is a run like that, played to its end. Unlike
// [finished], it need not know the version of an engine in a container.
func there(path string, want runfile.Header) bool {
	run, err := runfile.Open(path)
	return err == nil && settled(run) && unlike(run, want) == ""
}

// header is what a run file of the row must say: the whole, or the unit's part of it.
func (d *Division) header(i int, u Unit, whole bool) runfile.Header {
	h := d.runner.header(d.rows[i], nil)
	h.Agent.About.Hash, h.Agent.About.Isolation = u.Digest, string(u.Isolation)
	if !whole {
		h.Selection, h.Shard = u.Selection, u.Shard
	}
	return h
}

func (d *Division) rowFile(i int) string {
	return filepath.Join(d.runner.Dir, "runs", d.rows[i].Name()+".jsonl")
}

func (d *Division) partFile(i int, s *runfile.Shard) string {
	return filepath.Join(d.runner.Dir, "parts", fmt.Sprintf("%s.%d-of-%d.jsonl", d.rows[i].Name(), s.Index, s.Total))
}

// Close lets other comparisons into the folder.
func (d *Division) Close() { d.unlock() }

// Done returns the rows. All have ended once no unit is open.
func (d *Division) Done() []Done { return d.done }

// Open lists the units that are to be played, with the agent of each.
func (d *Division) Open(yield func(Unit, agentfile.Agent) bool) {
	for _, name := range d.order {
		if one := d.units[name]; !one.had && !yield(one.Unit, d.rows[one.rows[0]].Agent) {
			return
		}
	}
}

// Began tells the progress that the unit is played.
func (d *Division) Began(name string) {
	one := d.units[name]
	if one == nil {
		return
	}
	for _, i := range one.rows {
		d.runner.report(func(e *Event) {
			*e = Event{Kind: RowBegan, Row: d.rows[i], Index: i + 1, Total: len(d.rows)}
		})
	}
}

// ErrUnlike says that a result is not one of the unit.
var ErrUnlike = errors.New("it is not of this unit")

// Accept puts the result of a unit, as [Player.Play] returns it, into the folder. An
// [ErrUnlike] is the doing of who made it.
func (d *Division) Accept(name, worker string, data []byte) error {
	one := d.units[name]
	if one == nil {
		return fmt.Errorf("%w: no unit %s", ErrUnlike, name)
	}
	files, err := unpacked(data)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnlike, err)
	}
	for _, i := range one.rows {
		text, ok := files["runs/"+d.rows[i].Name()+".jsonl"]
		if !ok {
			return fmt.Errorf("%w: no run file of %s", ErrUnlike, d.rows[i].Name())
		}
		run, err := runfile.Read(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnlike, err)
		}
		if why := unlike(run, d.header(i, one.Unit, false)); why != "" {
			return fmt.Errorf("%w: %s", ErrUnlike, why)
		}
	}
	for _, i := range one.rows {
		path := d.rowFile(i)
		if one.Shard != nil {
			path = d.partFile(i, one.Shard)
		}
		if err := writeFile(path, files["runs/"+d.rows[i].Name()+".jsonl"]); err != nil {
			return err
		}
	}
	for path, text := range files {
		if name, ok := strings.CutPrefix(path, "logs/"); ok {
			if one.Shard != nil {
				name = fmt.Sprintf("%s.%d-of-%d.log", strings.TrimSuffix(name, ".log"), one.Shard.Index, one.Shard.Total)
			}
			if err := writeFile(filepath.Join(d.runner.Dir, "logs", name), text); err != nil {
				return err
			}
		}
	}
	return d.end(one, worker)
}

// unlike says how a run differs from what was asked for; "" if it does not.
func unlike(run *runfile.Run, want runfile.Header) string {
	h := run.Header
	switch about := h.Agent.About; {
	case about == nil:
		return "its run file does not say which agent it is about"
	case about.Hash != want.Agent.About.Hash:
		return fmt.Sprintf("it is of another agent: the digest is %.16s, not %.16s", about.Hash, want.Agent.About.Hash)
	case h.Agent.Role != want.Agent.Role:
		return "it is of another role"
	case about.Isolation != want.Agent.About.Isolation:
		return "the agent was isolated in another way"
	case h.Engine.Name != want.Engine.Name || want.Engine.Version != "" && h.Engine.Version != want.Engine.Version:
		return "it is of another engine"
	case h.Selection.Catalogue != want.Selection.Catalogue || !slices.Equal(h.Selection.Selected, want.Selection.Selected):
		return "it is of other cases"
	case (h.Shard == nil) != (want.Shard == nil) || h.Shard != nil && (h.Shard.Index != want.Shard.Index || h.Shard.Total != want.Shard.Total || !slices.Equal(h.Shard.Whole, want.Shard.Whole)):
		return "it is of another shard"
	case run.Footer == nil:
		return "its run file has no end"
	}
	for _, res := range run.Results {
		if !slices.Contains(want.Selection.Selected, res.Case) {
			return fmt.Sprintf("it has a result of case %s, which was not asked for", res.Case)
		}
	}
	return ""
}

// GiveUp ends a unit that nobody could play: its rows say why.
func (d *Division) GiveUp(name, why string) error {
	one := d.units[name]
	if one == nil {
		return nil
	}
	for _, i := range one.rows {
		path := d.rowFile(i)
		if one.Shard != nil {
			path = d.partFile(i, one.Shard)
		}
		w, err := runfile.Create(path, d.header(i, one.Unit, false))
		if err != nil {
			return err
		}
		if _, err := w.Close(errors.New(why)); err != nil {
			return err
		}
	}
	return d.end(one, "")
}

// end notes that a unit has ended, and completes its rows if it was the last of theirs.
func (d *Division) end(one *division, worker string) error {
	one.had = true
	for _, i := range one.rows {
		if err := d.complete(i, worker); err != nil {
			return err
		}
	}
	return nil
}

// complete joins the parts of a row once all are there.
func (d *Division) complete(i int, worker string) error {
	var shards []*runfile.Shard
	for _, one := range d.parts[i] {
		if !one.had {
			return nil
		}
		if one.Shard != nil {
			shards = append(shards, one.Shard)
		}
	}
	if len(shards) > 0 {
		if err := d.join(i, shards); err != nil {
			return err
		}
	}
	run, err := runfile.Open(d.rowFile(i))
	if err != nil {
		return err
	}
	d.ended++
	d.done[i] = Done{Row: d.rows[i], File: d.rowFile(i), Worker: worker}.with(run)
	d.runner.report(func(e *Event) {
		*e = Event{Kind: RowEnded, Row: d.rows[i], Done: &d.done[i], Index: d.ended, Total: len(d.rows)}
	})
	return nil
}

// join merges the parts of a row. Merge proves that no case is missing; the trouble that
// parts had with the agent is that of the row.
func (d *Division) join(i int, shards []*runfile.Shard) error {
	var parts []*runfile.Run
	for _, s := range shards {
		run, err := runfile.Open(d.partFile(i, s))
		if err != nil {
			return err
		}
		parts = append(parts, run)
	}
	played := slices.IndexFunc(parts, func(p *runfile.Run) bool { return len(p.Results) > 0 })
	for _, part := range parts {
		if played >= 0 && len(part.Results) == 0 { // nobody could ask the agent for its version
			part.Header.Agent, part.Header.Engine = parts[played].Header.Agent, parts[played].Header.Engine
		}
	}
	merged, err := runfile.Merge(parts)
	if merged == nil { // as when workers have different versions of an interpreter
		merged = &runfile.Run{Header: d.header(i, d.parts[i][0].Unit, true), Footer: &runfile.Footer{State: runfile.Invalid, Error: err.Error()}}
		merged.Footer.Counts, merged.Footer.Missing = merged.Counts(), merged.Missing()
	}
	passed := slices.ContainsFunc(merged.Results, good)
	for _, part := range parts {
		foot := part.Footer
		echoes := foot != nil && foot.Cause == harness.CauseEcho && passed // in this part alone nothing passed
		if foot == nil || foot.Cause == "" || echoes || merged.Footer.State == runfile.Invalid {
			continue
		}
		merged.Footer.State, merged.Footer.Cause, merged.Footer.Error = runfile.Partial, foot.Cause, foot.Error
		break
	}
	if err := merged.Save(d.rowFile(i)); err != nil {
		return err
	}
	for _, s := range shards {
		if err := os.Remove(d.partFile(i, s)); err != nil {
			return err
		}
	}
	return nil
}

// settle completes a row that was there before.
func (d *Division) settle(i int) {
	if slices.ContainsFunc(d.parts[i], func(one *division) bool { return !one.had }) {
		return
	}
	run, err := runfile.Open(d.rowFile(i))
	if err != nil {
		return
	}
	d.ended++
	d.done[i] = Done{Row: d.rows[i], File: d.rowFile(i), Kept: true}.with(run)
	d.runner.report(func(e *Event) {
		*e = Event{Kind: RowEnded, Row: d.rows[i], Done: &d.done[i], Index: d.ended, Total: len(d.rows)}
	})
}
