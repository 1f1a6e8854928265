package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
)

// SetIdle sets how long nothing may happen before a case counts as halted.
func (e *Engine) SetIdle(d time.Duration) { e.idle = func(cases.Case) time.Duration { return d } }

// For tests of what has no other way out.
var (
	BytesOf    = bytesOf
	Split      = splitIDs
	Limit      = limit
	ParseCase  = func(text string) (cases.ID, string) { l := parseLine(text); return l.id, l.agent }
	MaxFile    = maxFile
	MaxEntries = maxEntries
)

func splitIDs(list []cases.Case, role cases.Role) [][]cases.ID {
	partName := serverPart
	if role == cases.Client {
		partName = clientPart
	}
	var out [][]cases.ID
	for _, p := range split(list, partName) {
		out = append(out, selected(p).Cases)
	}
	return out
}
