package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/compare"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/runfile"
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
	queue     queueOptions
	selection selection
}

func compareCommand() *cobra.Command {
	var o compareOptions
	c := &cobra.Command{
		Use:   "compare [NAME...]",
		Short: "Compare third-party implementations",
		Long: `Plays the same cases against many implementations, in both roles, and shows them
side by side. Give names from wsconform agent list, or none to compare all.
With --gateways it compares proxies and load balancers, those of wsconform agent list
--gateways: cases are played through each, one after the other.

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
  wsconform compare --engine both -o out/compare
  wsconform compare --gateways nginx-debian envoy-pypi`,
		RunE: o.run,
	}
	f := c.Flags()
	o.agents.flags(f)
	f.StringVar(&o.engine, "engine", runfile.DefaultEngine, engineHelp()+", or "+bothEngines)
	f.StringVar(&o.role, "role", "both", "role to compare: `server`, client or both")
	f.StringVarP(&o.out, "out", "o", "out/compare", "write the results to this folder, `DIR`")
	f.IntVarP(&o.parallel, "parallel", "p", 0, "how many rows to play at once, `N`; 0 means one per processor")
	f.IntVar(&o.repeats, "repeats", 4, "how many times to repeat a verdict that may be due to chance, `N`")
	f.DurationVar(&o.patience, "timeout", 30*time.Minute, "time limit for a row")
	f.BoolVar(&o.again, "again", false, "play rows again that are already complete")
	f.StringVar(&o.isolate, "isolate", "none", "run agents as plain processes, `none`, or in containers, docker")
	f.BoolVar(&o.update, "update", false, "only ask the package registries for newer versions, through their own clients")
	f.BoolVar(&o.agents.gateways, "gateways", false, "compare gateways, into out/gateways unless -o says otherwise")
	o.selection.flags(f)
	o.selection.suiteFlag(f)
	o.selection.slowFlag(f)
	o.queue.flags(f)
	c.AddCommand(compareReportCommand())
	return c
}

func (o *compareOptions) run(c *cobra.Command, names []string) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := o.checkGateways(c.Flags()); err != nil {
		return err
	}
	if err := o.queue.check(c.Flags()); err != nil {
		return err
	}
	if err := noRunIn(o.out); err != nil && !o.update {
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
	network, contained, err := o.network(c.Context())
	if err != nil {
		return err
	}
	defer contained()
	engines, done, err := openEngines(c, kinds, o.queue.serve)
	if err != nil {
		return err
	}
	defer done()
	rows := compare.Rows(chosen, roles, engines)
	if len(rows) == 0 {
		return usagef("none of these agents has the role %s", o.role)
	}
	played := 0
	for _, c := range list {
		if slices.ContainsFunc(roles, c.For) {
			played++
		}
	}
	runner := &compare.Runner{
		Workshop: &o.agents.workshop, Cases: list, Selection: sel, Dir: o.out, Tool: "wsconform " + toolVersion(), Host: thisHost(),
		Parallel: o.parallel, Repeats: o.repeats, Patience: o.patience, Again: o.again, Network: network,
		Progress: compare.Narrate(c.ErrOrStderr()),
	}
	if o.agents.gateways && o.parallel == 0 { // a row plays one case at a time, and mostly waits
		runner.Parallel = 2 * runner.Host.CPUs
	}
	begun := time.Now()
	var results []compare.Done
	var failure error
	if o.queue.serve {
		results, failure = o.queue.run(c, runner, rows, compare.Isolation(o.isolate), o.agents.folder)
		if failure != nil {
			return failure
		}
	} else {
		results, failure = runner.Run(c.Context(), rows)
	}
	if c.Context().Err() != nil { // also where the rows are complete: the comparison is not written
		return cmp.Or(failure, context.Cause(c.Context()))
	}
	fmt.Fprintf(c.OutOrStdout(), "%s of %s in %s; results: %s\n",
		harness.Count(len(results), "row"), harness.Count(played, "case"), time.Since(begun).Round(time.Second), filepath.Join(o.out, "runs"))
	return o.conclude(c, results, failure)
}

