package html

import (
	"cmp"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// A changed is what a gateway did in some cases: one line of the page.
type changed struct {
	Kind  transcript.ChangeKind
	What  string
	Legal bool
	Rows  []summary.Row // the first cases in which it did so
	More  int           // how many more there are
}

// Word says whether a gateway may do so.
func (c changed) Word() string {
	if c.Legal {
		return "allowed"
	}
	return "not allowed"
}

// Class is the style class of the line.
func (c changed) Class() string {
	if c.Legal {
		return "o"
	}
	return "f"
}

const (
	// maxChanges bounds the lines, maxChangedRows the cases that each names.
	maxChanges     = 100
	maxChangedRows = 12
)

// A changeList is what a gateway changed, what it may not do first.
type changeList struct {
	List []changed
	Left int // lines that there is no room for
}

// Changes lists what the gateway changed; nil if no gateway was tested.
func (p page) Changes() *changeList {
	if p.Header.Agent.Role != cases.Gateway {
		return nil
	}
	type key struct {
		kind  transcript.ChangeKind
		what  string
		legal bool
	}
	index := map[key]int{}
	var list []changed
	for _, r := range p.Rows {
		seen := map[key]bool{}
		for _, c := range r.Changes {
			k := key{c.Kind, c.What, c.Legal}
			i, known := index[k]
			switch {
			case seen[k]: // at both ends of one case
				continue
			case !known:
				i = len(list)
				index[k] = i
				list = append(list, changed{Kind: c.Kind, What: c.What, Legal: c.Legal})
			}
			seen[k] = true
			if len(list[i].Rows) < maxChangedRows {
				list[i].Rows = append(list[i].Rows, r)
			} else {
				list[i].More++
			}
		}
	}
	order := func(c changed) int {
		if c.Legal {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(list, func(a, b changed) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), cmp.Compare(len(b.Rows)+b.More, len(a.Rows)+a.More))
	})
	n := min(len(list), maxChanges)
	return &changeList{list[:n], len(list) - n}
}
