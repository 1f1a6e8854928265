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

// An UnableError says that this machine cannot play a unit, and another one may: it lacks
// the agent, a program or an engine, or the agent could not be built.
type UnableError struct{ Err error }

func (e *UnableError) Error() string { return e.Err.Error() }
func (e *UnableError) Unwrap() error { return e.Err }

// Play plays a unit and returns its run files and logs, packed. Nothing else is left of
// it but what was built. An agent's trouble is in the run files; if that is an agent that
// could not be built, the error is an [*UnableError] too.
func (p *Player) Play(ctx context.Context, u Unit) ([]byte, error) {
	a, list, engines, err := p.ready(ctx, u)
	if err != nil {
		if ctx.Err() == nil {
			err = &UnableError{err}
		}
		return nil, err
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
	var unbuilt error
	r.Progress = func(e Event) {
		if e.Kind == BuildFailed {
			unbuilt = &UnableError{e.Err}
		}
	}
	if u.Isolation == InContainer {
		r.Network = p.Network
	}
	rows := Rows([]agentfile.Agent{a}, []cases.Role{u.Role}, engines)
	if _, err := r.Run(ctx, rows); err != nil {
		return nil, err
	}
	data, err := pack(dir)
	return data, errors.Join(err, unbuilt)
}

// ready finds what a unit needs on this machine.
func (p *Player) ready(ctx context.Context, u Unit) (a agentfile.Agent, list []cases.Case, engines []engine.Engine, err error) {
	if a, err = p.Agent(u); err != nil {
		return a, nil, nil, err
	}
	if key, err := keyOf(a); err != nil {
		return a, nil, nil, err
	} else if key != u.Digest {
		return a, nil, nil, &StrangeError{"agent " + u.Agent, u.Digest, key}
	}
	if list, err = casesOf(u); err != nil {
		return a, nil, nil, err
	}
	for _, name := range u.Engines {
		e, err := p.Open(ctx, name)
		if err != nil {
			return a, nil, nil, err
		}
		engines = append(engines, e)
	}
	return a, list, engines, nil
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
