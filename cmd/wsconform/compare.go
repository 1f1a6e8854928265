package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/agents"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/reports/comparison"
)

type compareOptions struct {
	agents    agentFlags
	engine    string
	role      string
	out       string
	parallel  int
	repeats   int
	patience  time.Duration
	again     bool
	update    bool
	isolate   string
	selection selection
}

func compareCommand() *cobra.Command {
	var o compareOptions
	c := &cobra.Command{
		Use:   "compare [NAME...]",
		Short: "Compare third-party implementations",
		Long: `Plays the same cases against many implementations, in both roles, and shows them
side by side. Give names from wsconform agent list, or none to compare all.

Agents are built first, each once per content of its folder. Then they are played,
one row per processor, so that none disturbs the timing of another. Verdicts that
may be due to chance are played again, as are those on which the engines disagree;
the comparison says where they vary. An agent that does not build, crashes, hangs
or exceeds its limits stays in the comparison, with the reason. An interrupted
comparison continues where it stopped: complete rows of the same agent, engine and
cases are not played again.

With --isolate docker, an agent can read the programs of this machine and its own
folder, and can reach only the harness: its network has no way out and one address
of this machine. It can also reach there whatever else listens on all addresses.

Each row is a run file, DIR/runs/NAME-ROLE-ENGINE.jsonl; the output of the agents
is in DIR/logs. The comparison of all run files is DIR/index.html. It shows known
explanations of failures (findings.yaml in the agent's folder) and lists failures
that have none.

Exit codes: 0 every row is complete, 1 the engines disagree (--engine both),
2 usage error, 3 the harness failed, 4 rows are incomplete, 5 no row has a
verdict, 130 interrupted.`,
		Example: `  wsconform compare
  wsconform compare go-gorilla js-ws --role server --cases '1.*,5.*'
  wsconform compare --engine both -o out/compare`,
		RunE: o.run,
	}
	f := c.Flags()
	o.agents.flags(f)
	f.StringVar(&o.engine, "engine", harness.DefaultEngine, engineHelp()+", or "+bothEngines)
	f.StringVar(&o.role, "role", "both", "role to compare: `server`, client or both")
	f.StringVarP(&o.out, "out", "o", "out/compare", "write the results to this folder, `DIR`")
	f.IntVarP(&o.parallel, "parallel", "p", 0, "how many rows to play at once, `N`; 0 means one per processor")
	f.IntVar(&o.repeats, "repeats", 4, "how many times to repeat a verdict that may be due to chance, `N`")
	f.DurationVar(&o.patience, "timeout", 30*time.Minute, "time limit for a row")
	f.BoolVar(&o.again, "again", false, "play rows again that are already complete")
	f.StringVar(&o.isolate, "isolate", "none", "run agents as plain processes, `none`, or in containers, docker")
	f.BoolVar(&o.update, "update", false, "only ask the package registries for newer versions, through their own clients")
	o.selection.flags(f)
	o.selection.suiteFlag(f)
	o.selection.slowFlag(f)
	c.AddCommand(compareReportCommand())
	return c
}

