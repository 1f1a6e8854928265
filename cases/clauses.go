package cases

import (
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/internal/transcript"
)

// Clauses are a [Want] that grades by what holds of a connection: the first clause
// whose checks all hold gives the grade, and none means FAILED. The closing half
// of the verdict stays empty.
type Clauses []Clause

// A Clause is a grade and what must hold for it.
type Clause struct {
	Grade  Behavior
	Checks Every
}

// Judge finds the first clause that holds.
func (list Clauses) Judge(_ Case, t *transcript.Transcript) Verdict {
	for _, c := range list {
		if c.Checks.Holds(t) {
			return Verdict{Behavior: c.Grade, Reason: c.Checks.String()}
		}
	}
	return Verdict{Behavior: Failed, Reason: "what happened is none of the accepted outcomes: " + outcome(t)}
}

// Next steers nothing: the steps say all that is done.
func (Clauses) Next(Case, *transcript.Transcript) []Op { return nil }

// Settled is never known: a later event may undo a clause.
func (Clauses) Settled(Case, *transcript.Transcript) bool { return false }

// String lists the clauses, a line each.
func (list Clauses) String() string {
	lines := make([]string, len(list))
	for i, c := range list {
		lines[i] = fmt.Sprintf("%s: %v", c.Grade, c.Checks)
	}
	return strings.Join(lines, "\n")
}

// outcome says in a line what happened on a connection.
func outcome(t *transcript.Transcript) string {
	var words []string
	for _, e := range t.Events {
		words = append(words, e.String())
	}
	for i := range t.Streams {
		if len(t.Streams) <= 4 {
			words = append(words, fmt.Sprintf("on stream %d %s", i+1, outcome(&t.Streams[i])))
		}
	}
	if len(words) == 0 {
		return "nothing"
	}
	const most = 12
	if len(words) > most {
		words = append(words[:most], fmt.Sprintf("and %d more events", len(words)-most))
	}
	return strings.Join(words, ", ")
}
