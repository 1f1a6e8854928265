package cases

import (
	"slices"
	"strings"

	"github.com/wsconform/wsconform/internal/transcript"
)

// A peer at the level control obeys text messages that begin with "wsconform:";
// docs/control.md has the grammar. One that does not know them echoes them.
const controlPrefix = "wsconform:"

// Tell returns the control message with this command, such as "close 1001 bye".
func Tell(command string) Frame { return Text(controlPrefix + command) }

// AskControl asks a peer which commands it obeys.
var AskControl = Case{
	ID: "control", Title: "which control messages it obeys",
	Conns: []Conn{{Steps: []Step{Tell("control"), Await{For: probePatience, Until: []transcript.EventKind{transcript.GotMessage, transcript.GotClose}}}}},
	Want:  Clauses{{Grade: OK}},
}

// Commands reads from its transcript the answer to [AskControl]: the commands, or none if the peer does
// not know control messages.
func Commands(t *transcript.Transcript) []string {
	for _, e := range t.Events {
		if e.Kind != transcript.GotMessage || e.Binary || e.Len > transcript.HeadSize {
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
