package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness/wstest"
)

// wstestCommand passes its arguments on to package wstest.
func wstestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "wstest --mode MODE [options]",
		Short: "Behave like Autobahn's wstest: same arguments, files and exit codes",
		Long: `Behaves like the wstest command of the Autobahn testsuite, so scripts and
drivers written for it need no change. wsconform wstest --help lists the modes
and options. A link to wsconform named wstest does the same.

Exit codes: 0 even if cases fail, 1 wrong usage, 130 interrupted.`,
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

// wstestMain is main for a program that is named wstest. It returns the exit code.
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

// wstestExit returns the exit code: 0 or 1, as in the original, or 130 for an
// interrupted run.
func wstestExit(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, wstest.ErrInterrupted):
		return exitInterrupted
	}
	return exitFailed
}
