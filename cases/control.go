package cases

import (
	"slices"
	"strings"
)

// A peer at the level control obeys text messages that begin with "wsconform:";
// docs/control.md has the grammar. One that does not know them echoes them.
const controlPrefix = "wsconform:"

// Tell returns the control message with this command, such as "close 1001 bye".
func Tell(command string) Frame { return Text(controlPrefix + command) }

// AskControl asks a peer which commands it obeys.
var AskControl = Case{
	ID: "control", Title: "which control messages it obeys",
	Conns: []Conn{{Steps: []Step{Tell("control"), Await{For: probePatience, Until: []EventKind{GotMessage, GotClose}}}}},
	Want:  Clauses{{Grade: OK}},
}

// Commands reads the answer to [AskControl]: the commands, or none if the peer does
// not know control messages.
func (t *Transcript) Commands() []string {
	for _, e := range t.Events {
		if e.Kind != GotMessage || e.Binary || e.Len > HeadSize {
			continue
		}
		if list, ok := strings.CutPrefix(string(e.Data), controlPrefix+"control "); ok {
			return slices.DeleteFunc(strings.Fields(list), func(word string) bool {
				return !slices.Contains(ControlNeeds, Need("control:"+word))
			})
		}
	}
	return nil
}
