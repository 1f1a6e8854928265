package casepage

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/autobahn"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/internal/ledger"
)

// A Page is what is known of a case.
type Page struct {
	ID           cases.ID      `json:"id"`
	Title        string        `json:"title"` // what is sent
	Suite        cases.Suite   `json:"suite"`
	Section      string        `json:"section"`
	Level        string        `json:"level,omitempty"` // how much it demands; "" for Autobahn's cases
	Roles        []string      `json:"roles"`
	Needs        []cases.Need  `json:"needs,omitempty"`
	Sends        []Connection  `json:"sends"`
	Expect       string        `json:"expect"` // in a sentence
	Wants        []Want        `json:"wants"`
	Sections     []Section     `json:"sections"`
	Requirements []Requirement `json:"requirements"`
	Why          string        `json:"why"`
	Catches      []Fault       `json:"catches"`
	Bugs         []cases.Bug   `json:"bugs,omitempty"`
	Dissent      []string      `json:"dissent,omitempty"`
	Failures     []Failure     `json:"failures,omitempty"`
	Compared     int           `json:"compared,omitempty"` // how many implementations played it
}

// A Connection is what is done on a connection of a case, or on several alike in a row.
type Connection struct {
	First     int      `json:"first"`               // number of the connection, from 1
	Last      int      `json:"last"`                // of those alike
	Handshake []string `json:"handshake,omitempty"` // what differs from the standard one
	Steps     []string `json:"steps"`
}

// A Want is a grade and what it takes. Connection is the number of the connection that
// it judges, 0 for every one that has no wants of its own; Last is that of the last in a
// row of those judged alike.
type Want struct {
	Connection int            `json:"connection,omitempty"`
	Last       int            `json:"last,omitempty"`
	Grade      cases.Behavior `json:"grade"`
	What       []string       `json:"what"` // all of them hold
}

// A Section is a part of a standard that decides the case.
type Section struct {
	Ref   string `json:"ref"`
	URL   string `json:"url,omitempty"`
	Words string `json:"words"`
}

// A Requirement is one that the case tests.
type Requirement struct {
	ID    string       `json:"id"`
	Level ledger.Level `json:"level"`
	Words string       `json:"words"`
}

// A Fault is one that the case finds: the fault of a mutant that does not get the
// verdict of a conformant peer.
type Fault struct {
	Name   string `json:"name"`
	Role   string `json:"role"` // server, client, or peer for both
	Words  string `json:"words"`
	about  bool   // it breaks a requirement of the case
	breaks int    // how many requirements it breaks
}

// A Failure is an implementation that does not pass the case.
type Failure struct {
	Name   string `json:"name"`
	Role   string `json:"role"`
	Grade  string `json:"grade"`
	Reason string `json:"reason"`
	Page   string `json:"page,omitempty"` // where its verdict is, relative to the page
}

// maxFaults bounds the faults of a page: a simple echo tells hundreds of them.
const maxFaults = 12

// Of collects what is known of a case.
func Of(c cases.Case) Page {
	p := Page{
		ID: c.ID, Title: c.Title, Suite: c.Suite, Section: sectionOf(c.ID), Expect: c.Expect, Needs: c.Needs,
		Why: why(c.ID), Bugs: c.Bugs, Dissent: c.Disputed,
	}
	if c.Suite != cases.Autobahn {
		p.Level = c.Level.String()
	}
	for _, role := range []cases.Role{cases.Server, cases.Client, cases.Gateway} {
		if c.For(role) {
			p.Roles = append(p.Roles, role.String())
		}
	}
	lines := maxSteps
	for i, conn := range c.Conns {
		if i > 0 && reflect.DeepEqual(conn, c.Conns[i-1]) {
			p.Sends[len(p.Sends)-1].Last = i + 1
			continue
		}
		one, left := connection(conn, lines)
		one.First, one.Last = i+1, i+1
		lines = left
		p.Sends = append(p.Sends, one)
	}
	p.Wants = wants(c)
	for _, ref := range c.RFC {
		p.Sections = append(p.Sections, Section{ref, ledger.URL(ref), ledger.Section(ref)})
	}
	ids := c.Requirements
	if c.Suite == cases.Autobahn {
		ids = ledger.Autobahn(string(c.ID))
	}
	for _, id := range ids {
		if r, ok := ledger.Find(id); ok {
			p.Requirements = append(p.Requirements, Requirement{r.ID, r.Level, r.Words})
		}
	}
	p.Catches = faults(c, ids)
	return p
}

// Name is "connection 3", or "connections 3 to 5".
func (c Connection) Name() string { return numbers(c.First, c.Last) }

// On is the name of the connections that it judges.
func (w Want) On() string { return numbers(w.Connection, w.Last) }

func numbers(first, last int) string {
	if first == last {
		return fmt.Sprintf("connection %d", first)
	}
	return fmt.Sprintf("connections %d to %d", first, last)
}

// sectionOf names the chapters that the case stands in.
func sectionOf(id cases.ID) string {
	var titles []string
	for _, s := range sections() {
		if strings.HasPrefix(string(id), s.ID+".") {
			titles = append(titles, s.Title)
		}
	}
	return strings.Join(titles, ": ")
}

