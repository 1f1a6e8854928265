// Package catalogue lists the cases of all suites. Start at [All]; a suite by itself
// is listed by its package, such as cases/autobahn.
package catalogue

import (
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/cases/user"
)

// A Suite is a catalogue by itself.
type Suite struct {
	Name     cases.Suite
	Cases    func() []cases.Case
	Find     func(id cases.ID) (cases.Case, bool)
	Sections func() []cases.Section
}

// Suites lists the suites in the order of [All].
var Suites = []Suite{
	{cases.Autobahn, autobahn.All, autobahn.Find, autobahn.Sections},
	{cases.RFC, rfc.All, rfc.Find, rfc.Sections},
	{cases.User, user.All, user.Find, user.Sections},
}

// All returns the cases of every suite. The slices are the caller's own.
func All() []cases.Case { return Of() }

// Of returns the cases of the suites named; none named means all.
func Of(names ...cases.Suite) []cases.Case {
	var list []cases.Case
	for _, s := range Suites {
		if len(names) == 0 || slices.Contains(names, s.Name) {
			list = append(list, s.Cases()...)
		}
	}
	return list
}

// SuitesOf names the suites that the cases belong to, in the order of [Suites].
func SuitesOf(ids []cases.ID) []cases.Suite {
	var names []cases.Suite
	left := slices.Clone(ids)
	for _, s := range Suites {
		if len(left) == 0 {
			break // a suite that is not needed is not built
		}
		others := slices.DeleteFunc(left, func(id cases.ID) bool { _, ok := s.Find(id); return ok })
		if len(others) < len(left) {
			names = append(names, s.Name)
		}
		left = others
	}
	return names
}

// Find returns the case with this id.
func Find(id cases.ID) (cases.Case, bool) {
	for _, s := range Suites {
		if c, ok := s.Find(id); ok {
			return c, true
		}
	}
	return cases.Case{}, false
}

// Sections returns the chapters of every suite, each before its own sub-chapters.
func Sections() []cases.Section {
	var list []cases.Section
	for _, s := range Suites {
		list = append(list, s.Sections()...)
	}
	return list
}
