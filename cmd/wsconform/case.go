package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/gate"
	"github.com/wsconform/wsconform/harness/native"
	"github.com/wsconform/wsconform/reports"
)

func listCommand() *cobra.Command {
	var pick selection
	c := &cobra.Command{
		Use:   "list",
		Short: "List the cases",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			list, _, err := pick.pick()
			if err != nil {
				return err
			}
			for _, one := range list {
				fmt.Fprintf(c.OutOrStdout(), "%-9s %s\n", one.ID, one.Title)
			}
			return nil
		},
	}
	pick.flags(c.Flags())
	return c
}

func caseCommand() *cobra.Command {
	var against string
	var faithful bool
	var dial dialFlags
	c := &cobra.Command{
		Use:   "case ID",
		Short: "Tell what a case sends and wants, or play it against a server",
		Example: `  wsconform case 5.15
  wsconform case 5.15 --against ws://127.0.0.1:9001`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: completeCases,
		RunE: func(c *cobra.Command, list []string) error {
			one, ok := cases.Find(cases.ID(list[0]))
			if !ok {
				return usagef("there is no case %q; wsconform list names them all", list[0])
			}
			describe(c.OutOrStdout(), one)
			if against == "" {
				return nil
			}
			if err := checkURL(harness.Agent{URL: against}); err != nil {
				return usagef("--against %q: it must look like ws://127.0.0.1:9001", against)
			}
			target, err := dial.target(against)
			if err != nil {
				return err
			}
			return playOne(c, *target, one, faithful)
		},
	}
	f := c.Flags()
	f.StringVar(&against, "against", "", "play the case against the server at this `URL` and show what happens")
	f.BoolVar(&faithful, "faithful", false, "wait as long as Autobahn does, wherever it does")
	dial.flags(f)
	return c
}

// describe prints a case: what it sends, what it wants, and where that stands.
func describe(w io.Writer, c cases.Case) {
	fmt.Fprintf(w, "%s  %s\n\nsends\n", c.ID, c.Title)
	for _, step := range c.Steps {
		fmt.Fprintf(w, "  %s\n", step)
	}
	fmt.Fprintf(w, "\nwants\n  %s\n", c.Expect)
	for _, reading := range c.Want.Events {
		what := "nothing"
		for i, e := range reading.Events {
			if i == 0 {
				what = e.String()
			} else {
				what += ", then " + e.String()
			}
		}
		fmt.Fprintf(w, "  %s: %s\n", reading.Behavior, what)
	}
	ends := "the peer fails the connection"
	if c.Want.ClosedByUs {
		ends = "we close"
	}
	if c.Want.Clean {
		ends += ", and the closing handshake is completed"
	}
	fmt.Fprintf(w, "  in the end %s\n", ends)
	if c.Deflate != nil {
		fmt.Fprintf(w, "  offers %s\n", c.Deflate.Offers)
	}
	fmt.Fprintf(w, "\nsee %s\n", strings.Join(c.RFC, ", "))
}

// playOne plays a case and prints the exchange and the verdict.
func playOne(c *cobra.Command, target native.Target, one cases.Case, faithful bool) error {
	w := c.OutOrStdout()
	run := &harness.Run{Footer: &harness.Footer{State: harness.Complete}}
	_, err := native.TestServer(c.Context(), target, []cases.Case{one}, native.Options{Parallel: 1, Faithful: faithful}, func(r harness.Result) {
		run.Results = append(run.Results, r)
		fmt.Fprintln(w, "\nexchange")
		if r.Transcript != nil {
			reports.WriteLog(w, r.Transcript.Log, "") //nolint:errcheck // the terminal
		}
		if !r.Outcome.Ran() {
			fmt.Fprintf(w, "\n%s: %s\n", r.Outcome, r.Note)
			return
		}
		fmt.Fprintf(w, "\nbehavior %s: %s\nclose %s: %s\n", r.Behavior, r.Reason, r.Close, r.CloseReason)
	})
	if err != nil {
		return err
	}
	v := verdict{run: run, decision: gate.Decide(run, nil, time.Now())}
	return v.err()
}
