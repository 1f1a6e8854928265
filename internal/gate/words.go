package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// String sums the decision up in one line: "2 cases fail unexpectedly, 1 entry has
// expired", or that the gate holds.
func (d Decision) String() string {
	if len(d.Violations) == 0 {
		return "the gate holds"
	}
	var parts []string
	for _, row := range phrases {
		n := 0
		for _, v := range d.Violations {
			switch {
			case v.Kind != row.kind:
			case row.one == "":
				parts = append(parts, v.Text)
			default:
				n++
			}
		}
		switch {
		case n == 1:
			parts = append(parts, "1 "+row.one)
		case n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", n, row.many))
		}
	}
	return strings.Join(parts, "; ")
}

// phrases count the violations of a kind. Those about the whole run have a text
// of their own.
var phrases = []struct {
	kind      Kind
	one, many string
}{
	{InvalidRun, "", ""},
	{NotJudged, "", ""},
	{Untestable, "", ""},
	{Unmatched, "entry matches no case", "entries match no case"},
	{Unexpected, "case fails unexpectedly", "cases fail unexpectedly"},
	{Unallowed, "case has an outcome that the policy does not allow", "cases have outcomes that the policy does not allow"},
	{Passes, "case passes unexpectedly", "cases pass unexpectedly"},
	{Changed, "case fails differently than declared", "cases fail differently than declared"},
	{OutOfDate, "entry has expired", "entries have expired"},
	{Duplicate, "entry is a duplicate", "entries are duplicates"},
	{Overlap, "pair of entries covers the same case", "pairs of entries cover the same cases"},
	{Missing, "", ""},
	{TooFew, "", ""},
	{WithoutCase, "", ""},
}

func haveOf(n, all int) string {
	if n == 1 {
		return fmt.Sprintf("1 of %s has", countCases(all))
	}
	return fmt.Sprintf("%d of %s have", n, countCases(all))
}

func wasOf(n int) string {
	if n == 1 {
		return "1 case was"
	}
	return countCases(n) + " were"
}

func countCases(n int) string { return harness.Count(n, "case") }

// ranges names cases, those that follow each other in the run (or, without one,
// in the catalogue) as a range: "5.1 to 5.20, 7.1.1".
func ranges(ids []cases.ID, run *runfile.Run) string {
	var order []cases.ID
	if run != nil {
		order = slices.SortedFunc(slices.Values(run.Header.Selection.Selected), cases.ID.Compare)
	} else {
		for _, c := range catalogue.All() {
			order = append(order, c.ID)
		}
	}
	place := make(map[cases.ID]int, len(order))
	for i, id := range order {
		place[id] = i + 1
	}
	var parts []string
	for rest := ids; len(rest) > 0; {
		n := 1
		for n < len(rest) && place[rest[n]] > 0 && place[rest[n]] == place[rest[n-1]]+1 {
			n++
		}
		switch n {
		case 1:
			parts = append(parts, string(rest[0]))
		case 2:
			parts = append(parts, string(rest[0]), string(rest[1]))
		default:
			parts = append(parts, fmt.Sprintf("%s to %s", rest[0], rest[n-1]))
		}
		rest = rest[n:]
	}
	return strings.Join(parts, ", ")
}
