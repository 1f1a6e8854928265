package main

import (
	"errors"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A part says which part of a selection is run: a shard of it, or the cases that
// are missing from an earlier run.
type part struct {
	shard   string
	resume  string // the run file
	secrets bool   // are written as they are
	ended   bool   // the run that is resumed has all its cases, and only its footer is missing
}

func (p *part) flags(f *pflag.FlagSet) {
	f.StringVar(&p.shard, "shard", "", "run part I of N of the cases, `I/N` such as 2/4; wsconform merge joins the parts")
	f.StringVar(&p.resume, "resume", "", "run only the cases missing from this `RUN` file, and add them to it")
	f.BoolVar(&p.secrets, "show-secrets", false, "do not mask passwords, tokens, cookies and --header values in the files written")
}

// pick returns the cases to run against a peer in this role, and the header's words about
// them. A shard is a part of these: a whole with others in it would never be complete.
func (p *part) pick(s *selection, f *pflag.FlagSet, role cases.Role) (list []cases.Case, sel runfile.Selection, shard *runfile.Shard, err error) {
	switch {
	case p.resume != "" && (p.shard != "" || f.Changed("cases") || f.Changed("exclude")):
		return nil, sel, nil, usagef("--resume takes the cases from its run file: leave out --cases, --exclude and --shard")
	case p.resume != "":
		if list, sel, shard, err = p.pickMissing(); err == nil && !p.ended {
			list, err = inRole(list, &sel, role)
		}
		return list, sel, shard, err
	}
	if list, sel, err = s.pick(); err == nil {
		list, err = inRole(list, &sel, role)
	}
	if err != nil || p.shard == "" {
		return list, sel, nil, err
	}
	sh, err := runfile.ParseShard(p.shard)
	if err != nil {
		return nil, sel, nil, usagef("--%w", err)
	}
	list = sel.Cut(&sh, list)
	if len(list) == 0 {
		return nil, sel, nil, usagef("--shard %s: only %s selected", p.shard, harness.Count(len(sh.Whole), "case"))
	}
	return list, sel, &sh, nil
}

func (p *part) pickMissing() ([]cases.Case, runfile.Selection, *runfile.Shard, error) {
	run, err := runfile.Open(p.resume)
	if err != nil {
		return nil, runfile.Selection{}, nil, usagef("--resume: %w", err)
	}
	list, sel, err := run.Rest()
	if err != nil {
		return nil, sel, nil, usagef("--resume %s: %w", p.resume, err)
	}
	p.ended = len(list) == 0
	return list, sel, run.Header.Shard, nil
}

// secretsMode is what the header of the run file says of secrets.
func (p *part) secretsMode() string {
	if p.secrets {
		return runfile.SecretsShown
	}
	return runfile.SecretsMasked
}

// secretsNote says what was done about the secrets of a run, if it has any.
func secretsNote(h runfile.Header) string {
	masked := runfile.NewSecrets(h.Agent.URL, h.Added)
	switch {
	case len(h.Added) == 0 && masked.Text(h.Agent.URL) == h.Agent.URL && slices.Equal(masked.Command(h.Agent.Command), h.Agent.Command):
		return ""
	case h.Secrets == runfile.SecretsShown:
		return "the files hold passwords, tokens or header values as they are (--show-secrets): do not publish them"
	}
	return "passwords, tokens and the values of --header are masked (" + runfile.Masked + ") in everything written; --show-secrets writes them"
}

// folder is where results go by default: those of a resumed run next to it.
func (p *part) folder(out string) string {
	if out == "" && p.resume != "" {
		return filepath.Dir(p.resume)
	}
	return out
}

// record writes what play emits to the run file, or adds it to the run that is
// resumed. The run is nil if the file could not be opened.
func (p *part) record(file string, header runfile.Header, play func(emit func(harness.Result), w *runfile.Writer) error) (*runfile.Run, error) {
	w, err := p.open(file, header)
	if err != nil {
		return nil, err
	}
	return w.Record(func(emit func(harness.Result)) error {
		if p.ended {
			return nil
		}
		return play(emit, w)
	})
}

func (p *part) open(file string, header runfile.Header) (*runfile.Writer, error) {
	if p.resume == "" {
		return runfile.Create(file, header)
	}
	w, err := runfile.Resume(p.resume, header)
	if _, ok := errors.AsType[*runfile.MergeError](err); ok {
		return nil, usagef("--%w; test the same agent with the same version of wsconform (--agent and --agent-version name it), "+
			"--no-echo and --declare, or start a new run", err)
	}
	return w, err
}
