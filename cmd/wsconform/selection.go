package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
)

// A selection is the cases that the flags --cases and --exclude ask for.
type selection struct{ include, exclude []string }

func (s *selection) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.include, "cases", []string{"*"}, "run these cases: ids or `PATTERNS` such as '7.*', comma-separated")
	f.StringSliceVar(&s.exclude, "exclude", nil, "skip these cases: ids or `PATTERNS`")
}

// pick returns the cases. A pattern that matches nothing is wrong usage: it is a
// typing error, or names a case that somebody thinks is run.
func (s *selection) pick() ([]cases.Case, harness.Selection, error) {
	all := catalogue.All()
	for _, list := range [][]string{s.include, s.exclude} {
		if lost := cases.Unmatched(all, list); len(lost) > 0 {
			return nil, harness.Selection{}, usagef(
				"no case matches %s; to select a section, use a star, such as '7.*' or '9.3.*'", strings.Join(lost, ", "))
		}
	}
	list, err := cases.Select(all, s.include, s.exclude)
	if err != nil {
		return nil, harness.Selection{}, usagef("%w", err)
	}
	if len(list) == 0 {
		return nil, harness.Selection{}, &codedError{exitIncomplete, errors.New("no case is left to run after --cases and --exclude")}
	}
	sel := harness.Selection{Cases: s.include, Exclude: s.exclude, Catalogue: cases.Fingerprint(all)}
	for _, c := range list {
		sel.Selected = append(sel.Selected, c.ID)
	}
	return list, sel, nil
}
