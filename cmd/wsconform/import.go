package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

// An importing makes run files of a folder that Autobahn, or wstest of ours, has
// written.
type importing struct {
	out       string
	agent     string
	selection selection
}

func importCommand() *cobra.Command {
	var o importing
	c := &cobra.Command{
		Use:   "import DIR -o FILE",
		Short: "Convert Autobahn's reports to run files",
		Long: `Reads the index.json and the case files in a folder that Autobahn has written, and
writes a run file for each agent: to FILE if there is one agent or --agent names
one, otherwise to a file per agent in the folder FILE.

Autobahn's reports do not say which cases were selected. Without --cases, the
selection is what is there. With --cases, missing cases are listed, the run is
partial, and the exit code is 4.`,
		Example: `  wsconform import reports/servers -o run.jsonl
  wsconform import reports/clients --cases '*' --exclude '12.*,13.*' -o runs`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, dirs []string) error { return o.run(c, dirs[0]) },
	}
	f := c.Flags()
	f.StringVarP(&o.out, "out", "o", "", "write the run to this `FILE`, or several to this folder")
	f.StringVar(&o.agent, "agent", "", "import only this agent, `NAME`")
	o.selection.flags(f)
	return c
}

func (o *importing) run(c *cobra.Command, dir string) error {
	if o.out == "" {
		return usagef("-o FILE is missing: where the run file goes")
	}
	var wanted runfile.Selection
	if c.Flags().Changed("cases") || c.Flags().Changed("exclude") {
		var err error
		if _, wanted, err = o.selection.pick(); err != nil {
			return err
		}
	}
	fsys := os.DirFS(dir)
	agents, err := engine.Agents(fsys)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("%s holds no reports of Autobahn: there is no index.json in it", dir)
	}
	if err != nil {
		return &codedError{exitUsage, err}
	}
	if o.agent != "" {
		agents = []string{o.agent}
	}
	if len(agents) == 0 {
		return &codedError{exitIncomplete, errors.New("index.json names no agent")}
	}
	var runs []*runfile.Run
	var errs []error
	for _, agent := range agents {
		run, err := engine.Import(fsys, agent, wanted)
		if run == nil {
			return &codedError{exitUsage, err}
		}
		run.Header.Tool = "wsconform " + toolVersion()
		runs = append(runs, run)
		if err == nil && run.State() != runfile.Complete {
			err = fmt.Errorf("%s no verdict: %s", harness.CountHave(len(run.Missing()), "case"), runfile.ListIDs(run.Missing()))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%.80q: %w", agent, err))
		}
	}
	files := []string{o.out}
	if len(runs) > 1 {
		files = reports.RunFileNames(runs)
		for i, name := range files {
			files[i] = filepath.Join(o.out, name)
		}
	}
	for i, run := range runs {
		if err := run.Save(files[i]); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s: %q, %s, %s\n", files[i], run.Header.Agent.Name, harness.Count(len(run.Results), "case"), run.State())
	}
	if len(errs) > 0 {
		return &codedError{exitIncomplete, errors.Join(errs...)}
	}
	return nil
}
