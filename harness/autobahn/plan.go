package autobahn

import (
	"time"

	"github.com/wsconform/wsconform/cases"
)

// A part is what one process of Autobahn plays. Reports are written when a part
// ends, so a crash, or an engine that goes away, loses at most one. Starting a
// process costs about 0.6 s, which the 21 parts of a full run of 8 minutes do not
// notice. For a client the container and the agent are started for each part, too,
// so there are fewer.
type part struct {
	list []cases.Case
}

func (p part) ids() []cases.ID {
	ids := make([]cases.ID, len(p.list))
	for i, c := range p.list {
		ids[i] = c.ID
	}
	return ids
}

// split cuts a list where the name of the part changes.
func split(list []cases.Case, partName func(cases.ID) string) []part {
	var parts []part
	last := ""
	for _, c := range list {
		if name := partName(c.ID); name != last || len(parts) == 0 {
			parts = append(parts, part{})
			last = name
		}
		p := &parts[len(parts)-1]
		p.list = append(p.list, c)
	}
	return parts
}

// serverPart names the part of a case: its section, and its group in the sections
// that take minutes.
func serverPart(id cases.ID) string {
	switch id.Section() {
	case "12", "13":
		return id.Group()
	}
	return id.Section()
}

// clientPart is serverPart, but puts sections together that take seconds.
func clientPart(id cases.ID) string {
	switch id.Section() {
	case "12", "13":
		return id.Group()
	case "9", "10":
		return "limits"
	}
	return "light"
}

// limit is how long a case may take in Autobahn's hands: the longest of its
// timers, or all its pauses, then the two timers of a second each with which
// Autobahn ends a connection, and up to 5 s for the opening handshake.
func limit(c cases.Case) time.Duration {
	var pauses, timer time.Duration
	for _, s := range c.Steps {
		switch s := s.(type) {
		case cases.Pause:
			pauses += s.For
		case cases.KillAfter:
			timer = max(timer, pauses+s.After)
		case cases.CloseAfter:
			timer = max(timer, pauses+s.After)
		case cases.Frame, cases.FrameHeader, cases.Octets, cases.Message, cases.Close, cases.EchoLoop:
		}
	}
	return max(pauses, timer) + 7*time.Second
}

// slack is added to limits that are enforced from outside: Autobahn's timers
// run late on a busy machine, and so does the report of a part.
const slack = 20 * time.Second

// deadline is how long a whole list may take, were every case to use up its
// limit; a run that takes longer than this is not making progress.
func deadline(list []cases.Case) time.Duration {
	total := time.Minute
	for _, c := range list {
		total += limit(c)
	}
	return total + time.Duration(len(split(list, serverPart)))*slack
}
