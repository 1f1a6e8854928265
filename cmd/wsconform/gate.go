package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/gate"
)

// defaultExpectations is read without being named.
const defaultExpectations = "wsconform.yaml"

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
				v := verdict{run: run, decision: gate.Decide(run, files, time.Now()), files: files}
				v.summary(c.OutOrStdout())
				v.conclude(c.OutOrStdout(), "")
				failed = append(failed, v.err())
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

// load reads the expectation files for runs of these agents. A file that is about
// none of them is wrong usage if it was named.
func (e *expectFlags) load(agents ...harness.Agent) ([]gate.Expectations, error) {
	named := e.files
	if len(named) == 0 {
		named = []string{defaultExpectations}
	}
	var files []gate.Expectations
	for _, name := range named {
		x, err := gate.Load(name)
		if errors.Is(err, fs.ErrNotExist) && len(e.files) == 0 {
			continue
		}
		if err != nil {
			return nil, usagef("%w", err)
		}
		if len(e.files) > 0 && !slices.ContainsFunc(agents, x.AppliesTo) {
			return nil, usagef("%s is about %s, which is not what is tested: correct its agent or role, or omit it", name, x.About())
		}
		files = append(files, x)
	}
	if e.strict {
		files = append(files, gate.Strict())
	}
	return files, nil
}

// A verdict is a run and what the gate says of it.
type verdict struct {
	run      *harness.Run
	decision gate.Decision
	files    []gate.Expectations
	secrets  *harness.Secrets // masks what is printed; nil masks nothing
}

// shown bounds the lines of each list that is printed.
const shown = 40

// summary prints what did not pass and is neither expected nor a violation, and
// the counts.
func (v *verdict) summary(w io.Writer) {
	if len(v.run.Results) == 0 {
		return
	}
	list := slices.DeleteFunc(slices.Clone(v.run.Results), func(r harness.Result) bool {
		_, declared := v.decision.Cases[r.Case]
		return declared || r.Outcome == harness.Pass || r.Outcome == harness.Observed || v.violates(r)
	})
	slices.SortFunc(list, func(a, b harness.Result) int { return a.Case.Compare(b.Case) })
	lines := 0
	for rest := list; len(rest) > 0; lines++ {
		n := alike(rest)
		if lines == shown {
			fmt.Fprintf(w, "  … and %d more\n", len(rest))
			break
		}
		name := string(rest[0].Case)
		if n > 1 {
			name = fmt.Sprintf("%s … %s (%d cases)", rest[0].Case, rest[n-1].Case, n)
		}
		fmt.Fprintf(w, "  %s: %s\n", name, rest[0].Summary())
		rest = rest[n:]
	}
	total, counts := 0, v.run.Counts()
	var parts []string
	for _, o := range harness.Outcomes {
		if n := counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
			total += n
		}
	}
	fmt.Fprintf(w, "%s: %s\n", harness.Count(total, "case"), strings.Join(parts, ", "))
}

// violates reports whether the case has a line of its own among the violations.
func (v *verdict) violates(r harness.Result) bool {
	return slices.ContainsFunc(v.decision.Violations, func(x gate.Violation) bool {
		return (x.Kind == gate.Unexpected || x.Kind == gate.Unallowed) && x.Cases[0] == r.Case
	})
}

// alike counts how many of the first results say the same.
func alike(list []harness.Result) int {
	n := 1
	for n < len(list) && list[n].Summary() == list[0].Summary() {
		n++
	}
	return n
}

// conclude prints what the gate says: what the run was held against, notes, and
// the violations. The command that repeats a case is printed after them, if there
// is one.
func (v *verdict) conclude(w io.Writer, again string) {
	for _, x := range v.files {
		if len(x.Expect) > 0 || x.File == defaultExpectations {
			fmt.Fprintf(w, "expectations: %s\n", x.File)
		}
	}
	if fits := v.marks(gate.ExpectedFail, gate.MarkFlaky); fits > 0 {
		fmt.Fprintf(w, "as expected there: %d of %s\n", fits, harness.Count(len(v.run.Results), "case"))
	}
	for _, note := range v.decision.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	if len(v.decision.Violations) == 0 {
		return
	}
	fmt.Fprintln(w, "gate failed:")
	for i, x := range v.decision.Violations {
		if i == shown {
			fmt.Fprintf(w, "  … and %d more\n", len(v.decision.Violations)-shown)
			break
		}
		fmt.Fprintf(w, "  %s\n", x.Text)
	}
	if said := v.lastWords(); said != "" {
		fmt.Fprintf(w, "before its first crash the agent said:\n  %s\n", strings.ReplaceAll(said, "\n", "\n  "))
	}
	if again != "" {
		fmt.Fprintf(w, "to repeat the first: %s\n", again)
	}
}

// lastWords is what the agent printed before the first crash that the gate
// objects to.
func (v *verdict) lastWords() string {
	for _, r := range v.run.Results {
		if _, said, found := strings.Cut(r.Note, "\n"); found && r.Outcome == harness.Crash && v.violates(r) {
			return strings.Map(func(r rune) rune {
				if unicode.IsPrint(r) || r == '\n' {
					return r
				}
				return ' ' // a terminal would obey it
			}, strings.TrimSpace(said))
		}
	}
	return ""
}

func (v *verdict) marks(which ...gate.Mark) int {
	n := 0
	for _, o := range v.decision.Cases {
		if slices.Contains(which, o.Mark) {
			n++
		}
	}
	return n
}

// err is nil when the gate holds.
func (v *verdict) err() error {
	if v.decision.Exit == gate.Holds {
		return nil
	}
	return &codedError{int(v.decision.Exit), errors.New(v.decision.String())}
}

// again is the command that repeats the first case that the gate objects to.
func (v *verdict) again(c *cobra.Command, out string) string {
	for _, x := range v.decision.Violations {
		if len(x.Cases) > 0 {
			return repeat(c, x.Cases[0], filepath.Join(out, "repeat"), v.secrets)
		}
	}
	return ""
}