func (o *compareOptions) run(c *cobra.Command, names []string) error {
	if err := o.check(); err != nil {
		return err
	}
	kinds, err := pickEngines(o.engine)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if err := o.selection.fits(kind, c.Flags()); err != nil {
			return err
		}
	}
	list, sel, err := o.selection.pick()
	if err != nil {
		return err
	}
	roles, err := o.roles()
	if err != nil {
		return err
	}
	roles = slices.DeleteFunc(roles, func(role cases.Role) bool {
		return !slices.ContainsFunc(list, func(c cases.Case) bool { return c.For(role) })
	})
	if len(roles) == 0 {
		return &codedError{exitIncomplete, fmt.Errorf("none of the cases is for a %s", o.role)}
	}
	chosen, err := o.agents.pick(names)
	if err != nil {
		return err
	}
	if o.update {
		return showUpdates(c, chosen)
	}
	network, contained, err := o.containers(c)
	if err != nil {
		return err
	}
	defer contained()
	engines, done, err := openEngines(c, kinds)
	if err != nil {
		return err
	}
	defer done()
	rows := compare.Rows(chosen, roles, engines)
	if len(rows) == 0 {
		return usagef("none of these agents has the role %s", o.role)
	}
	stderr := c.ErrOrStderr()
	runner := &compare.Runner{
		Workshop: &o.agents.workshop, Cases: list, Selection: sel, Dir: o.out, Tool: "wsconform " + toolVersion(), Host: thisHost(),
		Parallel: o.parallel, Repeats: o.repeats, Patience: o.patience, Again: o.again, Network: network,
		Progress: newCompareMeter(stderr),
	}
	begun := time.Now()
	results, failure := runner.Run(c.Context(), rows)
	if c.Context().Err() != nil {
		return failure
	}
	fmt.Fprintf(c.OutOrStdout(), "%s of %s in %s; results: %s\n",
		harness.Count(len(results), "row"), harness.Count(len(list), "case"), time.Since(begun).Round(time.Second), filepath.Join(o.out, "runs"))
	files, err := filepath.Glob(filepath.Join(o.out, "runs", "*.jsonl"))
	if err == nil {
		err = writeComparison(c, o.out, files, &o.agents)
	}
	disagree, parityErr := disagreements(c.OutOrStdout(), results)
	if err = errors.Join(failure, err, parityErr); err != nil {
		return err
	}
	if err := verdictOf(results); err != nil || disagree == 0 {
		return err
	}
	return &codedError{exitFailed, fmt.Errorf("the engines disagree on %s", harness.Count(disagree, "verdict"))}
}

// disagreements prints where the engines differ on the same agent, and counts
// what no race excuses.
func disagreements(w io.Writer, results []compare.Done) (unexcused int, err error) {
	agree, differ, missing := 0, 0, 0
	for i, j := range compare.Pairs(results) {
		a, b := results[i], results[j]
		first, err := harness.OpenRun(a.File)
		if err != nil {
			return 0, err
		}
		second, err := harness.OpenRun(b.File)
		if err != nil {
			return 0, err
		}
		list, same := harness.Parity(first, second)
		agree, differ = agree+same, differ+len(list)
		for _, d := range list {
			race := d.Race
			switch {
			case !d.A.Outcome.Ran() || !d.B.Outcome.Ran():
				missing++
				continue // the row says why
			case race == "":
				unexcused++
				race = "no race is known"
			}
			fmt.Fprintf(w, "%s %s, case %s: %s %s, %s %s; %s\n", a.Agent.Folder, a.Role, d.Case,
				first.Header.Engine.Name, inWords(d.A), second.Header.Engine.Name, inWords(d.B), race)
		}
	}
	if agree+differ > 0 {
		fmt.Fprintf(w, "%d of %d verdicts of the two engines agree in both halves; %d differ, %d of them by a known timing race; %d have a verdict from one engine only\n",
			agree, agree+differ, differ-missing, differ-missing-unexcused, missing)
	}
	return unexcused, nil
}

func inWords(r harness.Result) string {
	if !r.Outcome.Ran() {
		return cmp.Or(string(r.Outcome), "not run")
	}
	return fmt.Sprintf("%s / %s", r.Behavior, r.Close)
}

