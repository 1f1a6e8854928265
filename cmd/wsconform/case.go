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
	"github.com/wsconform/wsconform/internal/minimize"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
	"github.com/wsconform/wsconform/reports"
)

func caseCommand() *cobra.Command {
	var o caseOptions
	c := &cobra.Command{
		Use:   "case ID",
		Short: "Explain a case, or play it against a server",
		Example: `  wsconform case 5.15
  wsconform case 5.15 --against ws://127.0.0.1:9001
  wsconform case 3.4 --server-cmd './my-server --port {port}' --minimize
  wsconform case H2.1.2 --against wss://127.0.0.1:9443 --http2`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: completeCases,
		RunE:              o.run,
	}
	f := c.Flags()
	f.StringVar(&o.against, "against", "", "play the case against the server at this `URL` and show the exchange")
	f.StringVar(&o.serverCmd, "server-cmd", "", "the same with a server that this `COMMAND` starts; {host}, {port} and {url} stand for where it has to listen")
	f.BoolVar(&o.minimize, "minimize", false, "look for the shortest raw script with which the server still fails the case, for at most a minute")
	f.StringVar(&o.userCases, "user-cases", "", "the cases of your own in this `FILE` instead of "+usercase.DefaultFile)
	f.BoolVar(&o.faithful, "faithful", false, "wait as long as Autobahn does, even where the verdict is already certain")
	f.BoolVar(&o.http2, "http2", false, "play it over HTTP/2 (RFC 8441)")
	f.BoolVar(&o.http3, "http3", false, "play it over HTTP/3 (RFC 9220), against a wss server")
	f.BoolVar(&o.asJSON, "json", false, "write JSON")
	o.dial.flags(f)
	c.MarkFlagsMutuallyExclusive("http2", "http3")
	c.MarkFlagsMutuallyExclusive("against", "server-cmd")
	return c
}

// caseOptions are the flags of case.
type caseOptions struct {
	against, serverCmd, userCases    string
	faithful, http2, http3, minimize bool
	asJSON                           bool
	dial                             dialFlags
}

func (o *caseOptions) run(c *cobra.Command, list []string) error {
	if _, err := loadUserCases(o.userCases); err != nil {
		return err
	}
	one, ok := catalogue.Find(cases.ID(list[0]))
	if !ok {
		return usagef("unknown case %q; wsconform list lists all cases", list[0])
	}
	plays := o.against != "" || o.serverCmd != ""
	if o.minimize && !plays {
		return usagef("--minimize plays the case: it needs --against or --server-cmd")
	}
	if o.minimize && (o.http2 || o.http3) {
		return usagef("--minimize: raw scripts are played over HTTP/1.1")
	}
	if o.minimize && !one.For(cases.Server) {
		return usagef("--minimize: case %s is not for servers", one.ID)
	}
	if o.against != "" && checkURL(harness.Agent{URL: o.against}) != nil {
		return usagef("--against %q: must look like ws://127.0.0.1:9001", o.against)
	}
	if !o.asJSON {
		if err := reports.Explain(c.OutOrStdout(), one); err != nil || !plays {
			return err
		}
	}
	if !plays {
		return reports.WriteCaseJSON(c.OutOrStdout(), one, nil, nil)
	}
	if o.serverCmd != "" {
		d := dumpOptions{serverCmd: o.serverCmd, log: io.Discard}
		url, stop, err := d.server(c.Context(), nil)
		defer stop()
		if err != nil {
			return err
		}
		o.against = url
	}
	target, err := o.dial.target(o.against)
	if err != nil {
		return err
	}
	if o.http3 && target.URL.Scheme != "wss" {
		return usagef("--http3 needs a wss URL: there is no HTTP/3 without TLS")
	}
	target.HTTP2, target.HTTP3 = o.http2, o.http3
	return o.play(c, *target, one)
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

// play plays a case and prints the exchange and the verdict.
func (o *caseOptions) play(c *cobra.Command, target engine.Target, one cases.Case) error {
	w := c.OutOrStdout()
	run := &runfile.Run{Footer: &runfile.Footer{State: runfile.Complete}}
	_, err := engine.TestServer(c.Context(), target, []cases.Case{one}, engine.Options{Options: engine.RunOptions{Parallel: 1, AnyPeer: true}, Faithful: o.faithful}, func(r harness.Result) {
		run.Results = append(run.Results, r)
		if !o.asJSON {
			writeResult(w, r)
		}
	})
	if err != nil {
		return err
	}
	var minimal any
	if o.minimize && len(run.Results) > 0 {
		m, err := minimize.Case(c.Context(), target, one, run.Results[len(run.Results)-1], minimize.Bounds{})
		if minimal = m; !o.asJSON && (err == nil || m.Steps < m.Of) { // an interrupt keeps what was found
			writeMinimal(w, m)
		}
		if err != nil {
			return err
		}
	}
	if o.asJSON {
		run.Header.Agent = harness.Agent{URL: target.URL.Redacted(), Role: cases.Server}
		run.Header.Engine.Name = runfile.DefaultEngine
		if err := reports.WriteCaseJSON(w, one, run, minimal); err != nil {
			return err
		}
	}
	return gateError(gate.Decide(run, nil, time.Now()))
}

// writeResult prints the exchange and the verdict.
func writeResult(w io.Writer, r harness.Result) {
	fmt.Fprintln(w, "\nexchange (-> sent, <- received)")
	if r.Transcript != nil {
		reports.WriteLog(w, r.Transcript, "") //nolint:errcheck // the terminal
	}
	fmt.Fprintf(w, "\n%s\n", inksOf(w).outcome(r.Outcome, string(r.Outcome)))
	switch {
	case !r.Outcome.Ran():
		wrap(w, reports.Visible(r.Note))
	case r.OneGrade():
		wrap(w, fmt.Sprintf("%s: %s", r.Behavior, reports.Visible(r.Reason)))
	default:
		wrap(w, fmt.Sprintf("behavior %s: %s", r.Behavior, reports.Visible(r.Reason)))
		wrap(w, fmt.Sprintf("close %s: %s", r.Close, reports.Visible(r.CloseReason)))
	}
}

// writeMinimal prints the script that shows the failure.
func writeMinimal(w io.Writer, m minimize.Minimal) {
	if m.Why != "" && m.Steps == m.Of {
		fmt.Fprintln(w, "\nscript: that of the case")
	} else {
		fmt.Fprintf(w, "\nscript: %d of %d steps show it (%d plays, %.1f s)\n", m.Steps, m.Of, m.Plays, m.Took)
	}
	if m.Why != "" {
		wrap(w, m.Why)
	}
	for line := range strings.Lines(m.Script) {
		fmt.Fprint(w, "  "+line)
	}
}
