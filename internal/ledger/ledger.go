// Package ledger lists what the standards ask of a WebSocket endpoint: 392
// requirements of RFC 6455, 7692, 8441, 9220 and of the documents that they build
// on, one line each.
//
// Start at [All] and [Find]. Cases name the requirements that they look at, mutants
// those that they break, and reports show their words, so an id is the name of a
// requirement everywhere. Ids are frozen; the words may get better. [Section] says
// what a whole section asks for, [Autobahn] which requirements decide a case of
// Autobahn.
//
// The words are ours. Where they and a standard differ, the standard is right. So it
// is with the level: many sections say what is to be done without the word MUST.
package ledger

import (
	"slices"
	"strings"
	"sync"
)

// A Requirement is one thing that a standard asks for or permits.
type Requirement struct {
	ID    string // such as "RFC6455-5.4-no-interleave"
	Ref   string // the section, such as "RFC 6455 5.4"
	Level Level
	Role  Role
	Test  Test
	Words string // a sentence
}

// A Level says how strict a requirement is (RFC 2119).
type Level string

// The levels.
const (
	Must      Level = "MUST"
	MustNot   Level = "MUST NOT"
	Should    Level = "SHOULD"
	ShouldNot Level = "SHOULD NOT"
	May       Level = "MAY"
)

// A Role says whom a requirement binds.
type Role string

// The roles.
const (
	Client       Role = "client"
	Server       Role = "server"
	Both         Role = "both"
	Intermediary Role = "intermediary"
)

// A Test says what it takes to see whether a requirement is kept.
type Test string

// The kinds of test.
const (
	Wire  Test = "wire"  // the connection shows it
	API   Test = "api"   // only the interface of the implementation shows it
	Never Test = "never" // nothing does; see [Unobservable]
)

var lists = [][]Requirement{opening, frames, closing, rest, deflate, overHTTP, others}

// All returns every requirement, those of a section together.
func All() []Requirement { return slices.Clone(all()) }

var all = sync.OnceValue(func() []Requirement { return slices.Concat(lists...) })

var byID = sync.OnceValue(func() map[string]Requirement {
	m := map[string]Requirement{}
	for _, r := range all() {
		m[r.ID] = r
	}
	return m
})

// Find returns the requirement with the id.
func Find(id string) (Requirement, bool) {
	r, ok := byID()[id]
	return r, ok
}

// Unobservable says why no test from outside can tell whether the requirement is
// kept; "" if one can.
func Unobservable(id string) string { return unobservable[id] }

// Autobahn lists the requirements that decide the case of Autobahn's with this id,
// such as "5.18".
func Autobahn(id string) []string {
	var list []string
	for _, r := range all() {
		if slices.ContainsFunc(direct[r.ID], func(pattern string) bool { return matches(pattern, id) }) {
			list = append(list, r.ID)
		}
	}
	return list
}

// matches reports whether the id fits a pattern, which is an id or ends in ".*".
func matches(pattern, id string) bool {
	group, all := strings.CutSuffix(pattern, "*")
	return id == pattern || all && strings.HasPrefix(id, group)
}

// Section says in a few sentences what a section such as "RFC 6455 5.4" asks for, as
// far as cases look at it: in words of its own, or else in those of its requirements.
// It is "" if there are neither.
func Section(ref string) string {
	if words := sections[ref]; words != "" {
		return words
	}
	var words []string
	for _, r := range all() {
		if r.Ref == ref {
			words = append(words, r.Words)
		}
	}
	return strings.Join(words, " ")
}

// URL returns the address of a section such as "RFC 6455 5.4", or "" if the text is
// not the name of one.
func URL(ref string) string {
	words := strings.Fields(ref)
	if len(words) != 3 || words[0] != "RFC" || strings.Trim(words[1]+words[2], "0123456789.") != "" {
		return ""
	}
	return "https://www.rfc-editor.org/rfc/rfc" + words[1] + "#section-" + words[2]
}
