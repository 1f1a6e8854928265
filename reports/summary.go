package reports

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/gate"
)

// outcomes lists all outcomes in the order in which reports show them.
var outcomes = []harness.Outcome{
	harness.Pass, harness.PassLenient, harness.Fail, harness.Unsupported, harness.Observed,
	harness.Crash, harness.Timeout, harness.Blocked, harness.HarnessError, harness.NotRun,
}

// An idIndex finds the cases and the titles of the sections by their ids.
type idIndex struct {
	cases    map[cases.ID]cases.Case
	sections map[string]string
}

// catalogue is the index of the whole catalogue.
var catalogue = sync.OnceValue(func() idIndex {
	c := idIndex{map[cases.ID]cases.Case{}, map[string]string{}}
	for _, one := range cases.All() {
		c.cases[one.ID] = one
	}
	for _, s := range cases.Sections() {
		c.sections[s.ID] = s.Title
	}
	return c
})

// A summary is what all formats share: the run with every selected case, in
// order, and sums over sections.
type summary struct {
	*harness.Run
	Gate     *gate.Decision // nil without expectations
	State    harness.State
	Rows     []row
	Sections []section
	Counts   map[harness.Outcome]int
	Missing  int // cases without a verdict
}

// A row is one case. A selected case without a result is a row too.
type row struct {
	harness.Result
	Def   cases.Case // zero if the catalogue does not know it
	Known bool

	Standing standing
	Mark     gate.Mark   // "" unless an entry is about the case
	Entry    *gate.Entry // nil likewise
	Broken   string      // what the gate says against it
}

// Title says what the case sends, or its id when the catalogue does not know.
func (r row) Title() string {
	if r.Known {
		return r.Def.Title
	}
	return "case " + short(string(r.Case), maxName)
}

// Anchor is the id where it can stand in a URL as it is, else a hash of it.
func (r row) Anchor() string {
	id := string(r.Case)
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_'
	}
	if id == "" || len(id) > maxName || strings.IndexFunc(id, odd) >= 0 {
		return fmt.Sprintf("x%x", sha256.Sum256([]byte(id)))[:17]
	}
	return id
}

// ID is the id, fit to be seen.
func (r row) ID() string { return short(string(r.Case), maxName) }

// Did says what the peer did to end the connection of a case that fails, and
// whether that was a limit of its own; "" where it does not matter.
func (r row) Did(h harness.Header) string {
	if r.Outcome != harness.Fail {
		return ""
	}
	s := r.Ending()
	if !r.OverLimit() {
		return s
	}
	limit := int64(0)
	if h.Agent.About != nil {
		limit = h.Agent.About.MaxMessage
	}
	if _, n := r.Def.Wanted(); limit > 0 && int64(n) > limit {
		return fmt.Sprintf("%s; that is the limit it declares, %s bytes, and the case sends %s", s, grouped(int(limit)), grouped(n))
	}
	return s + "; that is a limit of the peer, and breaks no rule of the protocol"
}

// A section is a chapter of the catalogue with what became of its cases.
type section struct {
	ID, Title string
	Rows      []row
	Behavior  map[cases.Behavior]int
	Close     map[cases.CloseBehavior]int
	Counts    map[harness.Outcome]int
}

func summarize(in Input) summary {
	run := in.Run
	s := summary{Run: run, Gate: in.Gate, State: run.State(), Counts: run.Counts(), Missing: len(run.Missing())}
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
		def, known := catalogue().cases[id]
		s.Rows = append(s.Rows, row{Result: res, Def: def, Known: known})
	}
	for _, id := range run.Header.Selection.Selected {
		add(id)
	}
	for _, r := range run.Results {
		add(r.Case)
	}
	slices.SortStableFunc(s.Rows, func(a, b row) int { return a.Case.Compare(b.Case) })
	judgedBy(in.Gate, s.Rows)
	s.forgive()
	s.Sections = sections(s.Rows)
	return s
}

// forgive takes crashes and timeouts that were expected off what lacks: the gate
// counts them as played.
func (s *summary) forgive() {
	forgiven := 0
	for _, r := range s.Rows {
		if r.Standing == excused && !r.Outcome.Ran() {
			forgiven++
		}
	}
	s.Missing -= forgiven
	if forgiven > 0 && s.Missing == 0 && s.State == harness.Partial && s.Footer != nil && s.Footer.Error == "" {
		s.State = harness.Complete
	}
}

func (s summary) whyMissing() string {
	if s.Footer == nil {
		return "the run was cut off before the case ended"
	}
	return "the case was never started"
}

func sections(rows []row) []section {
	var list []section
	for _, r := range rows {
		id := r.Case.Section()
		if len(list) == 0 || list[len(list)-1].ID != id {
			list = append(list, section{
				ID: id, Title: catalogue().sections[id], Behavior: map[cases.Behavior]int{},
				Close: map[cases.CloseBehavior]int{}, Counts: map[harness.Outcome]int{},
			})
		}
		sec := &list[len(list)-1]
		sec.Rows = append(sec.Rows, r)
		sec.Counts[r.Outcome]++
		if r.Outcome.Ran() {
			sec.Behavior[r.Behavior]++
			sec.Close[r.Close]++
		}
	}
	return list
}

// Problems lists the cases to look at first: those that failed or are not as
// expected, then those that came to no verdict although they were started.
func (s summary) Problems() []row {
	var list []row
	for _, r := range s.Rows {
		if r.Standing == bad || r.Standing == unknown && r.Outcome != harness.NotRun {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b row) int { return cmp.Compare(a.Standing, b.Standing) })
	return list
}

