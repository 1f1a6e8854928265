package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports"
)

func reportCommand() *cobra.Command {
	var out string
	var formats []string
	c := &cobra.Command{
		Use:   "report RUN...",
		Short: "Write reports of run files",
		Long: `Writes reports of run files into a folder. Of one run that is a page and the
other formats; of several a page each, and an index of them all. A run that was
cut off gives a report too, which says so.`,
		Example: `  wsconform report out/server/run.jsonl -o out/server
  wsconform report out/*/run.jsonl -o out`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			if out == "" {
				return usagef("say where the reports go: -o DIR")
			}
			runs, err := openRuns(files)
			if err != nil {
				return err
			}
			if len(runs) == 1 {
				err = reports.Write(out, runs[0], formats...)
			} else if len(formats) > 0 {
				return usagef("--format is for one run at a time; of %d there is an index and a page each", len(runs))
			} else {
				err = reports.WriteSite(out, runs)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "report: "+filepath.Join(out, "index.html"))
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "folder for the reports, `DIR`")
	c.Flags().StringSliceVar(&formats, "format", nil, "write these formats only: html, junit, markdown, json, badge or badge-json")
	return c
}

func openRuns(files []string) ([]*harness.Run, error) {
	runs := make([]*harness.Run, len(files))
	for i, file := range files {
		run, err := harness.OpenRun(file)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		runs[i] = run
	}
	return runs, nil
}
