// Package summary sums a run up, the way that all reports show it: every selected case
// in order, with what was expected of it, and sums over sections. Start at [Of].
package summary

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// titles are those of the chapters, by their ids.
var titles = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, s := range catalogue.Sections() {
		m[s.ID] = s.Title
	}
	return m
})

// A Summary is what all formats share: the run with every selected case, in
// order, and sums over sections.
type Summary struct {
	*runfile.Run
	Gate     *gate.Decision // nil without expectations
	State    runfile.State
	Rows     []Row
	Sections []Section
	Counts   map[harness.Outcome]int
	Missing  int    // cases without a verdict
	Pages    string // see [Input.Pages]
	Exchange string // see [Input.Exchange]
}

// A Row is one case. A selected case without a result is a row too.
type Row struct {
	harness.Result
	Def   cases.Case // zero if the catalogue does not know it
	Known bool

	Standing Standing
	Mark     gate.Mark   // "" unless an entry is about the case
	Entry    *gate.Entry // or nil
	Broken   string      // what the gate says against it
	Page     string      // the URL of the page about the case, or ""
}

// Title says what the case sends, or its id if the catalogue does not have it.
func (r Row) Title() string {
	if r.Known {
		return r.Def.Title
	}
	return "case " + show.Name(string(r.Case))
}

// Anchor is the id if a URL can hold it unchanged, else a hash of it.
func (r Row) Anchor() string {
	id := string(r.Case)
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_'
	}
	if id == "" || len(id) > show.MaxName || strings.IndexFunc(id, odd) >= 0 {
		return fmt.Sprintf("x%x", sha256.Sum256([]byte(id)))[:17]
	}
	return id
}

// ID is the id, made visible.
func (r Row) ID() string { return show.Name(string(r.Case)) }

// Did says what was wrong with a message of the peer in a case that fails, what the
// peer did to end the connection, and whether that was a limit of its own; "" where it
// does not matter.
func (r Row) Did(h runfile.Header) string {
	if r.Outcome != harness.Fail {
		return ""
	}
	s := r.Blame()
	if !r.OverLimit() {
		return s
	}
	limit := int64(0)
	if h.Agent.About != nil {
		limit = h.Agent.About.MaxMessage
	}
	if n := r.Def.MessageLen(); limit > 0 && int64(n) > limit {
		return fmt.Sprintf("%s; that is the limit it declares, %s bytes, and the case sends %s", s, show.Grouped(int(limit)), show.Grouped(n))
	}
	return s + "; that is a limit of the peer, and breaks no rule of the protocol"
}

// A Section is a chapter of the catalogue with its results.
type Section struct {
	ID, Title string
	Rows      []Row
	Behavior  map[cases.Behavior]int
	Close     map[cases.CloseBehavior]int
	Counts    map[harness.Outcome]int
}

// Of sums up a run. Whatever a peer has chosen is cut to its bounds; see
// [harness.Result.Bounded].
func Of(in Input) Summary {
	run := in.Run
	s := Summary{Run: run, Gate: in.Gate, State: run.State(), Counts: run.Counts(), Missing: len(run.Missing()), Pages: in.Pages, Exchange: in.Exchange}
	results := map[cases.ID]harness.Result{}
	for _, r := range run.Results {
		results[r.Case] = r.Bounded()
	}
	seen := map[cases.ID]bool{}
	add := func(id cases.ID) {
		if seen[id] {
			return
		}
		seen[id] = true
		res, played := results[id]
		if !played {
			res = harness.Result{Case: id, Outcome: harness.NotRun, Note: s.whyMissing()}
		}
		def, known := catalogue.Find(id)
		row := Row{Result: res, Def: def, Known: known}
		if known && in.Pages != "" {
			row.Page = in.Pages + string(id) + ".html"
		}
		s.Rows = append(s.Rows, row)
	}
	for _, id := range run.Header.Selection.Selected {
		add(id)
	}
	for _, r := range run.Results {
		add(r.Case)
	}
	slices.SortStableFunc(s.Rows, func(a, b Row) int { return a.Case.Compare(b.Case) })
	judgedBy(in.Gate, s.Rows)
	s.forgive()
	s.Sections = sections(s.Rows)
	return s
}

// forgive counts expected crashes and timeouts as played, as the gate does.
func (s *Summary) forgive() {
	forgiven := 0
	for _, r := range s.Rows {
		if r.Standing == Excused && !r.Outcome.Ran() {
			forgiven++
		}
	}
	s.Missing -= forgiven
	if forgiven > 0 && s.Missing == 0 && s.State == runfile.Partial && s.Footer != nil && s.Footer.Error == "" {
		s.State = runfile.Complete
	}
}

func (s Summary) whyMissing() string {
	if s.Footer == nil {
		return "the run ended before the case did"
	}
	return "the case was never started"
}

func sections(rows []Row) []Section {
	var list []Section
	for _, r := range rows {
		id := r.Case.Section()
		if len(list) == 0 || list[len(list)-1].ID != id {
			list = append(list, Section{
				ID: id, Title: titles()[id], Behavior: map[cases.Behavior]int{},
				Close: map[cases.CloseBehavior]int{}, Counts: map[harness.Outcome]int{},
			})
		}
		sec := &list[len(list)-1]
		sec.Rows = append(sec.Rows, r)
		sec.Counts[r.Outcome]++
		if r.Outcome.Ran() {
			sec.Behavior[r.Behavior]++
			if !r.OneGrade() {
				sec.Close[r.Close]++
			}
		}
	}
	return list
}

// Problems lists the cases to look at first: those that failed or are not as expected,
// then those that were started but have no verdict.
func (s Summary) Problems() []Row {
	var list []Row
	for _, r := range s.Rows {
		if r.Standing == Bad || r.Standing == Unknown && r.Outcome != harness.NotRun {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b Row) int { return cmp.Compare(a.Standing, b.Standing) })
	return list
}

// AgentName is the name and version of the agent, fit to be seen.
func AgentName(a harness.Agent) string {
	name := show.Name(a.Name)
	if strings.TrimSpace(a.Name) == "" {
		name = "unnamed agent"
	}
	if a.Version != "" {
		name += " " + show.Name(a.Version)
	}
	return name
}

// EngineName is the name and version of the engine.
func EngineName(e runfile.Engine) string {
	return strings.TrimSpace(show.Name(e.Name) + " " + show.Name(e.Version))
}
