package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/owner"
)

func stressCommand() *cobra.Command {
	var o test
	var id string
	var times int
	c := &cobra.Command{
		Use:   "stress --case ID URL | stress --case ID --client -- COMMAND...",
		Short: "Play a case many times to find out whether it is flaky",
		Long: `Plays one case many times in a row and counts the outcomes. If some runs fail and
some pass, it prints the lines that declare the case flaky in an expectation file.`,
		Example: `  wsconform stress --case 6.4.1 --times 50 ws://127.0.0.1:9001
  wsconform stress --case 9.1.6 --server-cmd './my-server --port {port}'`,
		RunE: func(c *cobra.Command, args []string) error {
			if id == "" {
				return usagef("--case is missing: wsconform stress --case 6.4.1 ws://127.0.0.1:9001")
			}
			one, ok := catalogue.Find(cases.ID(id))
			if !ok {
				return usagef("--case: unknown case %q; wsconform list lists all cases", id)
			}
			if times < 1 {
				return usagef("--times %d: must be at least 1", times)
			}
			if err := o.checkFlags(c.Flags()); err != nil {
				return err
			}
			results, err := o.stress(c, args, one, times)
			stressed := gate.Stress(one.ID, results, time.Now())
			if len(results) > 0 {
				stressed.Write(c.OutOrStdout())
			}
			if err == nil && stressed.Untold > 0 {
				err = &codedError{exitIncomplete, errors.New("some runs have no verdict")}
			}
			return err
		},
	}
	c.Flags().StringVar(&id, "case", "", "play this case of any suite, `ID`")
	c.Flags().IntVar(&times, "times", 50, "play it this many times, `N`")
	o.agentFlags(c.Flags())
	return c
}

// stress plays a case so many times. What the agent prints is kept only to say why
// it cannot be tested.
func (o *test) stress(c *cobra.Command, args []string, one cases.Case, times int) ([]harness.Result, error) {
	agent, err := o.agentOf(args)
	if err != nil {
		return nil, err
	}
	subject, err := o.subject(agent)
	if err != nil {
		return nil, err
	}
	subject.Parallel = 1
	e, err := openEngine(c.Context(), engine.Kinds[0], o.setup, c.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer e.Close() //nolint:errcheck // wsconform clean finds what it leaves
	dir, err := owner.TempDir("stress")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var results []harness.Result
	meter := newMeter(c.ErrOrStderr(), times, seldom(10*time.Second))
	defer meter.end()
	play, done, err := o.player(c.Context(), e, subject, agent, dir, nil)
	if err != nil {
		return nil, err
	}
	defer done()
	for n := range times {
		meter.step(n+1, fmt.Sprintf("run %d", n+1))
		var last *harness.Result // of a case that is handed over twice the last counts
		err := play(c.Context(), []cases.Case{one}, func(r harness.Result) { last = &r })
		if last != nil {
			results = append(results, *last)
		}
		if err != nil {
			return results, err
		}
	}
	return results, nil
}
