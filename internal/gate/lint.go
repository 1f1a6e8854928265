package gate

import (
	"fmt"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/pattern"
)

// stale is how old evidence may be before it is doubted.
const stale = 180 * 24 * time.Hour

// Lint finds what can be said of expectation files that apply together without a
// run: problems that would fail a gate, and warnings that would not.
func Lint(files []Expectations, now time.Time) (problems, warnings []string) {
	var entries []*Entry
	for i := range files {
		for j := range files[i].Expect {
			entries = append(entries, &files[i].Expect[j])
		}
	}
	all := catalogue.All()
	claimed := map[cases.ID]*Entry{}
	for _, e := range entries {
		matched, _ := pattern.Select(all, []string{e.Case}, nil) // the pattern was checked
		shared := map[*Entry][]cases.ID{}
		for _, c := range matched {
			if before := claimed[c.ID]; before != nil {
				shared[before] = append(shared[before], c.ID)
			} else {
				claimed[c.ID] = e
			}
		}
		for _, before := range entries {
			if both := shared[before]; len(both) > 0 {
				problems = append(problems, fmt.Sprintf("%s and %s both cover %s", before.At(), e.At(), ranges(both, nil)))
			}
		}
		switch {
		case e.expired(now):
			problems = append(problems, fmt.Sprintf("%s: the entry for %s expired on %s", e.At(), e.Case, e.Expires))
		case e.endsSoon(now):
			warnings = append(warnings, fmt.Sprintf("%s: the entry for %s expires after %s", e.At(), e.Case, e.Expires))
		}
		if strings.HasPrefix(e.Reason, Unexplained) {
			warnings = append(warnings, fmt.Sprintf("%s: the entry for %s has no reason yet", e.At(), e.Case))
		}
		if v := e.Evidence; v != nil && now.Sub(v.Date.Time) > stale {
			warnings = append(warnings, fmt.Sprintf("%s: the evidence for %s is of %s: measure it again with wsconform stress", e.At(), e.Case, v.Date))
		}
	}
	return problems, warnings
}
