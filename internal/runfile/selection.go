package runfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/pattern"
)

// ErrNoCase means that a selection leaves no case to play.
var ErrNoCase = errors.New("no case is left to run")

// An UnmatchedError says that patterns match no case: a typing error, or a case that
// somebody thinks is played.
type UnmatchedError struct{ Patterns []string }

func (e *UnmatchedError) Error() string {
	return fmt.Sprintf("no case matches %s; to select a section, use a star, such as '7.*' or '9.3.*'", strings.Join(e.Patterns, ", "))
}

// Select returns the cases that match an include pattern and no exclude pattern, and what a
// run's header says of them. The error is an [*UnmatchedError], [ErrNoCase], or that of a
// pattern.
func Select(all []cases.Case, include, exclude []string) ([]cases.Case, Selection, error) {
	for _, list := range [][]string{include, exclude} {
		if lost := pattern.Unmatched(all, list); len(lost) > 0 {
			return nil, Selection{}, &UnmatchedError{lost}
		}
	}
	list, err := pattern.Select(all, include, exclude)
	if err != nil {
		return nil, Selection{}, err
	}
	if len(list) == 0 {
		return nil, Selection{}, ErrNoCase
	}
	sel := Selection{Cases: include, Exclude: exclude, Selected: idsOf(list)}
	sel.Catalogue = fingerprint(sel.Selected)
	return list, sel, nil
}

func idsOf(list []cases.Case) (ids []cases.ID) {
	for _, c := range list {
		ids = append(ids, c.ID)
	}
	return ids
}

// fingerprint is that of the suites that the cases belong to.
func fingerprint(ids []cases.ID) string {
	return cases.Fingerprint(catalogue.Of(catalogue.SuitesOf(ids)...))
}

// For keeps the cases of the list and of the selection that are for a peer in this role.
func (s *Selection) For(role cases.Role, list []cases.Case) []cases.Case {
	s.Selected = slices.DeleteFunc(s.Selected, func(id cases.ID) bool {
		c, ok := catalogue.Find(id)
		return ok && !c.For(role)
	})
	return slices.DeleteFunc(list, func(c cases.Case) bool { return !c.For(role) })
}

// Quick leaves out the slow cases that no pattern but "*" asks for.
func (s *Selection) Quick(list []cases.Case) []cases.Case {
	named := slices.DeleteFunc(slices.Clone(s.Cases), func(pattern string) bool { return pattern == "*" })
	asked, err := pattern.Select(list, named, nil)
	if err != nil || len(named) == 0 {
		asked = nil
	}
	list = slices.DeleteFunc(list, func(c cases.Case) bool {
		return c.Slow && !slices.Contains(idsOf(asked), c.ID)
	})
	s.Selected = idsOf(list)
	return list
}

// Cut leaves the cases of the shard in the selection, and returns them. The shard keeps
// what the whole is.
func (s *Selection) Cut(shard *Shard, list []cases.Case) []cases.Case {
	shard.Whole = s.Selected
	list = shard.Take(list)
	s.Selected = idsOf(list)
	return list
}

// Rest returns the cases that are missing from a run that did not end, and the selection for
// the header of the one that plays them. It is an error if there is nothing to do, or if
// this version does not have all the cases.
func (r *Run) Rest() ([]cases.Case, Selection, error) {
	sel, whole := r.Header.Selection, r.Header.Selection.Selected
	if r.Header.Shard != nil {
		whole = r.Header.Shard.Whole
	}
	missing := r.Missing()
	list := slices.DeleteFunc(catalogue.All(), func(c cases.Case) bool { return !slices.Contains(missing, c.ID) })
	switch {
	case len(missing) == 0 && r.Footer != nil:
		return nil, sel, errors.New("the run is already complete")
	case len(list) < len(missing):
		return nil, sel, errors.New("this version of wsconform does not have all its cases")
	}
	sel.Catalogue = fingerprint(whole)
	return list, sel, nil
}
