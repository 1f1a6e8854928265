package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
)

// A selection is the cases that the flags --cases and --exclude ask for.
type selection struct {
	include, exclude []string
	suites           []string // nil means Autobahn's, for commands without --suite
	fixed            bool     // the engine plays no other suite
	quick            bool     // the command leaves out slow cases, unless
	slow             bool     // they are asked for
	userFile         string   // of user cases; "" means the default one, if there is one
	written          []usercase.Spec
}

func (s *selection) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&s.include, "cases", []string{"*"}, "take these cases: ids or `PATTERNS` such as '7.*', comma-separated")
	f.StringSliceVar(&s.exclude, "exclude", nil, "leave out these cases: ids or `PATTERNS`")
}

// suiteFlag lets the user choose among the suites. The default is all of them.
func (s *selection) suiteFlag(f *pflag.FlagSet) {
	f.StringSliceVar(&s.suites, "suite", suiteNames(), "take the cases from these `SUITES`: autobahn (its 517 cases), rfc (what it does not test), user (what you wrote)")
}

// slowFlag lets the user ask for slow cases, which are left out otherwise.
func (s *selection) slowFlag(f *pflag.FlagSet) {
	s.quick = true
	f.BoolVar(&s.slow, "slow", false, "also run the cases that take many seconds; --cases runs them too if it names them")
}

func suiteNames() []string {
	var names []string
	for _, one := range catalogue.Suites {
		names = append(names, string(one.Name))
	}
	return names
}

// userFlag lets the user name a file of cases.
func (s *selection) userFlag(f *pflag.FlagSet) {
	f.StringVar(&s.userFile, "user-cases", "", "also play the cases in this `FILE`, which you wrote (default "+usercase.DefaultFile+", if it exists)")
}

// loadUserCases makes the cases of the file known.
func loadUserCases(file string) ([]usercase.Spec, error) {
	list, err := usercase.Load(file)
	if err != nil {
		return nil, usagef("%w", err)
	}
	return list, nil
}

// ofUser are the user cases among these.
func (s *selection) ofUser(ids []cases.ID) []usercase.Spec {
	var list []usercase.Spec
	for _, one := range s.written {
		if slices.Contains(ids, one.ID) {
			list = append(list, one)
		}
	}
	return list
}

// catalogue lists the cases to choose from.
func (s *selection) catalogue() ([]cases.Case, error) {
	var err error
	if slices.Contains(s.suites, string(cases.User)) {
		if s.written, err = loadUserCases(s.userFile); err != nil {
			return nil, err
		}
	} else if s.userFile != "" {
		return nil, usagef("--user-cases has no effect without the suite user: leave out --suite, or name it")
	}
	var names []cases.Suite
	if len(s.suites) == 0 {
		names = []cases.Suite{cases.Autobahn}
	}
	for _, name := range s.suites {
		if !slices.Contains(suiteNames(), name) {
			return nil, usagef("--suite %q: must be %s", name, strings.Join(suiteNames(), " or "))
		}
		names = append(names, cases.Suite(name))
	}
	return catalogue.Of(names...), nil
}

// pick returns the cases.
func (s *selection) pick() ([]cases.Case, runfile.Selection, error) {
	all, err := s.catalogue()
	if err != nil {
		return nil, runfile.Selection{}, err
	}
	list, sel, err := runfile.Select(all, s.include, s.exclude)
	if err == nil && s.quick && !s.slow {
		list = sel.Quick(list)
	}
	lost, unmatched := errors.AsType[*runfile.UnmatchedError](err)
	switch {
	case unmatched && s.suites != nil && !s.fixed && len(pattern.Unmatched(catalogue.All(), lost.Patterns)) == 0:
		err = usagef("no case matches %s; it is in another suite: leave out --suite", strings.Join(lost.Patterns, ", "))
	case errors.Is(err, runfile.ErrNoCase):
		err = &codedError{exitIncomplete, fmt.Errorf("%w after --cases and --exclude", err)}
	case err != nil:
		err = usagef("%w", err)
	}
	return list, sel, err
}

// inRole leaves out the cases that are not for a peer in this role.
func inRole(list []cases.Case, sel *runfile.Selection, role cases.Role) ([]cases.Case, error) {
	kept := sel.For(role, list)
	if len(kept) == 0 && len(list) > 0 {
		return nil, &codedError{exitIncomplete, fmt.Errorf("none of the cases is for a %v", role)}
	}
	return kept, nil
}
