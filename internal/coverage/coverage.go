// Package coverage says which requirements the cases test and which faults they find:
// the ledger of requirements and the kill matrix, put together. Start at [Requirements]
// and [Matrix]. Package [github.com/wsconform/wsconform/reports/kills] writes both as a page.
package coverage

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/internal/ledger"
)

// A Requirement is one of the ledger, with what looks at it.
type Requirement struct {
	ledger.Requirement
	Cases    []cases.ID // that test it
	Mutants  []string   // that break it
	Killings []Killing  // a case that tests it finds a mutant that breaks it
	Never    string     // why no test from outside can tell, or ""
}

// A Killing is a case that finds a mutant.
type Killing struct {
	Case   cases.ID `json:"case"`
	Mutant string   `json:"mutant"`
	Role   string   `json:"role"`
}

// A State says how far a requirement is tested.
type State string

// The states.
const (
	Killed  State = "killed"  // a case that tests it finds a mutant that breaks it
	Tested  State = "tested"  // cases test it, and none of them finds such a mutant
	Open    State = "open"    // no case tests it
	Outside State = "outside" // no test of a connection can tell
)

// State says how far the requirement is tested.
func (r Requirement) State() State {
	switch {
	case len(r.Killings) > 0:
		return Killed
	case r.Never != "":
		return Outside
	case len(r.Cases) > 0:
		return Tested
	case r.Test != ledger.Wire:
		return Outside
	}
	return Open
}

// Binding reports whether the requirement is a MUST or MUST NOT.
func (r Requirement) Binding() bool { return r.Level == ledger.Must || r.Level == ledger.MustNot }

// Requirements lists the ledger in its order.
func Requirements() []Requirement { return slices.Clone(requirements()) }

var requirements = sync.OnceValue(func() []Requirement {
	var list []Requirement
	index := map[string]int{}
	for i, r := range ledger.All() {
		index[r.ID] = i
		list = append(list, Requirement{Requirement: r, Never: ledger.Unobservable(r.ID)})
	}
	tests := map[cases.ID][]string{}
	for _, c := range catalogue.All() {
		tests[c.ID] = slices.Concat(c.Requirements, ledger.Autobahn(string(c.ID)))
		for _, id := range tests[c.ID] {
			one := &list[index[id]]
			one.Cases = append(one.Cases, c.ID)
		}
	}
	breaks, gateways := map[string][]string{}, map[string][]string{}
	broken := func(by map[string][]string, name string, ids []string) {
		by[name] = ids
		for _, id := range ids {
			one := &list[index[id]]
			one.Mutants = append(one.Mutants, name)
		}
	}
	for _, m := range slices.Concat(mutants.Catalogue(), mutants.HTTP2(), mutants.HTTP3()) {
		broken(breaks, m.Name, m.Breaks)
	}
	for _, m := range gateway.Catalogue {
		broken(gateways, m.Name, m.Breaks)
	}
	for _, k := range mutants.Kills() {
		by := breaks
		if k.Role == "gateway" {
			by = gateways
		}
		for _, id := range slices.Concat(k.Autobahn, k.RFC) {
			for _, requirement := range by[k.Mutant] {
				if slices.Contains(tests[cases.ID(id)], requirement) {
					one := &list[index[requirement]]
					one.Killings = append(one.Killings, Killing{cases.ID(id), k.Mutant, k.Role})
				}
			}
		}
	}
	return list
})

// A Matrix sums the kill matrix up. A mutant in a role counts once.
type Matrix struct {
	Mutants  int `json:"mutants"`
	Ours     int `json:"ours"`     // killed by a case of either suite, played by our engine
	OursRed  int `json:"oursRed"`  // and by one that fails, not only leniently
	Autobahn int `json:"autobahn"` // killed by a case of the original
	OldRed   int `json:"autobahnRed"`

	// Gateways are mutant gateways, of which Autobahn sees none, and GatewaysKilled those
	// that a case kills. They are in no other sum.
	Gateways       int `json:"gateways"`
	GatewaysKilled int `json:"gatewaysKilled"`

	Alive []mutants.Kill `json:"alive"` // that no case of ours kills
	Idle  []cases.ID     `json:"idle"`  // cases that kill nothing
}

// Of sums up rows of the kill matrix. Peers that break nothing are no mutants.
func Of(rows []mutants.Kill) Matrix {
	m := Matrix{Alive: []mutants.Kill{}, Idle: []cases.ID{}}
	busy := map[string]bool{}
	for _, k := range rows {
		for _, id := range slices.Concat(k.Autobahn, k.RFC) {
			busy[id] = true
		}
		if k.Role == "gateway" {
			m.Gateways++
			count(&m.GatewaysKilled, len(k.RFC) > 0)
			if len(k.RFC) == 0 {
				m.Alive = append(m.Alive, k)
			}
			continue
		}
		if one, ok := mutants.Find(k.Mutant); !ok || len(one.Breaks) == 0 {
			continue
		}
		m.Mutants++
		count(&m.Ours, k.Native || len(k.RFC) > 0)
		count(&m.OursRed, k.Red)
		count(&m.Autobahn, len(k.Autobahn) > 0)
		count(&m.OldRed, k.AutobahnRed)
		if !k.Native && len(k.RFC) == 0 {
			m.Alive = append(m.Alive, k)
		}
	}
	for _, c := range catalogue.All() {
		if !busy[string(c.ID)] {
			m.Idle = append(m.Idle, c.ID)
		}
	}
	return m
}

func count(n *int, yes bool) {
	if yes {
		*n++
	}
}

// A Tally counts requirements by level and state.
type Tally struct {
	Level  ledger.Level
	Counts map[State]int
	Total  int
}

// Levels lists the tallies, the strictest level first.
func Levels(list []Requirement) []Tally {
	var all []Tally
	for _, level := range []ledger.Level{ledger.Must, ledger.MustNot, ledger.Should, ledger.ShouldNot, ledger.May} {
		t := Tally{Level: level, Counts: map[State]int{}}
		for _, r := range list {
			if r.Level == level {
				t.Counts[r.State()]++
				t.Total++
			}
		}
		if t.Total > 0 {
			all = append(all, t)
		}
	}
	return all
}

// Percent is a share of the mutants.
func (m Matrix) Percent(n int) string {
	if m.Mutants == 0 {
		return "0 %"
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*float64(n)/float64(m.Mutants)), ".0") + " %"
}
