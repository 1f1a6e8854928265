package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/autobahn"
	"github.com/wsconform/wsconform/harness/gate"
	"github.com/wsconform/wsconform/harness/native"
)

// The exit codes are those of the gate, for all commands.
const (
	exitOK          = int(gate.Holds)
	exitFailed      = int(gate.Failed)
	exitUsage       = int(gate.Misconfigured)
	exitHarness     = int(gate.HarnessFailed)
	exitIncomplete  = int(gate.Incomplete)
	exitAgent       = int(gate.AgentFailed)
	exitInterrupted = int(gate.Interrupted)
)

// A codedError ends the program with a code of its own.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

func usagef(format string, a ...any) error {
	return &codedError{exitUsage, fmt.Errorf(format, a...)}
}

// exitCode tells whose fault an error is. What nobody has claimed is ours.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case agentsFault(err):
		return exitAgent
	}
	return exitHarness
}

// agentsFault reports whether a run failed because of the agent.
func agentsFault(err error) bool {
	return errors.As(err, new(*harness.UntestableError)) || errors.Is(err, harness.ErrNotStarted) || errors.Is(err, harness.ErrNotListening) || errors.Is(err, autobahn.ErrNoCase) ||
		errors.As(err, new(*harness.AgentExitError)) ||
		errors.As(err, new(*native.UnreachableError)) || errors.As(err, new(*native.DriverError))
}