func writeComparison(c *cobra.Command, out string, files []string, o *agentFlags) error {
	list, err := o.pick(nil)
	if err != nil {
		return err
	}
	sum, err := comparison.Write(out, files, list)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	if sum.Failures > 0 {
		fmt.Fprintf(w, "%d of %d failures are explained", sum.Explained(), sum.Failures)
		for _, f := range agents.Faults {
			if n := sum.Faults[f]; n > 0 {
				fmt.Fprintf(w, ", %d: %s", n, f)
			}
		}
		fmt.Fprintln(w)
	}
	for _, u := range sum.Unexplained {
		fmt.Fprintf(w, "unexplained: %s: %s\n", u.Row, idList(u.Cases))
	}
	for _, f := range sum.Stale {
		fmt.Fprintln(w, "nothing fails any more for the finding of "+f)
	}
	fmt.Fprintln(w, "comparison: "+filepath.Join(out, "index.html"))
	return nil
}

// idList names some of the cases.
func idList(list []cases.ID) string {
	const most = 12
	var words []string
	for _, id := range list[:min(len(list), most)] {
		words = append(words, string(id))
	}
	if n := len(list) - most; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(words, " ")
}

func compareReportCommand() *cobra.Command {
	var out string
	var o agentFlags
	c := &cobra.Command{
		Use:   "report RUN...",
		Short: "Write a comparison from run files",
		Long: `Writes a comparison from run files: an overview, index.html, and a page per run. The
same files give the same bytes. The run files may come from compare, test or
autobahn run. Explanations of failures come from the findings.yaml of the agents.`,
		Example: "  wsconform compare report out/compare/runs/*.jsonl -o site",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			if out == "" {
				return usagef("say where the comparison goes: -o DIR")
			}
			err := writeComparison(c, out, files, &o)
			if errors.As(err, new(*harness.ReadError)) || errors.Is(err, fs.ErrNotExist) {
				return &codedError{exitUsage, err}
			}
			return err
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write the comparison to this folder, `DIR`")
	c.Flags().StringVar(&o.folder, "agents", "", "use the findings of the agents in this folder, `DIR`")
	return c
}

// showUpdates prints which versions the registries have. What cannot be asked is
// said, and is no failure.
func showUpdates(c *cobra.Command, list []agents.Agent) error {
	newer := 0
	for _, a := range list {
		latest, err := compare.Latest(c.Context(), a)
		switch {
		case c.Context().Err() != nil:
			return c.Context().Err()
		case err != nil:
			fmt.Fprintf(c.OutOrStdout(), "%s %s: %s\n", a.Folder, a.Version, indent(err.Error()))
		case latest == a.Version:
			fmt.Fprintf(c.OutOrStdout(), "%s %s: the newest\n", a.Folder, a.Version)
		default:
			newer++
			fmt.Fprintf(c.OutOrStdout(), "%s %s: %s is there\n", a.Folder, a.Version, latest)
		}
	}
	fmt.Fprintf(c.OutOrStdout(), "%d of %d agents can be updated: change the version in their folders\n", newer, len(list))
	return nil
}

// check finds what is wrong before anything is built.
func (o *compareOptions) check() error {
	switch {
	case o.parallel < 0:
		return usagef("--parallel %d: must be at least 1, or 0 for one per processor", o.parallel)
	case o.repeats < 0:
		return usagef("--repeats %d: must be 0 or more", o.repeats)
	case o.patience <= 0:
		return usagef("--timeout %v: must be more than 0", o.patience)
	}
	return nil
}

func (o *compareOptions) roles() ([]cases.Role, error) {
	if o.role == "both" {
		return []cases.Role{cases.Server, cases.Client}, nil
	}
	var role cases.Role
	if err := role.UnmarshalText([]byte(o.role)); err != nil {
		return nil, usagef("--role %q: it is server, client or both", o.role)
	}
	return []cases.Role{role}, nil
}

// containers makes sure that agents can be contained, if they are to be, and
// returns the network for that and what to call in the end.
func (o *compareOptions) containers(c *cobra.Command) (network *docker.Network, done func(), err error) {
	switch compare.Isolation(o.isolate) {
	case compare.NoIsolation:
		return nil, func() {}, nil
	case compare.InContainer:
	default:
		return nil, nil, usagef("--isolate %q: it is none or docker", o.isolate)
	}
	containers, err := docker.Connect(c.Context())
	if err != nil {
		return nil, nil, err
	}
	if err := compare.EnsureRoot(c.Context(), containers); err != nil {
		return nil, nil, errors.Join(err, containers.Close())
	}
	network, err = containers.CreateNetwork(c.Context())
	if err != nil {
		return nil, nil, errors.Join(err, containers.Close())
	}
	return network, func() {
		ctx := context.WithoutCancel(c.Context())
		_, _ = containers.Clean(ctx, docker.CleanOptions{}) // the containers of supervisors that were killed
		_ = network.Remove(ctx)                             // a later clean does it if this cannot
		_ = containers.Close()
	}, nil
}

// openEngines makes engines ready, and returns what to call in the end.
func openEngines(c *cobra.Command, kinds []engine.Kind) (list []engine.Engine, done func(), err error) {
	done = func() {
		for _, e := range list {
			_ = e.Close() // a later clean removes what this cannot
		}
	}
	for _, kind := range kinds {
		e, err := openEngine(c.Context(), kind, engine.Setup{}, c.ErrOrStderr())
		if err != nil {
			done()
			return nil, nil, err
		}
		list = append(list, e)
	}
	return list, done, nil
}

// newCompareMeter prints a line for each thing that begins or ends, and how long
// the rest will take.
func newCompareMeter(w io.Writer) func(compare.Event) {
	var begun time.Time
	played := 0
	return func(e compare.Event) {
		switch e.Kind {
		case compare.Building:
			fmt.Fprintf(w, "build %d/%d: %s\n", e.Index, e.Total, e.Row.Agent.Folder)
		case compare.BuildFailed:
			fmt.Fprintf(w, "  %s\n", indent(e.Err.Error()))
		case compare.RowBegan:
			if begun.IsZero() {
				begun = time.Now()
			}
		case compare.RowEnded:
			if !e.Done.Kept {
				played++
			}
			left := ""
			if rest := e.Total - e.Index; rest > 0 && played > 0 {
				left = fmt.Sprintf(", %s left", (time.Since(begun) / time.Duration(played) * time.Duration(rest)).Round(time.Second))
			}
			fmt.Fprintf(w, "row %d/%d: %s%s\n", e.Index, e.Total, rowWords(*e.Done), left)
		case compare.Disputed:
			fmt.Fprintf(w, "again, since the engines disagree: %s %s, %d of %d verdicts\n", e.Row.Agent.Folder, e.Row.Role, e.Index, e.Total)
		}
	}
}

func rowWords(d compare.Done) string {
	var counts []string
	for _, o := range harness.Outcomes {
		if n := d.Counts[o]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if d.Varied > 0 {
		counts = append(counts, fmt.Sprintf("%d vary", d.Varied))
	}
	s := fmt.Sprintf("%s: %s (%.1f s)", d.Name(), strings.Join(counts, ", "), d.Duration.Seconds())
	if d.Kept {
		s += ", kept"
	}
	if d.Cause != "" {
		text, _, _ := strings.Cut(d.Error, "\n")
		s += fmt.Sprintf("; %s: %s", d.Cause, text)
	}
	return s
}

// verdictOf says whether every row has its verdicts. What they are does not
// matter: a comparison is no gate.
func verdictOf(results []compare.Done) error {
	var missing []string
	for _, d := range results {
		if d.State != harness.Complete {
			missing = append(missing, d.Name())
		}
	}
	switch {
	case len(missing) == 0:
		return nil
	case !slices.ContainsFunc(results, func(d compare.Done) bool { return d.Counts[harness.Pass] > 0 }):
		return &codedError{exitAgent, errors.New("no agent could be tested; the lines above say why")}
	}
	return &codedError{exitIncomplete, fmt.Errorf("%d of %s incomplete: %s", len(missing), harness.Count(len(results), "row"), strings.Join(missing, ", "))}
}
