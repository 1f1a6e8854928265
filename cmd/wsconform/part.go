package main

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A part says which part of a selection is run: a shard of it, or what an earlier
// run has left.
type part struct {
	shard  string
	resume string // the run file
}

func (p *part) flags(f *pflag.FlagSet) {
	f.StringVar(&p.shard, "shard", "", "run the `I/N`-th part of the cases, such as 2/4; wsconform merge joins the parts")
	f.StringVar(&p.resume, "resume", "", "run the cases that lack in this `RUN` file, and add them to it")
}

// pick returns the cases to run, and the header's words about them.
func (p *part) pick(s *selection, f *pflag.FlagSet) (list []cases.Case, sel harness.Selection, shard *harness.Shard, err error) {
	switch {
	case p.resume != "" && (p.shard != "" || f.Changed("cases") || f.Changed("exclude")):
		return nil, sel, nil, usagef("--resume takes the cases from its run file; leave --cases, --exclude and --shard out")
	case p.resume != "":
		return p.pickMissing()
	}
	list, sel, err = s.pick()
	if err != nil || p.shard == "" {
		return list, sel, nil, err
	}
	sh, err := harness.ParseShard(p.shard)
	if err != nil {
		return nil, sel, nil, usagef("--%w", err)
	}
	sh.Whole = sel.Selected
	list, sel.Selected = sh.Take(list), nil
	for _, c := range list {
		sel.Selected = append(sel.Selected, c.ID)
	}
	if len(list) == 0 {
		return nil, sel, nil, usagef("--shard %s: there are only %d cases", p.shard, len(sh.Whole))
	}
	return list, sel, &sh, nil
}

func (p *part) pickMissing() ([]cases.Case, harness.Selection, *harness.Shard, error) {
	run, err := harness.OpenRun(p.resume)
	if err != nil {
		return nil, harness.Selection{}, nil, usagef("--resume: %w", err)
	}
	sel := run.Header.Selection
	missing := run.Missing()
	all := cases.All()
	list := slices.DeleteFunc(slices.Clone(all), func(c cases.Case) bool { return !slices.Contains(missing, c.ID) })
	switch {
	case len(missing) == 0:
		return nil, sel, nil, usagef("--resume %s: nothing lacks in it", p.resume)
	case len(list) < len(missing):
		return nil, sel, nil, usagef("--resume %s: this version of wsconform does not have all of its cases", p.resume)
	}
	sel.Catalogue = fingerprint(all)
	return list, sel, run.Header.Shard, nil
}

// folder is where results go by default: for a resumed run to where it is.
func (p *part) folder(out string) string {
	if out == "" && p.resume != "" {
		return filepath.Dir(p.resume)
	}
	return out
}

// record is [record], or adds to the run that is resumed.
func (p *part) record(file string, header harness.Header, play func(emit func(harness.Result)) error) (*harness.Run, error) {
	if p.resume == "" {
		return record(file, header, play)
	}
	w, run, err := harness.ResumeRun(p.resume, header)
	if _, ok := errors.AsType[*harness.MergeError](err); ok {
		return nil, usagef("--%w; start anew, or test the same agent by the same version", err)
	}
	if err != nil {
		return nil, err
	}
	return recordTo(w, run, play)
}
