package runfile

import (
	"iter"

	"github.com/wsconform/wsconform/harness"
)

// Two engines have a part that others have not. The table of all of them is in package
// [github.com/wsconform/wsconform/harness/engine].
const (
	DefaultEngine   = "native"   // plays if no other is asked for
	ReferenceEngine = "autobahn" // the original, with whose verdicts those of others are compared
)

// Pairs yields the indexes of runs that are to be compared: of the same implementation in
// the same role, the second one by the reference engine. The function header says what a run
// is of; its agent is told by its folder, else by its name.
func Pairs[Run any](runs []Run, header func(Run) Header) iter.Seq2[int, int] {
	return func(yield func(i, j int) bool) {
		for i := range runs {
			for j := range runs {
				a, b := header(runs[i]), header(runs[j])
				same := a.Agent.Role == b.Agent.Role && implementation(a.Agent) == implementation(b.Agent)
				if same && a.Engine.Name != ReferenceEngine && b.Engine.Name == ReferenceEngine && !yield(i, j) {
					return
				}
			}
		}
	}
}

// implementation tells agents apart.
func implementation(a harness.Agent) string {
	if a.About != nil {
		return a.About.Folder + " " + a.About.Hash
	}
	return a.Name
}
