package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/gate"
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
			results, err := o.stress(c, args, one, times)
			if len(results) > 0 {
				printStress(c.OutOrStdout(), one.ID, results, time.Now())
			}
			if err == nil && slices.ContainsFunc(results, untold) {
				err = &codedError{exitIncomplete, errors.New("some runs have no verdict")}
			}
			return err
		},
	}
	c.Flags().StringVar(&id, "case", "", "play this case, `ID`")
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
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	options.Parallel = 1
	target, err := o.dial.target(agent.URL)
	if err != nil {
		return nil, err
	}
	dir, err := harness.TempDir("stress")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var results []harness.Result
	meter := newMeter(c.ErrOrStderr(), times, seldom(10*time.Second))
	defer meter.end()
	play, done, err := o.player(c.Context(), agent, *target, options, dir, nil)
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

// untold reports whether a run says nothing of the case.
func untold(r harness.Result) bool {
	return r.Outcome == harness.NotRun || r.Outcome == harness.Blocked || r.Outcome == harness.HarnessError
}

// printStress counts the ways in which the case went.
func printStress(w io.Writer, id cases.ID, results []harness.Result, now time.Time) {
	results = slices.DeleteFunc(slices.Clone(results), untold)
	runs, failures := len(results), 0
	ways := map[string]int{}
	for _, r := range results {
		switch r.Outcome {
		case harness.Pass, harness.PassLenient, harness.Observed:
		default:
			failures++
		}
		ways[fmt.Sprintf("%s: %s", r.Outcome, r.Signature())]++
	}
	for _, way := range slices.SortedFunc(maps.Keys(ways), func(a, b string) int {
		if ways[a] != ways[b] {
			return ways[b] - ways[a]
		}
		return strings.Compare(a, b)
	}) {
		fmt.Fprintf(w, "%5d times %s\n", ways[way], way)
	}
	if runs == 0 {
		return
	}
	fmt.Fprintf(w, "case %s failed in %d of %d runs: %.1f %%, and with a confidence of 95 %% at most %.1f %%\n",
		id, failures, runs, 100*float64(failures)/float64(runs), 100*wilsonUpper(failures, runs))
	switch failures {
	case 0:
		fmt.Fprintln(w, "no sign that it is flaky")
	case runs:
		fmt.Fprintln(w, "it always fails: declare it as fail, not flaky")
	default:
		e := gate.Entry{
			Case: string(id), Verdict: gate.WantFlaky, Reason: gate.Unexplained,
			Evidence: &gate.Evidence{Runs: runs, Failures: failures, Date: gate.Date{Time: now.UTC()}},
		}
		fmt.Fprintf(w, "as an entry of an expectation file:\n%s", e.Lines())
	}
}

// wilsonUpper is the upper end of the Wilson score interval, at 95 % on both
// sides, for the rate at which something happens that happened k times in n.
func wilsonUpper(k, n int) float64 {
	const z = 1.959964
	p, size := float64(k)/float64(n), float64(n)
	middle := p + z*z/(2*size)
	spread := z * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	return min(1, (middle+spread)/(1+z*z/size))
}