// connection says what is done on a connection, in that many lines, and how many are
// left for those behind it. Each has two at least.
func connection(c cases.Conn, lines int) (Connection, int) {
	lines = max(lines, 2)
	one := Connection{Steps: []string{}}
	for _, edit := range c.Head {
		one.Handshake = append(one.Handshake, short(edit.String()))
	}
	if c.Deflate != nil && c.Deflate.Offers != "" {
		one.Handshake = append(one.Handshake, "an offer of "+c.Deflate.Offers)
	}
	for i, step := range c.Steps {
		if i == lines {
			one.Steps = append(one.Steps, fmt.Sprintf("and %d more steps", len(c.Steps)-i))
			break
		}
		one.Steps = append(one.Steps, words(step))
	}
	return one, lines - len(one.Steps)
}

// Bounds of what a page says about the steps of a case: some send thousands of frames.
const (
	maxSteps = 100
	maxLine  = 300 // bytes
)

// words describes a step. Of bytes, which may be a megabyte, short would leave the ends.
func words(step cases.Step) string {
	if raw, ok := step.(cases.Raw); ok && len(raw) > 2*maxLine {
		step = slices.Concat(raw[:maxLine], raw[len(raw)-maxLine:])
	}
	return short(step.String())
}

// short cuts a long line in its middle.
func short(line string) string {
	if len(line) <= maxLine {
		return line
	}
	half := maxLine / 2
	return strings.ToValidUTF8(line[:half], "") + " … " + strings.ToValidUTF8(line[len(line)-half:], "")
}

// wants lists what the grades take. What no line describes is FAILED.
func wants(c cases.Case) []Want {
	var list []Want
	add := func(w cases.Want, first, last int) {
		clauses, ok := w.(cases.Clauses)
		if !ok {
			return
		}
		for _, clause := range clauses {
			one := Want{Connection: first, Last: last, Grade: clause.Grade}
			for _, check := range clause.Checks {
				one.What = append(one.What, short(check.String()))
			}
			if len(clause.Checks) == 0 {
				one.What = []string{"anything else"}
			}
			list = append(list, one)
		}
	}
	if c.Suite == cases.Autobahn {
		return autobahnWants(autobahn.Of(c))
	}
	add(c.Want, 0, 0)
	for first := 0; first < len(c.Conns); {
		want, last := c.Conns[first].Want, first+1
		for last < len(c.Conns) && reflect.DeepEqual(c.Conns[last].Want, want) {
			last++
		}
		if want != nil {
			add(want, first+1, last)
		}
		first = last
	}
	return list
}

// AnythingElse reports whether a grade is given to all that the others do not describe.
func (p Page) AnythingElse() bool {
	return slices.ContainsFunc(p.Wants, func(w Want) bool { return len(w.What) == 1 && w.What[0] == "anything else" })
}

// autobahnWants says the same of one of Autobahn's cases, whose two halves are
// judged apart.
func autobahnWants(w autobahn.Want) []Want {
	ends := "the peer fails the connection"
	if w.ClosedByUs {
		ends = "we close"
	}
	if w.Clean {
		ends += ", and the closing handshake is completed"
	}
	var list []Want
	for _, reading := range w.Events {
		words := make([]string, len(reading.Events))
		for i, e := range reading.Events {
			words[i] = e.String()
		}
		what := cmp.Or(strings.Join(words, ", then "), "nothing comes")
		list = append(list, Want{Grade: reading.Behavior, What: []string{what}})
	}
	if len(list) == 0 {
		list = []Want{{Grade: cases.OK}}
	}
	list[0].What = append(list[0].What, "in the end "+ends)
	return list
}

// faults lists the faults that the case finds: first those that break what it tests,
// then those that break little else. One that servers and clients can have stands there once.
func faults(c cases.Case, requirements []string) []Fault {
	list := []Fault{}
	for _, k := range killers()[c.ID] {
		if k.Role == "gateway" {
			if g, ok := gateway.Find(k.Mutant); ok {
				list = append(list, Fault{k.Mutant, k.Role, g.Words, true, 1})
			}
			continue
		}
		m, _ := mutants.Find(k.Mutant)
		about := slices.ContainsFunc(m.Breaks, func(id string) bool { return slices.Contains(requirements, id) })
		role := k.Role
		if m.Roles == mutants.Both {
			role = "peer"
		}
		list = append(list, Fault{m.Name, role, m.Title, about, len(m.Breaks)})
	}
	slices.SortStableFunc(list, func(a, b Fault) int {
		switch {
		case a.about && !b.about:
			return -1
		case b.about && !a.about:
			return 1
		}
		return cmp.Or(cmp.Compare(a.breaks, b.breaks), cmp.Compare(a.Name, b.Name))
	})
	list = slices.CompactFunc(list, func(a, b Fault) bool { return a.Name == b.Name }) // a fault of both roles
	return list[:min(len(list), maxFaults)]
}
