package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

func caseCommand() *cobra.Command {
	var against string
	var faithful, http2, http3, asJSON bool
	var dial dialFlags
	c := &cobra.Command{
		Use:   "case ID",
		Short: "Explain a case, or play it against a server",
		Example: `  wsconform case 5.15
  wsconform case 5.15 --against ws://127.0.0.1:9001
  wsconform case H2.1.2 --against wss://127.0.0.1:9443 --http2`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: completeCases,
		RunE: func(c *cobra.Command, list []string) error {
			if _, err := loadUserCases(""); err != nil {
				return err
			}
			one, ok := catalogue.Find(cases.ID(list[0]))
			if !ok {
				return usagef("unknown case %q; wsconform list lists all cases", list[0])
			}
			if !asJSON {
				if err := reports.Explain(c.OutOrStdout(), one); err != nil || against == "" {
					return err
				}
			}
			if against == "" {
				return reports.WriteCaseJSON(c.OutOrStdout(), one, nil)
			}
			if err := checkURL(harness.Agent{URL: against}); err != nil {
				return usagef("--against %q: must look like ws://127.0.0.1:9001", against)
			}
			target, err := dial.target(against)
			if err != nil {
				return err
			}
			if http3 && target.URL.Scheme != "wss" {
				return usagef("--http3 needs a wss URL: there is no HTTP/3 without TLS")
			}
			target.HTTP2, target.HTTP3 = http2, http3
			return playOne(c, *target, one, faithful, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&against, "against", "", "play the case against the server at this `URL` and show the exchange")
	f.BoolVar(&faithful, "faithful", false, "wait as long as Autobahn does, even where the verdict is already certain")
	f.BoolVar(&http2, "http2", false, "play it over HTTP/2 (RFC 8441)")
	f.BoolVar(&http3, "http3", false, "play it over HTTP/3 (RFC 9220), against a wss server")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	dial.flags(f)
	c.MarkFlagsMutuallyExclusive("http2", "http3")
	return c
}

// width is that of the text that commands print.
const width = 88

// wrap prints a text, indented, in lines of the width, those after the first further
// in.
func wrap(w io.Writer, text string) {
	const indent = "  "
	line := indent
	for word := range strings.SplitSeq(text, " ") {
		if len(line)+len(word) >= width && len(line) > len(indent)+2 {
			fmt.Fprintln(w, strings.TrimRight(line, " "))
			line = indent + "  "
		}
		line += word + " "
	}
	fmt.Fprintln(w, strings.TrimRight(line, " "))
}

// playOne plays a case and prints the exchange and the verdict.
func playOne(c *cobra.Command, target engine.Target, one cases.Case, faithful, asJSON bool) error {
	w := c.OutOrStdout()
	run := &runfile.Run{Footer: &runfile.Footer{State: runfile.Complete}}
	_, err := engine.TestServer(c.Context(), target, []cases.Case{one}, engine.Options{Options: engine.RunOptions{Parallel: 1, AnyPeer: true}, Faithful: faithful}, func(r harness.Result) {
		run.Results = append(run.Results, r)
		if asJSON {
			return
		}
		fmt.Fprintln(w, "\nexchange (-> sent, <- received)")
		if r.Transcript != nil {
			reports.WriteLog(w, r.Transcript, "") //nolint:errcheck // the terminal
		}
		fmt.Fprintf(w, "\n%s\n", inksOf(w).outcome(r.Outcome, string(r.Outcome)))
		if !r.Outcome.Ran() {
			wrap(w, reports.Visible(r.Note))
			return
		}
		if r.OneGrade() {
			wrap(w, fmt.Sprintf("%s: %s", r.Behavior, reports.Visible(r.Reason)))
			return
		}
		wrap(w, fmt.Sprintf("behavior %s: %s", r.Behavior, reports.Visible(r.Reason)))
		wrap(w, fmt.Sprintf("close %s: %s", r.Close, reports.Visible(r.CloseReason)))
	})
	if err != nil {
		return err
	}
	if asJSON {
		run.Header.Agent = harness.Agent{URL: target.URL.Redacted(), Role: cases.Server}
		run.Header.Engine.Name = runfile.DefaultEngine
		if err := reports.WriteCaseJSON(c.OutOrStdout(), one, run); err != nil {
			return err
		}
	}
	return gateError(gate.Decide(run, nil, time.Now()))
}