// conclude writes the comparison, and says what is missing in it.
func (o *compareOptions) conclude(c *cobra.Command, results []compare.Done, failure error) error {
	files, err := filepath.Glob(filepath.Join(o.out, "runs", "*.jsonl"))
	if err == nil {
		err = writeComparison(c, o.out, files, &o.agents)
	}
	disagree, parityErr := compare.Disagreements(c.OutOrStdout(), results)
	if err = errors.Join(failure, err, parityErr); err != nil {
		return err
	}
	missing, none := compare.Incomplete(results)
	switch {
	case none:
		return &codedError{exitAgent, errors.New("no agent could be tested; the lines above say why")}
	case len(missing) > 0:
		return &codedError{exitIncomplete, fmt.Errorf("%d of %s incomplete: %s", len(missing), harness.Count(len(results), "row"), strings.Join(missing, ", "))}
	case disagree > 0:
		return &codedError{exitFailed, fmt.Errorf("the engines disagree on %s", harness.Count(disagree, "verdict"))}
	}
	return nil
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
	sum.Print(w)
	fmt.Fprintln(w, "comparison: "+filepath.Join(out, "index.html"))
	return nil
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
			if err := noRunIn(out); err != nil {
				return err
			}
			err := writeComparison(c, out, files, &o)
			if errors.As(err, new(*runfile.ReadError)) || errors.Is(err, fs.ErrNotExist) {
				return &codedError{exitUsage, err}
			}
			return err
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write the comparison to this folder, `DIR`")
	c.Flags().StringVar(&o.folder, "agents", "", "use the findings of the agents in this folder, `DIR`")
	c.Flags().BoolVar(&o.gateways, "gateways", false, "use the findings of the gateways")
	return c
}

// showUpdates prints which versions the registries have. What cannot be asked is
// said, and is no failure.
func showUpdates(c *cobra.Command, list []agentfile.Agent) error {
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

// checkGateways refuses what has no meaning for gateways, and sets what differs for them.
func (o *compareOptions) checkGateways(f *pflag.FlagSet) error {
	if !o.agents.gateways {
		return nil
	}
	for _, name := range []string{"role", "repeats", "isolate"} {
		if f.Changed(name) {
			return usagef("--%s has no meaning with --gateways", name)
		}
	}
	if o.engine != runfile.DefaultEngine {
		return usagef("--gateways works with the native engine only")
	}
	if !f.Changed("out") {
		o.out = "out/gateways"
	}
	o.role = cases.Gateway.String()
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

// network returns the network for agents that are to be contained, and what to call in
// the end.
func (o *compareOptions) network(ctx context.Context) (network *docker.Network, done func(), err error) {
	switch compare.Isolation(o.isolate) {
	case compare.NoIsolation:
		return nil, func() {}, nil
	case compare.InContainer:
		if o.queue.serve { // the workers have networks of their own
			return nil, func() {}, nil
		}
		return compare.Contain(ctx)
	}
	return nil, nil, usagef("--isolate %q: it is none or docker", o.isolate)
}

// openEngines makes engines ready, and returns what to call in the end. Those in
// containers are not opened if they are elsewhere.
func openEngines(c *cobra.Command, kinds []engine.Kind, elsewhere bool) (list []engine.Engine, done func(), err error) {
	done = func() {
		for _, e := range list {
			_ = e.Close() // a later clean removes what this cannot
		}
	}
	for _, kind := range kinds {
		if elsewhere && kind.Name == runfile.ReferenceEngine {
			list = append(list, compare.Elsewhere(runfile.Engine{Name: kind.Name}))
			continue
		}
		e, err := openEngine(c.Context(), kind, engine.Setup{}, c.ErrOrStderr())
		if err != nil {
			done()
			return nil, nil, err
		}
		list = append(list, e)
	}
	return list, done, nil
}
