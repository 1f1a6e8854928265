package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness/wstest"
)

// wstestCommand takes the arguments of Autobahn's wstest as they are.
func wstestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "wstest --mode MODE [options]",
		Short: "Behave as Autobahn's wstest: same arguments, files and exit codes",
		Long: `Behaves as the wstest command of the Autobahn testsuite, so that scripts and
drivers written for that need no change. wsconform wstest --help lists modes and
options. A program file named wstest, or a link of that name, does the same.

Exit codes are those of wstest: 0 also when cases fail, 1 for wrong usage.`,
		Example:            "  wsconform wstest -m fuzzingclient -s fuzzingclient.json",
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			err := runWstest(c.Context(), args, c.OutOrStdout(), c.ErrOrStderr())
			if code := wstestExit(err); code != exitOK {
				return &codedError{code, fmt.Errorf("wstest: %w", err)}
			}
			return nil
		},
	}
}

// wstestMain is main for a program file named wstest. It returns the exit code.
func wstestMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := runWstest(ctx, args, stdout, stderr)
	if err != nil {
		fmt.Fprintln(stderr, "wstest: "+err.Error())
	}
	return wstestExit(err)
}

func runWstest(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return wstest.Run(ctx, args, wstest.Env{Version: toolVersion(), Stdout: stdout, Stderr: stderr})
}

// wstestExit is the exit code of wstest, which knows success and 1 only. A run
// that was cut off is told apart.
func wstestExit(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, wstest.ErrInterrupted):
		return exitInterrupted
	}
	return exitFailed
}
