package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/fixtures/agents"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
)

// A Step of [Check] is one thing that an agent has to do.
type Step struct {
	What string
	Took time.Duration
	Err  error // nil: it does
}

// checks are cases that every usable agent passes, and what they show.
var checks = []struct {
	id   cases.ID
	what string
}{
	{"1.1.2", "echoes a text message"},
	{"1.2.2", "echoes a binary message as binary"},
	{"2.2", "answers a ping"},
	{"7.1.1", "closes when asked to"},
}

// checkRepeats is how often a step that fails is played again: a library with a
// race in its close is no broken folder.
const checkRepeats = 4

// ErrCheck means that the agent does not meet what [Check] wants.
var ErrCheck = errors.New("the agent is not fit for a comparison")

// Check proves an agent: it builds, says its version, and in each of its roles
// starts, echoes text and binary, answers pings, closes, and as a client asks for
// its cases and for the reports. Each step is handed to say as it ends. It tells
// a broken folder from a library that fails cases.
func Check(ctx context.Context, w *Workshop, a agents.Agent, e engine.Engine, log io.Writer, say func(Step)) error {
	begun := time.Now()
	b, err := w.Build(ctx, a)
	say(Step{What: "builds", Took: time.Since(begun), Err: err})
	if err != nil {
		return err
	}
	say(Step{What: "says its version: " + b.Version + pinned(b)})
	var list []cases.Case
	for _, c := range checks {
		if one, ok := catalogue.Find(c.id); ok {
			list = append(list, one)
		}
	}
	failed := false
	for _, row := range Rows([]agents.Agent{a}, []cases.Role{cases.Server, cases.Client}, []engine.Engine{e}) {
		ok, err := checkRole(ctx, w, b, row, list, log, say)
		if err != nil && ctx.Err() != nil {
			return err
		}
		failed = failed || !ok
	}
	if failed {
		return ErrCheck
	}
	return nil
}

// pinned says when the version is not the one of agent.yaml.
func pinned(b *Built) string {
	if b.Version == b.Agent.Version || b.Version == "v"+b.Agent.Version {
		return ""
	}
	return " (agent.yaml says " + b.Agent.Version + ")"
}

func checkRole(ctx context.Context, w *Workshop, b *Built, row Row, list []cases.Case, log io.Writer, say func(Step)) (ok bool, err error) {
	s := &session{
		built: b, role: row.Role, engine: row.Engine, workshop: w, patience: startPatience, log: log,
		repeats: checkRepeats, results: map[cases.ID]harness.Result{}, write: func(harness.Result) {},
	}
	begun := time.Now()
	err = s.play(ctx, list)
	what := "server: starts and listens"
	if row.Role == cases.Client {
		what = "client: asks for the number of cases and runs them"
	}
	started := err
	if s.verdicts() > 0 {
		started = nil
	}
	say(Step{What: what, Took: time.Since(begun), Err: started})
	ok = started == nil
	for _, c := range checks {
		r, played := s.results[c.id]
		step := Step{What: fmt.Sprintf("%s: %s (case %s)", row.Role, c.what, c.id), Took: r.Duration}
		switch {
		case !played:
			continue
		case !r.Outcome.Ran():
			step.Err = errors.New(r.Note)
		case r.Behavior == cases.Failed || !slices.Contains([]cases.CloseBehavior{cases.CloseOK, cases.CloseFailedByClient}, r.Close):
			step.Err = fmt.Errorf("behavior %s (%s), close %s (%s)", r.Behavior, r.Reason, r.Close, r.CloseReason)
		}
		ok = ok && step.Err == nil
		say(step)
	}
	return ok, err
}
