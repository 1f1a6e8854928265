package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
)

func baselineCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "baseline",
		Short: "Write and update the expectation file, wsconform.yaml",
		Long: `An expectation file declares which cases do not pass, how they fail, and why. Those
cases are still run: test and gate fail if one no longer behaves as declared, even
if it now passes. These commands write the file from a run, compare it with another
run, and update it without touching comments.`,
		Args: noCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(baselineInit(), baselineUpdate(), baselineDiff(), baselineLint(), baselineExplain(), baselineSchema())
	return c
}

func baselineInit() *cobra.Command {
	var out string
	var incomplete, force bool
	c := &cobra.Command{
		Use:   "init RUN",
		Short: "Write an expectation file from a run",
		Example: `  wsconform test ws://127.0.0.1:9001
  wsconform baseline init out/server/run.jsonl`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, names []string) error {
			runs, err := openRuns(names)
			if err != nil {
				return err
			}
			text, err := gate.Init(runs[0], incomplete)
			if err != nil {
				return &codedError{exitIncomplete, fmt.Errorf("%s cannot be a baseline: %w; run it again, or use --incomplete", names[0], err)}
			}
			if err := writeNew(out, text, force); err != nil {
				return err
			}
			x, err := gate.Load(out)
			if err != nil {
				return err
			}
			word := "entries"
			if len(x.Expect) == 1 {
				word = "entry"
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d %s; add the reasons, then run wsconform baseline lint\n", out, len(x.Expect), word)
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "out", "o", gate.DefaultFile, "`FILE` to write")
	f.BoolVar(&incomplete, "incomplete", false, "accept a run with crashes or missing cases: crashes and timeouts become entries, cases without a verdict are omitted")
	f.BoolVar(&force, "force", false, "overwrite an existing file")
	return c
}

// writeNew writes a file that must not be there yet, unless force says so.
func writeNew(path string, text []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s exists: update it with wsconform baseline update, or overwrite it with --force", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// baselineFile is the flag that names the file which a command is about.
func baselineFile(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "expect", gate.DefaultFile, "the expectation `FILE`")
}

// compared reads a run and an expectation file and compares them.
func compared(file, name string) (gate.Expectations, []gate.Change, error) {
	runs, err := openRuns([]string{name})
	if err != nil {
		return gate.Expectations{}, nil, err
	}
	files, err := (&expectFlags{files: []string{file}}).load(runs[0].Header.Agent)
	if err != nil {
		return gate.Expectations{}, nil, err
	}
	return files[0], gate.Compare(files[0], runs[0], time.Now()), nil
}

func baselineUpdate() *cobra.Command {
	var file string
	var only []string
	c := &cobra.Command{
		Use:   "update RUN",
		Short: "Update an expectation file from a run",
		Long: `Removes entries whose cases now pass, adds entries for cases that fail, and corrects
entries whose cases fail in a different way. Comments and the order of the file are
kept. Expired entries are kept too: a person has to decide on a new date.`,
		Example: `  wsconform baseline update out/server/run.jsonl --only fixed`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, names []string) error {
			for _, kind := range only {
				if !slices.Contains(gate.ChangeKinds, gate.ChangeKind(kind)) {
					return usagef("--only %q: must be fixed, new or changed", kind)
				}
			}
			x, changes, err := compared(file, names[0])
			if err != nil {
				return err
			}
			if len(only) > 0 {
				changes = slices.DeleteFunc(changes, func(c gate.Change) bool { return !slices.Contains(only, string(c.Kind)) })
			}
			if len(changes) == 0 {
				fmt.Fprintf(c.OutOrStdout(), "%s: nothing to change\n", file)
				return nil
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			text, err = gate.Update(x, text, changes)
			if err != nil {
				return &codedError{exitUsage, err}
			}
			printChanges(c.OutOrStdout(), changes)
			return writeNew(file, text, true)
		},
	}
	baselineFile(c, &file)
	c.Flags().StringSliceVar(&only, "only", nil, "make only these `KINDS` of changes: fixed, new, changed")
	return c
}

func printChanges(w io.Writer, changes []gate.Change) {
	for _, change := range changes {
		fmt.Fprintln(w, change)
	}
}

func baselineDiff() *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:   "diff RUN",
		Short: "Show what update would change; exits 1 if there is anything",
		Args:  args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, names []string) error {
			_, changes, err := compared(file, names[0])
			if err != nil {
				return err
			}
			printChanges(c.OutOrStdout(), changes)
			if len(changes) > 0 {
				return &codedError{exitFailed, fmt.Errorf("%s and %s differ in %s", file, names[0], harness.Count(len(changes), "place"))}
			}
			return nil
		},
	}
	baselineFile(c, &file)
	return c
}

