package catalogue_test

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/cases/user"
)

// What holds of every case of every suite. How many there are is the suites' business.
func TestCatalogue(t *testing.T) {
	err := user.Add(cases.Case{ID: "U.x", Title: "a user's", Conns: []cases.Conn{{Steps: []cases.Step{cases.Text("x")}}}, Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.SomePong{}}}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[cases.ID]bool{}
	var sections []string
	for _, s := range catalogue.Sections() {
		if slices.Contains(sections, s.ID) {
			t.Errorf("section %s is there twice", s.ID)
		}
		sections = append(sections, s.ID)
	}
	for _, c := range catalogue.All() {
		if seen[c.ID] {
			t.Errorf("case %s is there twice", c.ID)
		}
		seen[c.ID] = true
		if found, ok := catalogue.Find(c.ID); !ok || found.Title != c.Title || found.Suite != c.Suite {
			t.Errorf("case %s: found %q of %s", c.ID, found.Title, found.Suite)
		}
		if len(c.Conns) == 0 || c.Want == nil || c.Want.String() == "" {
			t.Errorf("case %s has %d connections and wants %v", c.ID, len(c.Conns), c.Want)
		}
		for _, step := range c.Steps() {
			if ops := (cases.Conn{Steps: []cases.Step{step}}).Ops(); step.String() == "" || len(ops) == 0 {
				t.Errorf("case %s: step %T says %q and does %v", c.ID, step, step, ops)
			}
		}
		for _, id := range []string{c.ID.Section(), c.ID.Group()} {
			if !slices.Contains(sections, id) {
				t.Errorf("case %s: there is no section %s", c.ID, id)
			}
		}
	}
	for _, s := range catalogue.Suites {
		list := catalogue.Of(s.Name)
		if len(list) != len(s.Cases()) || !slices.Equal(catalogue.SuitesOf([]cases.ID{list[0].ID}), []cases.Suite{s.Name}) {
			t.Errorf("suite %s: got %d cases", s.Name, len(list))
		}
	}
}
