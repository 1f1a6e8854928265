package harness

import (
	"iter"
	"strings"
)

// An EngineKind is a row of [Engines].
type EngineKind struct {
	Name  string // in flags and run files
	About string // who plays the cases, for help texts
	// Reference means that the verdicts of others are compared with those of this one.
	Reference bool
	// CutsShort means that it ends a long case by its limit though the peer still echoes.
	CutsShort bool
}

// The engines.
var (
	NativeEngine   = EngineKind{Name: "native", About: "wsconform itself"}
	AutobahnEngine = EngineKind{Name: "autobahn", About: "the original, in a container", Reference: true, CutsShort: true}
)

// Engines lists all engines, the default first.
var Engines = []EngineKind{NativeEngine, AutobahnEngine}

// EngineNames lists the names of the engines in words: "native or autobahn".
func EngineNames() string {
	var names []string
	for _, e := range Engines {
		names = append(names, e.Name)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Kind returns the row of [Engines] for the engine of a run. For an unknown one only the
// name is set.
func (e Engine) Kind() EngineKind {
	for _, kind := range Engines {
		if kind.Name == e.Name {
			return kind
		}
	}
	return EngineKind{Name: e.Name}
}

// Pairs yields the indexes of runs that are to be compared: of the same implementation in
// the same role, the second one by a reference engine. The function header says what a run
// is of; its agent is told by its folder, else by its name.
func Pairs[Run any](runs []Run, header func(Run) Header) iter.Seq2[int, int] {
	return func(yield func(i, j int) bool) {
		for i := range runs {
			for j := range runs {
				a, b := header(runs[i]), header(runs[j])
				same := a.Agent.Role == b.Agent.Role && a.Agent.implementation() == b.Agent.implementation()
				if same && !a.Engine.Kind().Reference && b.Engine.Kind().Reference && !yield(i, j) {
					return
				}
			}
		}
	}
}

// implementation tells agents apart.
func (a Agent) implementation() string {
	if a.About != nil {
		return a.About.Folder + " " + a.About.Hash
	}
	return a.Name
}
