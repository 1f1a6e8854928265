package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

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
		Long: `Writes reports of run files into a folder: of one run into the folder itself, of
several into a folder each. A run that was cut off gives a report too, which
says so.`,
		Example: "  wsconform report out/server/run.jsonl -o out/server",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			if out == "" {
				return usagef("say where the reports go: -o DIR")
			}
			for i, file := range files {
				run, err := harness.OpenRun(file)
				if err != nil {
					return &codedError{exitUsage, err}
				}
				dir := out
				if len(files) > 1 {
					dir = filepath.Join(out, folders(files)[i])
				}
				if err := reports.Write(dir, run, formats...); err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), filepath.Join(dir, "index.html"))
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "folder for the reports, `DIR`")
	c.Flags().StringSliceVar(&formats, "format", nil, "write these formats only: html, junit, markdown, json, badge or badge-json")
	return c
}

// folders names a folder for each run file, after the file, or after its folder
// where the file is just called run. What a run file says is not used: it may
// come from anywhere.
func folders(files []string) []string {
	var names []string
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		if abs, err := filepath.Abs(file); err == nil && name == "run" {
			name = filepath.Base(filepath.Dir(abs))
		}
		unique := name
		for n := 2; slices.Contains(names, unique); n++ {
			unique = fmt.Sprintf("%s-%d", name, n)
		}
		names = append(names, unique)
	}
	return names
}
