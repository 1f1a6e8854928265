package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

func parityCommand() *cobra.Command {
	var client, deviations bool
	var out, agent string
	var pick selection
	c := &cobra.Command{
		Use:   "parity URL | parity --client -- COMMAND... | parity RUN RUN",
		Short: "Compare the native engine's verdicts with Autobahn's",
		Long: `Tests the same agent with both engines and lists every case whose verdicts differ,
with what happened in each. Given two run files, it compares those instead.

Differences caused by a known timing race in the peer are marked and do not count.
Any other difference makes the exit code 1.`,
		Example: `  wsconform parity ws://127.0.0.1:9001 --exclude '12.*,13.*'
  wsconform parity --client -- ./my-client {url}
  wsconform parity out/native/run.jsonl out/autobahn/run.jsonl
  wsconform parity --deviations`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case deviations:
				listDeviations(c.OutOrStdout())
				return nil
			case len(args) == 2 && !client:
				return compareFiles(c.OutOrStdout(), args[0], args[1])
			}
			switch {
			case client && len(args) == 0:
				return usagef("--client needs the command that starts the client: wsconform parity --client -- ./my-client {url}")
			case !client && len(args) != 1:
				return usagef("parity needs the URL of a server, two run files, or --client -- COMMAND")
			case out == "":
				out = filepath.Join("out", "parity")
			}
			files, err := runBoth(c, client, agent, out, pick, args)
			if err != nil {
				return err
			}
			return compareFiles(c.OutOrStdout(), files[0], files[1])
		},
	}
	f := c.Flags()
	f.BoolVar(&client, "client", false, "test a client, the command after --")
	f.BoolVar(&deviations, "deviations", false, "list where the native engine deliberately differs from Autobahn, and why")
	f.StringVar(&agent, "agent", "", "`NAME` of the implementation in reports")
	f.StringVarP(&out, "out", "o", "", "write the results to this folder, `DIR` (default out/parity)")
	pick.flags(f)
	return c
}

// runBoth runs the engines one after the other and returns their run files.
func runBoth(c *cobra.Command, client bool, agent, out string, pick selection, args []string) (files [2]string, err error) {
	for i, name := range []string{runfile.DefaultEngine, runfile.ReferenceEngine} {
		dir := filepath.Join(out, name)
		files[i] = filepath.Join(dir, "run.jsonl")
		fmt.Fprintf(c.OutOrStdout(), "the %s engine:\n", name)
		one := test{engine: name, client: client, agent: agent, host: "127.0.0.1", out: dir, selection: pick}
		if err := judged(one.run(c, args)); err != nil {
			return files, err
		}
	}
	return files, nil
}

// judged passes over the verdict of a gate: a failing agent can be compared.
func judged(err error) error {
	var coded *codedError
	if errors.As(err, &coded) && (coded.code == exitFailed || coded.code == exitIncomplete) {
		return nil
	}
	return err
}

func compareFiles(w io.Writer, a, b string) error {
	first, err := runfile.Open(a)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	second, err := runfile.Open(b)
	if err != nil {
		return &codedError{exitUsage, err}
	}
	differ, agree := runfile.Parity(first, second)
	if agree+len(differ) == 0 {
		return &codedError{exitIncomplete, errors.New("neither run has a result")}
	}
	unexcused := 0
	for _, d := range differ {
		if d.Race == "" {
			unexcused++
		}
		printDifference(w, d, first.Header.Engine.Name, second.Header.Engine.Name)
	}
	fmt.Fprintf(w, "%d of %d verdicts agree in both halves; %d differ, %d of them by a known timing race\n",
		agree, agree+len(differ), len(differ), len(differ)-unexcused)
	if unexcused > 0 {
		return &codedError{exitFailed, errors.New(harness.Count(unexcused, "verdict") + " without an excuse differ")}
	}
	return nil
}

func printDifference(w io.Writer, d runfile.Difference, a, b string) {
	title := ""
	if c, ok := catalogue.Find(d.Case); ok {
		title = ": " + c.Title
	}
	fmt.Fprintf(w, "%s%s\n", d.Case, title)
	if d.Race != "" {
		fmt.Fprintf(w, "  timing race: %s\n", d.Race)
	}
	for _, side := range []struct {
		engine string
		r      harness.Result
	}{{a, d.A}, {b, d.B}} {
		if !side.r.Outcome.Ran() {
			fmt.Fprintf(w, "  %-9s no verdict: %s\n", side.engine, side.r.Note)
			continue
		}
		fmt.Fprintf(w, "  %-9s behavior %s (%s)\n            close %s (%s)\n", side.engine, side.r.Behavior, side.r.Reason, side.r.Close, side.r.CloseReason)
		if side.r.Transcript != nil {
			reports.WriteLog(w, side.r.Transcript, "    ") //nolint:errcheck // the terminal
		}
	}
}

func listDeviations(w io.Writer) {
	for _, d := range engine.Deviations() {
		fmt.Fprintf(w, "%s\n  verdicts changed: %s\n  why: %s", d.What, d.Verdict, d.Because)
		if d.Sections != "" {
			fmt.Fprintf(w, " (%s)", d.Sections)
		}
		fmt.Fprint(w, "\n\n")
	}
}