// Headline says in a few words how the run went, never better than it did.
func (s summary) Headline() string {
	n, fails := len(s.Rows), s.Standings(bad)
	switch {
	case n == 0:
		return "Nothing was run"
	case fails > 0 && s.Expecting():
		return countOf(fails, n, "cases is not as expected", "cases are not as expected")
	case fails > 0:
		return countOf(fails, n, "fails", "fail")
	case s.Missing == n:
		return fmt.Sprintf("0 of %d have a verdict", n)
	case len(s.RunViolations()) > 0:
		return "The expectations do not hold"
	case s.Gate != nil && s.Missing == 0 && s.Standings(excused) > 0:
		return fmt.Sprintf("All %d cases are as expected", n)
	}
	if s.Tone() == harness.Pass && s.Counts[harness.Observed] < n { // some cases only look, and cannot pass
		return fmt.Sprintf("No failure in %s", plural(n, "case", "cases"))
	}
	return countOf(s.Counts[harness.Pass], n, "passes", "pass")
}

// Alarm says why the run cannot be relied on; "" if it can.
func (s summary) Alarm() string {
	switch {
	case s.State == harness.Invalid && s.Footer.Error != "":
		return "This run is invalid: " + short(s.Footer.Error, maxText)
	case s.State == harness.Invalid:
		return "This run is invalid: the harness failed"
	case len(s.Rows) == 0:
		return "This run is partial: it holds no case"
	case s.Missing > 0 && s.Footer != nil && s.Footer.Cause != "": // the agent is to blame
		return fmt.Sprintf("%s no verdict: %s", countOf(s.Missing, len(s.Rows), "cases has", "cases have"), short(s.Footer.Error, maxText))
	case s.Missing > 0:
		return fmt.Sprintf("%s no verdict", countOf(s.Missing, len(s.Rows), "cases has", "cases have"))
	case s.State == harness.Partial:
		return "This run is partial: it was cut off or interrupted at its end"
	}
	return ""
}

// Gaps says section by section how many cases lack a verdict.
func (s summary) Gaps() string {
	if s.Missing == 0 {
		return ""
	}
	var parts []string
	for _, sec := range s.Sections {
		n := sec.Missing()
		switch {
		case n == 0:
		case n == len(sec.Rows):
			parts = append(parts, fmt.Sprintf("all %d of section %s", n, visible(sec.ID)))
		default:
			parts = append(parts, fmt.Sprintf("%d of section %s", n, visible(sec.ID)))
		}
	}
	return "Missing: " + strings.Join(parts, ", ") + "."
}

// countOf writes n of a total, with words that follow the number.
func countOf(n, total int, one, many string) string {
	words := many
	if n == 1 {
		words = one
	}
	return fmt.Sprintf("%d of %d %s", n, total, words)
}

// Rest says what the headline leaves out.
func (s summary) Rest() string {
	var parts []string
	word := func(o harness.Outcome, text string) {
		if n := s.Counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf(text, n))
		}
	}
	if s.Standings(bad) > 0 || s.Standings(excused) > 0 || s.Tone() == harness.Pass {
		word(harness.Pass, "%d pass")
	}
	if s.Expecting() {
		word(harness.Fail, "%d fail")
	}
	if n := s.overLimit(); n > 0 {
		parts = append(parts, plural(n, "failure", "failures")+" because of the peer's size limit (it closed with 1009)")
	}
	word(harness.PassLenient, "%d pass leniently")
	word(harness.Observed, "%d only observed")
	word(harness.Unsupported, "%d unsupported")
	word(harness.Crash, "%d crashed the agent")
	word(harness.Timeout, "%d timed out")
	word(harness.Blocked, "%d blocked")
	word(harness.HarnessError, "%d harness errors")
	word(harness.NotRun, "%d not run")
	words := strings.Join(parts, ", ")
	if n := s.Standings(excused); n > 0 {
		words += "; " + plural(n, "failure", "failures") + " as expected"
	}
	return words
}

// overLimit counts the failures of a peer that refused a message as too big.
func (s summary) overLimit() int {
	n := 0
	for _, r := range s.Rows {
		if r.Standing == bad && r.Outcome == harness.Fail && r.OverLimit() {
			n++
		}
	}
	return n
}

// Tone is the outcome whose colour the whole run has.
func (s summary) Tone() harness.Outcome {
	switch {
	case s.State == harness.Invalid, s.Standings(bad) > 0, len(s.RunViolations()) > 0:
		return harness.Fail
	case s.State == harness.Partial:
		return harness.NotRun
	case s.Gate != nil && s.Standings(excused) > 0:
		return harness.Pass
	case s.Counts[harness.Unsupported] > 0:
		return harness.Unsupported
	case s.Counts[harness.PassLenient] > 0:
		return harness.PassLenient
	}
	return harness.Pass
}

// agentName is the name and version of the agent, fit to be seen.
func agentName(a harness.Agent) string {
	name := short(a.Name, maxName)
	if strings.TrimSpace(a.Name) == "" {
		name = "unnamed agent"
	}
	if a.Version != "" {
		name += " " + short(a.Version, maxName)
	}
	return name
}

// engineName is the name and version of the engine.
func engineName(e harness.Engine) string {
	return strings.TrimSpace(short(e.Name, maxName) + " " + short(e.Version, maxName))
}
