package runner

import (
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// playable parts the cases into those that can be played against a peer in this role,
// with what was declared of it, and the results of the others: they say what is
// missing, and are no failures.
func playable(list []cases.Case, role cases.Role, declared []cases.Need) (play []cases.Case, rest []harness.Result) {
	for _, c := range list {
		var note string
		switch i := slices.IndexFunc(c.Needs, func(n cases.Need) bool { return n.Declared() && !slices.Contains(declared, n) }); {
		case !c.For(role):
			note = fmt.Sprintf("the case is not for a %v", role)
		case i >= 0:
			note = fmt.Sprintf("the case needs a peer with %s, which was not declared", c.Needs[i])
		default:
			play = append(play, c)
			continue
		}
		rest = append(rest, harness.Result{
			Case: c.ID, Outcome: harness.Unsupported, Note: note, Verdict: cases.Verdict{Behavior: cases.Unimplemented, Reason: note},
		})
	}
	return play, rest
}
