// Package user holds the cases that users write, beside the suites. [Add] makes them known to
// the catalogue; [Want] turns what a file says is wanted into checks. The file and the script
// are read by internal/usercase.
package user

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/ledger"
)

// ids of user cases begin so that no case of a suite ever has one.
var ids = regexp.MustCompile(`^U\.[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

var (
	mu    sync.Mutex // guards known
	known = map[cases.ID]cases.Case{}
)

// CheckID refuses an id that is not one of a user case.
func CheckID(id cases.ID) error {
	if !ids.MatchString(string(id)) {
		return fmt.Errorf("id %q: must be U. and a name of letters, digits, points, hyphens and underscores, such as U.reserved-bit", clip(string(id)))
	}
	return nil
}

// Add makes a case known. It takes the place of an earlier one with its id.
func Add(c cases.Case) error {
	if err := CheckID(c.ID); err != nil {
		return err
	}
	c = c.Clone()
	c.Suite = cases.User
	c.RFC = nil
	for _, id := range c.Requirements {
		r, ok := ledger.Find(id)
		if !ok {
			return fmt.Errorf("case %s: unknown requirement %q; wsconform ledger lists them", c.ID, clip(id))
		}
		if !slices.Contains(c.RFC, r.Ref) {
			c.RFC = append(c.RFC, r.Ref)
		}
	}
	c.Expect = strings.ReplaceAll(c.Want.String(), "\n", "; ")
	mu.Lock()
	defer mu.Unlock()
	known[c.ID] = c
	return nil
}

// All returns the cases that were added, in the order of [cases.ID.Compare].
func All() []cases.Case {
	mu.Lock()
	defer mu.Unlock()
	var list []cases.Case
	for _, c := range known {
		list = append(list, c.Clone())
	}
	slices.SortFunc(list, func(a, b cases.Case) int { return a.ID.Compare(b.ID) })
	return list
}

// Find returns the case with this id.
func Find(id cases.ID) (cases.Case, bool) {
	mu.Lock()
	defer mu.Unlock()
	c, ok := known[id]
	return c.Clone(), ok
}

// Sections returns the one chapter that there is, if it has cases.
func Sections() []cases.Section {
	mu.Lock()
	defer mu.Unlock()
	if len(known) == 0 {
		return nil
	}
	return []cases.Section{{ID: "U", Title: "Your own cases", Why: "Somebody wrote these cases for their own implementation."}}
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
