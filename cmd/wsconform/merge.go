package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

func mergeCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "merge RUN... -o FILE",
		Short: "Join the run files of shards and verify that no case is missing",
		Long: `Joins run files that are parts of one run: shards (wsconform test --shard 1/4),
or runs of different cases of the same agent. They must have the same case
catalogue, engine and agent, and must agree on every case that several of them
played: a crash in one and a pass in another do not. Otherwise nothing is written
and the exit code is 4.

If cases are missing from all of them, they are listed, the file is written as a
partial run, and the exit code is 4. To judge the verdicts, use wsconform gate.`,
		Example: "  wsconform merge shard-*/run.jsonl -o run.jsonl",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			if out == "" {
				return usagef("-o FILE is missing: where the joined run goes")
			}
			runs, err := openRuns(files)
			if err != nil {
				return err
			}
			merged, err := runfile.Merge(runs)
			if merged == nil {
				return &codedError{exitIncomplete, err}
			}
			if failed := merged.Save(out); failed != nil {
				return failed
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s from %s, %s\n", out, harness.Count(len(merged.Header.Selection.Selected), "case"), harness.Count(len(runs), "run"), merged.State())
			switch {
			case err != nil:
				return &codedError{exitIncomplete, err}
			case merged.State() == runfile.Invalid:
				return &codedError{exitHarness, errors.New("a run is invalid: " + merged.Footer.Error)}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "write the joined run to this `FILE`")
	return c
}
