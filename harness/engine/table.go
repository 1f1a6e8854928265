package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/runfile"
)

type (
	// An Engine plays cases against agents. Open of a [Kind] returns one.
	Engine = runner.Engine
	// A Setup is what an engine may need to get ready.
	Setup = runner.Setup
	// A Subject is the agent that an engine tests, the cases, and how to play them.
	Subject = runner.Subject
	// A Route says how to reach a server under test.
	Route = runner.Route
)

// A Kind is a row of [Kinds].
type Kind struct {
	Name  string // in flags and run files
	About string // who plays the cases, for help texts
	// Suite is the only one whose cases it plays; "" plays those of all.
	Suite cases.Suite
	// Unable lists the settings that it does not have, as the flags for them are named.
	Unable []string
	// Late means that it has results only when several cases have ended, so that progress
	// is told when a case begins.
	Late bool
	// Open makes the engine ready.
	Open func(context.Context, Setup) (Engine, error)
}

// Kinds lists all engines, the default first. To add one, add a folder to
// harness/internal and a row here.
var Kinds = []Kind{
	{Name: runfile.DefaultEngine, About: "wsconform itself", Open: native.Open},
	{Name: runfile.ReferenceEngine, About: "the original, in a container", Suite: cases.Autobahn, Unable: autobahn.Unable, Late: true, Open: autobahn.Open},
}

// Find returns the row with this name.
func Find(name string) (Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Name == name })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds[i], true
}

// Names lists the names of the engines, and more words for the same place, in words:
// "native or autobahn".
func Names(more ...string) string {
	var names []string
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	names = append(names, more...)
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
