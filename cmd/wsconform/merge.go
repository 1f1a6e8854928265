package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
)

func mergeCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "merge RUN... -o FILE",
		Short: "Join the run files of shards, and prove that nothing lacks",
		Long: `Joins run files that are parts of one run: shards (wsconform test --shard 1/4),
or runs of other cases of the same agent. They must have the same catalogue of
cases, engine and agent, and no case may have gone in two ways; else nothing is
written and the command exits with 4.

Cases that lack in all of them are listed, the file is written and says partial,
and the exit code is 4. The verdicts themselves are judged by wsconform gate.`,
		Example: "  wsconform merge shard-*/run.jsonl -o run.jsonl",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			if out == "" {
				return usagef("say where the joined run goes: -o FILE")
			}
			runs, err := openRuns(files)
			if err != nil {
				return err
			}
			merged, err := harness.MergeRuns(runs)
			if merged == nil {
				return &codedError{exitIncomplete, err}
			}
			if failed := merged.Save(out); failed != nil {
				return failed
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %d cases of %d runs, %s\n", out, len(merged.Header.Selection.Selected), len(runs), merged.State())
			switch {
			case err != nil:
				return &codedError{exitIncomplete, err}
			case merged.State() == harness.Invalid:
				return &codedError{exitHarness, errors.New("a run is invalid: " + merged.Footer.Error)}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "the joined run `FILE`")
	return c
}
