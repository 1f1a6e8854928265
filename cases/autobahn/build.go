package autobahn

import (
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// clean is the code the harness closes with when the peer did all it should.
const clean = wsproto.StatusNormalClosure

// An entry is a case of the suite. Each has one connection.
type entry struct {
	ID      cases.ID
	Title   string
	Expect  string
	RFC     []string
	Bugs    []cases.Bug
	Load    cases.Load
	Steps   []cases.Step
	Want    Want
	Deflate *cases.Deflate
}

// build makes the case.
func (e entry) build() cases.Case {
	return cases.Case{
		ID: e.ID, Title: e.Title, Expect: e.Expect, RFC: e.RFC, Bugs: e.Bugs, Suite: cases.Autobahn, Load: e.Load,
		Conns: []cases.Conn{{Deflate: e.Deflate, Steps: e.Steps}}, Want: e.Want,
	}
}

// Echoes wants these events, then a clean closing handshake that we start.
func Echoes(events ...transcript.Event) Want {
	return closes(clean).after(events...)
}

// failing wants these events, then a peer that fails the connection: with this
// code, with none or by dropping TCP.
func failing(code wsproto.StatusCode, events ...transcript.Event) Want {
	return Want{Codes: []wsproto.StatusCode{code}}.after(events...)
}

// closes wants no event and a clean answer to our close, with one of these
// codes or none.
func closes(codes ...wsproto.StatusCode) Want {
	return Want{ClosedByUs: true, Codes: codes, Clean: true}.after()
}

// tolerate returns w with a NON-STRICT reading of the peer's events.
func (w Want) tolerate(events ...transcript.Event) Want {
	w.Events = append(slices.Clone(w.Events), reading{cases.NonStrict, events})
	return w
}

// under returns w with another rule.
func (w Want) under(r Rule) Want { w.Rule = r; return w }

// after returns w with these events as its one reading.
func (w Want) after(events ...transcript.Event) Want {
	w.Events = []reading{{cases.OK, events}}
	return w
}

// numbered builds the cases of a group from a table, a row each, and gives them
// the ids group.1, group.2 and so on.
func numbered[Row any](group string, rows []Row, build func(Row) entry) []entry {
	list := make([]entry, len(rows))
	for i, row := range rows {
		list[i] = build(row)
		list[i].ID = cases.ID(fmt.Sprintf("%s.%d", group, i+1))
	}
	return list
}

// rfc6455 names sections of RFC 6455.
func rfc6455(sections ...string) []string { return rfc("RFC 6455 ", sections) }

// rfc7692 names sections of RFC 7692.
func rfc7692(sections ...string) []string { return rfc("RFC 7692 ", sections) }

func rfc(prefix string, sections []string) []string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = prefix + s
	}
	return names
}

// What most cases expect, in one wording.
const (
	expectEcho = "the message comes back with the same type and bytes, and our close is answered"
	expectFail = "nothing comes back but the failure: a close frame with 1002, or the end of TCP"
)
