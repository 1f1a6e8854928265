package casepage

import (
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
)

// killers are the rows of the kill matrix by the cases that kill.
var killers = sync.OnceValue(func() map[cases.ID][]*mutants.Kill {
	m := map[cases.ID][]*mutants.Kill{}
	rows := mutants.Kills()
	for i := range rows {
		for _, list := range [][]string{rows[i].Autobahn, rows[i].RFC} {
			for _, id := range list {
				m[cases.ID(id)] = append(m[cases.ID(id)], &rows[i])
			}
		}
	}
	return m
})

// sections are the chapters of the catalogue.
var sections = sync.OnceValue(catalogue.Sections)

// why is what the nearest section says about its cases.
func why(id cases.ID) string {
	why, of := "", ""
	for _, s := range sections() {
		if s.Why != "" && len(s.ID) > len(of) && strings.HasPrefix(string(id), s.ID+".") {
			why, of = s.Why, s.ID
		}
	}
	return why
}
