package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
)

// A selection is the cases that the flags --cases and --exclude ask for.
type selection struct {
	include, exclude []string
	suites           []string // nil means Autobahn's
}

func (s *selection) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.include, "cases", []string{"*"}, "run these cases: ids or `PATTERNS` such as '7.*', comma-separated")
	f.StringSliceVar(&s.exclude, "exclude", nil, "skip these cases: ids or `PATTERNS`")
}

// suiteFlag lets the user choose among the suites.
func (s *selection) suiteFlag(f *pflag.FlagSet) {
	f.StringSliceVar(&s.suites, "suite", []string{string(cases.Autobahn)}, "take the cases from these `SUITES`: autobahn, rfc or both, comma-separated")
}

// catalogue lists the cases to choose from.
func (s *selection) catalogue() ([]cases.Case, error) {
	names := []cases.Suite{cases.Autobahn}
	if len(s.suites) > 0 {
		names = nil
	}
	for _, name := range s.suites {
		if !slices.ContainsFunc(catalogue.Suites, func(one catalogue.Suite) bool { return string(one.Name) == name }) {
			return nil, usagef("--suite %q: must be autobahn or rfc", name)
		}
		names = append(names, cases.Suite(name))
	}
	return catalogue.Of(names...), nil
}

// pick returns the cases. A pattern that matches nothing is wrong usage: it is a
// typing error, or names a case that somebody thinks is run.
func (s *selection) pick() ([]cases.Case, harness.Selection, error) {
	all, err := s.catalogue()
	if err != nil {
		return nil, harness.Selection{}, err
	}
	for _, list := range [][]string{s.include, s.exclude} {
		lost := cases.Unmatched(all, list)
		if len(lost) == 0 {
			continue
		}
		hint := "to select a section, use a star, such as '7.*' or '9.3.*'"
		if s.suites != nil && len(cases.Unmatched(catalogue.All(), lost)) == 0 {
			hint = "it is in another suite: add --suite autobahn,rfc"
		}
		return nil, harness.Selection{}, usagef("no case matches %s; %s", strings.Join(lost, ", "), hint)
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

// inRole leaves out the cases that are not for a peer in this role.
func inRole(list []cases.Case, sel *harness.Selection, role cases.Role) ([]cases.Case, error) {
	kept := slices.DeleteFunc(list, func(c cases.Case) bool { return !c.For(role) })
	if len(kept) == 0 && len(list) > 0 {
		return nil, &codedError{exitIncomplete, fmt.Errorf("none of the cases is for a %v", role)}
	}
	sel.Selected = slices.DeleteFunc(sel.Selected, func(id cases.ID) bool {
		c, ok := catalogue.Find(id)
		return ok && !c.For(role)
	})
	return kept, nil
}
