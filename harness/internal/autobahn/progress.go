package autobahn

import (
	"strconv"
	"strings"

	"github.com/wsconform/wsconform/cases"
)

// A Progress says that a case has begun. Autobahn does not announce a case if its
// opening handshake fails.
type Progress struct {
	Case  cases.ID
	Index int // of the case among the selected cases, from 1
	Total int
}

// A line is the meaning of a line of the container's output.
type line struct {
	kind lineKind
	id   cases.ID // of a case that begins
	part int      // of a part that ended, and
	exit int      // its exit status
	text string
}

type lineKind uint8

const (
	otherLine lineKind = iota
	caseBegins
	partEnds
	unreachable // the agent refused a TCP connection; the rest of the part is skipped
)

// partMark begins the line that our script prints when a part ends. It cannot be
// forged: the agent's name is the only outside text in Autobahn's output, and with
// parts that name is ours.
const partMark = "wsconform-part "

func parseLine(text string) line {
	l := line{text: text}
	if rest, ok := strings.CutPrefix(text, "Running test case ID "); ok {
		if id, _, ok := strings.Cut(rest, " "); ok && idForm.MatchString(id) {
			l.kind, l.id = caseBegins, cases.ID(id)
		}
		return l
	}
	if rest, ok := strings.CutPrefix(text, partMark); ok {
		part, exit, _ := strings.Cut(rest, " ")
		n, err1 := strconv.Atoi(part)
		status, err2 := strconv.Atoi(exit)
		if err1 == nil && err2 == nil {
			l.kind, l.part, l.exit = partEnds, n, status
		}
		return l
	}
	if strings.HasPrefix(text, "Connection to ") && strings.Contains(text, " failed (") {
		l.kind = unreachable
	}
	return l
}
