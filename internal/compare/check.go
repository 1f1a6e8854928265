package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/checkup"
)

// checkRepeats is how often a step that fails is played again: a library with a
// race in its close is no broken folder.
const checkRepeats = 4

// ErrCheck means that the agent does not meet what [Check] wants.
var ErrCheck = errors.New("the agent is not fit for a comparison")

// Check proves an agent: it builds, says its version, and in each of its roles
// starts, echoes text and binary, answers pings, closes, and as a client asks for
// its cases and for the reports. Each step is handed to say as it ends. It tells
// a broken folder from a library that fails cases.
func Check(ctx context.Context, w *Workshop, a agentfile.Agent, e engine.Engine, log io.Writer, say func(checkup.Step)) error {
	begun := time.Now()
	b, err := w.Build(ctx, a)
	say(checkup.Step{What: "builds", Took: time.Since(begun), Err: err})
	if err != nil {
		return err
	}
	say(checkup.Step{What: "says its version: " + b.Version + pinned(b)})
	failed := false
	for _, row := range Rows([]agentfile.Agent{a}, []cases.Role{cases.Server, cases.Client}, []engine.Engine{e}) {
		ok, err := checkRole(ctx, w, b, row, log, say)
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

func checkRole(ctx context.Context, w *Workshop, b *Built, row Row, log io.Writer, say func(checkup.Step)) (ok bool, err error) {
	s := &session{
		built: b, role: row.Role, engine: row.Engine, workshop: w, patience: startPatience, log: log,
		repeats: checkRepeats, results: map[cases.ID]harness.Result{}, write: func(harness.Result) {},
	}
	begun := time.Now()
	err = s.play(ctx, checkup.Cases())
	what := "server: starts and listens"
	if row.Role == cases.Client {
		what = "client: asks for the number of cases and runs them"
	}
	started := err
	if s.verdicts() > 0 {
		started = nil
	}
	say(checkup.Step{What: what, Took: time.Since(begun), Err: started})
	if ok = started == nil; !ok {
		return ok, err
	}
	for _, step := range checkup.Steps(s.results) {
		step.What = fmt.Sprintf("%s: %s", row.Role, step.What)
		ok = ok && step.Err == nil
		say(step)
	}
	return ok, err
}
