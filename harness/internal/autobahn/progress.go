package autobahn

import (
	"strings"

	"github.com/wsconform/wsconform/cases"
)

// A line is the meaning of a line of the container's output.
type line struct {
	kind  lineKind
	id    cases.ID // of a case that begins
	agent string   // that it begins for
	text  string
}

type lineKind uint8

const (
	otherLine lineKind = iota
	caseBegins
	unreachable // the agent refused a TCP connection; the rest of the part is skipped
	knocked     // somebody connected, at a resource that is none
)

// parseLine finds the meaning of a line. Autobahn does not announce a case if its opening
// handshake fails.
func parseLine(text string) line {
	l := line{text: text}
	if rest, ok := strings.CutPrefix(text, "Running test case ID "); ok {
		if id, rest, ok := strings.Cut(rest, " "); ok && idForm().MatchString(id) {
			l.kind, l.id = caseBegins, cases.ID(id)
			rest = strings.TrimPrefix(rest, "for agent ")
			l.agent, _, _ = strings.Cut(rest, " from peer ")
		}
		return l
	}
	switch {
	case strings.HasPrefix(text, "Connection to ") && strings.Contains(text, " failed ("):
		l.kind = unreachable
	case strings.HasPrefix(text, "Entering direct command mode for peer "):
		l.kind = knocked
	}
	return l
}