func baselineLint() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [FILE...]",
		Short: "Check expectation files that apply together, without a run",
		RunE: func(c *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = []string{gate.DefaultFile}
			}
			var files []gate.Expectations
			for _, name := range names {
				x, err := gate.Load(name)
				if err != nil {
					return &codedError{exitUsage, err}
				}
				files = append(files, x)
			}
			problems, warnings := gate.Lint(files, time.Now())
			for _, s := range warnings {
				fmt.Fprintln(c.OutOrStdout(), "warning: "+s)
			}
			for _, s := range problems {
				fmt.Fprintln(c.OutOrStdout(), "problem: "+s)
			}
			if len(problems) > 0 {
				return &codedError{exitFailed, fmt.Errorf("%s in %s", harness.Count(len(problems), "problem"), strings.Join(names, ", "))}
			}
			return nil
		},
	}
}

func baselineExplain() *cobra.Command {
	var expect expectFlags
	c := &cobra.Command{
		Use:   "explain CASE [RUN]",
		Short: "Explain what is expected of a case, and whether a run agrees",
		Example: `  wsconform baseline explain 5.15
  wsconform baseline explain 5.15 out/server/run.jsonl`,
		Args: args(cobra.RangeArgs(1, 2)),
		RunE: func(c *cobra.Command, list []string) error {
			one, ok := catalogue.Find(cases.ID(list[0]))
			if !ok {
				return usagef("unknown case %q; wsconform list lists all cases", list[0])
			}
			runs, err := openRuns(list[1:])
			if err != nil {
				return err
			}
			var agents []harness.Agent
			for _, run := range runs {
				agents = append(agents, run.Header.Agent)
			}
			files, err := expect.loadAny(agents)
			if err != nil {
				return err
			}
			explain(c.OutOrStdout(), one, files, runs)
			return nil
		},
	}
	expect.flags(c.Flags())
	return c
}

// loadAny is load, without a run for any agent.
func (e *expectFlags) loadAny(agents []harness.Agent) ([]gate.Expectations, error) {
	if len(agents) > 0 {
		return e.load(agents...)
	}
	var files []gate.Expectations
	for _, name := range e.files {
		x, err := gate.Load(name)
		if err != nil {
			return nil, usagef("%w", err)
		}
		files = append(files, x)
	}
	if len(e.files) == 0 {
		return e.load()
	}
	return files, nil
}

func explain(w io.Writer, one cases.Case, files []gate.Expectations, runs []*runfile.Run) {
	fmt.Fprintf(w, "%s  %s\nwanted: %s\n", one.ID, one.Title, one.Expect)
	found := false
	for _, x := range files {
		for _, e := range x.Expect {
			if !e.Matches(one.ID) {
				continue
			}
			found = true
			fmt.Fprintf(w, "\n%s expects %s of %s:\n%s", e.At(), e.Verdict, e.Case, e.Lines())
		}
	}
	if !found {
		fmt.Fprintln(w, "\nno entry covers it, so it must pass; the policy of the file decides about lenient and unsupported outcomes")
	}
	for _, run := range runs {
		d := gate.Decide(run, files, time.Now())
		for _, r := range run.Results {
			if r.Case != one.ID {
				continue
			}
			fmt.Fprintf(w, "\nin the run of %s: %s\nsignature: %s\n", run.Header.Agent.Name, r.Summary(), r.Signature())
			if o, ok := d.Cases[one.ID]; ok {
				fmt.Fprintf(w, "against the entry: %s\n", o.Mark)
			}
		}
		for _, v := range d.Violations {
			if slices.Contains(v.Cases, one.ID) {
				fmt.Fprintf(w, "the gate fails: %s\n", v.Text)
			}
		}
	}
}

func baselineSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of expectation files, for editors",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := c.OutOrStdout().Write(gate.Schema)
			return err
		},
	}
}
