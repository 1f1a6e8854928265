package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
)

func gateCommand() *cobra.Command {
	var expect expectFlags
	c := &cobra.Command{
		Use:   "gate RUN...",
		Short: "Judge stored runs",
		Long: `Judges run files as test does when it ends: by the expectation files, or by the
verdicts alone if there is none. No case is played. The exit code is the worst of
all runs.`,
		Example: `  wsconform gate out/server/run.jsonl
  wsconform gate out/*/run.jsonl --expect server.yaml --expect client.yaml`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, names []string) error {
			runs, err := openRuns(names)
			if err != nil {
				return err
			}
			agents := make([]harness.Agent, len(runs))
			for i, run := range runs {
				agents[i] = run.Header.Agent
			}
			files, err := expect.load(agents...)
			if err != nil {
				return err
			}
			var failed []error
			for i, run := range runs {
				if len(runs) > 1 {
					fmt.Fprintf(c.OutOrStdout(), "%s (%s):\n", names[i], run.Header.Agent.Name)
				}
				d := gate.Decide(run, files, time.Now())
				d.WriteSummary(c.OutOrStdout())
				d.Write(c.OutOrStdout(), "")
				failed = append(failed, gateError(d))
			}
			return worst(failed)
		},
	}
	expect.flags(c.Flags())
	return c
}

// worst joins the errors of several runs, the one whose exit code counts first.
func worst(list []error) error {
	slices.SortStableFunc(list, func(a, b error) int { return gate.Exit(exitCode(b)).Compare(gate.Exit(exitCode(a))) })
	return errors.Join(list...)
}

// expectFlags say what a run is held against.
type expectFlags struct {
	files  []string
	strict bool
}

func (e *expectFlags) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&e.files, "expect", nil, "judge by this expectation `FILE`; may be repeated (default wsconform.yaml, if it exists)")
	f.BoolVar(&e.strict, "strict", false, "fail on lenient and unsupported outcomes too, unless an expectation file declares them")
}

// load reads the expectation files for runs of these agents.
func (e *expectFlags) load(agents ...harness.Agent) ([]gate.Expectations, error) {
	files, err := gate.LoadFor(e.files, agents...)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if e.strict {
		files = append(files, gate.Strict())
	}
	return files, nil
}

// gateError is nil when the gate holds.
func gateError(d gate.Decision) error {
	if d.Exit == gate.Holds {
		return nil
	}
	return &codedError{int(d.Exit), errors.New(d.String())}
}
