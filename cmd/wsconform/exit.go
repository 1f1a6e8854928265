package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
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

// exitCode tells whose fault an error is: ours unless something else is known.
func exitCode(err error) int {
	var coded *codedError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case harness.OutOfResources(err):
		return exitHarness
	case errors.Is(err, harness.ErrUntestable):
		return exitAgent
	case errors.As(err, new(*runfile.BusyError)):
		return exitUsage
	}
	return exitHarness
}
