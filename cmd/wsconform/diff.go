package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/reports"
)

func diffCommand() *cobra.Command {
	var format string
	var failOn []string
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Show what changed between two runs",
		Long: `Compares two run files case by case:

    regressed  was good (pass, pass-lenient, observed), now bad
    gone       has no result now: not selected, not run, blocked
    changed    another outcome or signature, neither better nor worse
    new        had no result before
    fixed      was bad, now good

The exit code is 1 if there is a change of a kind that --fail-on names, 4 if the
runs have no case in common, and 0 otherwise.`,
		Example: `  wsconform diff main/run.jsonl out/server/run.jsonl
  wsconform diff old.jsonl new.jsonl --fail-on none --format markdown`,
		Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, files []string) error {
			write, err := diffFormat(format)
			if err != nil {
				return err
			}
			bad, err := changeKinds(failOn)
			if err != nil {
				return err
			}
			runs, err := openRuns(files)
			if err != nil {
				return err
			}
			d := reports.Diff(runs[0], runs[1])
			if err := write(c.OutOrStdout(), d); err != nil {
				return err
			}
			return judgeDiff(d, bad)
		},
	}
	var names []string
	for _, f := range reports.DiffFormats {
		names = append(names, f.Name)
	}
	c.Flags().StringVar(&format, "format", "text", "output `FORMAT`: "+strings.Join(names, ", "))
	c.Flags().StringSliceVar(&failOn, "fail-on", []string{"regressed", "gone"}, "exit 1 on these kinds of `CHANGES`: regressed, gone, changed, new, fixed, any or none")
	complete(c, "format", names...)
	complete(c, "fail-on", "regressed", "gone", "changed", "new", "fixed", "any", "none")
	return c
}

func diffFormat(name string) (func(io.Writer, reports.RunDiff) error, error) {
	for _, f := range reports.DiffFormats {
		if f.Name == name {
			return f.Write, nil
		}
	}
	return nil, usagef("--format %q: must be text, markdown or json", name)
}

// changeKinds reads the words of --fail-on.
func changeKinds(words []string) ([]reports.ChangeKind, error) {
	switch {
	case len(words) == 1 && words[0] == "none":
		return nil, nil
	case len(words) == 1 && words[0] == "any":
		return reports.ChangeKinds, nil
	}
	var kinds []reports.ChangeKind
	for _, word := range words {
		kind := reports.ChangeKind(word)
		if !slices.Contains(reports.ChangeKinds, kind) {
			return nil, usagef("--fail-on %q: must be any of %v, or any, or none", word, reports.ChangeKinds)
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// judgeDiff is nil if there is no change of a bad kind.
func judgeDiff(d reports.RunDiff, bad []reports.ChangeKind) error {
	if d.Compared() == 0 {
		return &codedError{exitIncomplete, errors.New("the runs have no case in common, so there is nothing to compare")}
	}
	var parts []string
	for _, kind := range bad {
		if n := len(d.Of(kind)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) > 0 {
		return &codedError{exitFailed, errors.New(strings.Join(parts, ", "))}
	}
	return nil
}
