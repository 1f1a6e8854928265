package compare

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/owner"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A Player plays units on this machine.
type Player struct {
	Workshop *Workshop
	Agent    func(u Unit) (agentfile.Agent, error) // finds the agent of a unit in the own catalogue
	Open     func(ctx context.Context, name string) (engine.Engine, error)
	Network  *docker.Network // for agents that are to be contained
	Tool     string
	Host     runfile.Host
}

// Play plays a unit and returns its run files and logs, packed. Nothing else is left of
// it but what was built. An agent's trouble is in the run files.
func (p *Player) Play(ctx context.Context, u Unit) ([]byte, error) {
	a, err := p.Agent(u)
	if err != nil {
		return nil, err
	}
	if key, err := keyOf(a); err != nil {
		return nil, err
	} else if key != u.Digest {
		return nil, &StrangeError{"agent " + u.Agent, u.Digest, key}
	}
	list, err := casesOf(u)
	if err != nil {
		return nil, err
	}
	var engines []engine.Engine
	for _, name := range u.Engines {
		e, err := p.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		engines = append(engines, e)
	}
	dir, err := owner.TempDir("unit")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &Runner{
		Workshop: p.Workshop, Cases: list, Selection: u.Selection, Shard: u.Shard, Dir: dir, Tool: p.Tool, Host: p.Host,
		Parallel: 1, Repeats: u.Repeats, Patience: u.Patience,
	}
	if u.Isolation == InContainer {
		r.Network = p.Network
	}
	rows := Rows([]agentfile.Agent{a}, []cases.Role{u.Role}, engines)
	if _, err := r.Run(ctx, rows); err != nil {
		return nil, err
	}
	return pack(dir)
}

// casesOf finds the cases of a unit, all of them, in the catalogue that it names.
func casesOf(u Unit) ([]cases.Case, error) {
	selected := u.Selection.Selected
	if have := cases.Fingerprint(catalogue.Of(catalogue.SuitesOf(selected)...)); u.Shard == nil && have != u.Selection.Catalogue {
		return nil, &StrangeError{"the catalogue of cases", u.Selection.Catalogue, have}
	}
	var list []cases.Case
	for _, id := range selected {
		c, ok := catalogue.Find(id)
		if !ok {
			return nil, fmt.Errorf("no case %s here", id)
		}
		list = append(list, c)
	}
	return list, nil
}

// elsewhere is an engine of other machines.
type elsewhere struct{ about runfile.Engine }

// Elsewhere stands for an engine that only other machines have, in the rows of a
// [Division].
func Elsewhere(about runfile.Engine) engine.Engine { return elsewhere{about} }

var errElsewhere = errors.New("the engine is on other machines")

func (e elsewhere) About() runfile.Engine { return e.about }

func (elsewhere) Server(context.Context, engine.Subject, func(harness.Result)) error {
	return errElsewhere
}

func (elsewhere) Client(context.Context, engine.Subject, func(harness.Result)) error {
	return errElsewhere
}

func (elsewhere) Close() error { return nil }
