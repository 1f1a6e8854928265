package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

func reportCommand() *cobra.Command {
	var out string
	var formats []string
	var expect expectFlags
	var pages string
	c := &cobra.Command{
		Use:   "report RUN...",
		Short: "Write reports of run files",
		Long: `Writes reports of run files into a folder. For one run, it writes a page and the
other formats. For several runs, it writes one page for each and an index. The
report of an interrupted run says that the run is incomplete.

With an expectation file, expected failures are shown as such, and anything else
that it does not declare is a failure. The exit code only says whether the reports
were written; to judge a run, use wsconform gate.

Formats; the last two are written only on request:

` + formatTable(),
		Example: `  wsconform report out/server/run.jsonl -o out/server
  wsconform report out/*/run.jsonl -o out
  wsconform report run.jsonl --format markdown -o - >> "$GITHUB_STEP_SUMMARY"
  wsconform report run.jsonl --format annotations -o -
  wsconform report run.jsonl --format autobahn -o reports`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, files []string) error {
			limitMemory(playMemory)
			limitGarbage(reportGarbage)
			if out == "" {
				return usagef("-o DIR is missing: where the reports go")
			}
			for _, name := range formats {
				if _, err := reports.FormatByName(name); err != nil {
					return usagef("--format %q: must be one of %s", name, strings.Join(reports.FormatNames(), ", "))
				}
			}
			if len(formats) == 0 || slices.Contains(formats, "html") {
				if err := noComparisonIn(out); err != nil {
					return err
				}
			}
			inputs, err := openInputs(files, expect)
			if err != nil {
				return err
			}
			for i := range inputs {
				inputs[i].Pages = pages
			}
			switch {
			case out == "-":
				return reportTo(c.OutOrStdout(), inputs, formats)
			case len(inputs) == 1:
				err = reports.Write(out, inputs[0], formats...)
			case len(formats) > 0:
				return usagef("--format works with one run at a time, and %d are given", len(inputs))
			default:
				err = reports.WriteSite(out, inputs)
			}
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), "report: "+written(out, formats))
			return nil
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "out", "o", "", "write the reports to this folder, `DIR`; - is standard output, with one --format")
	f.StringSliceVar(&formats, "format", nil, "write only these `FORMATS`")
	f.StringVar(&pages, "case-pages", "", "link to the pages about cases at this `URL`, which ends with a slash, instead of the folder cases")
	expect.flags(f)
	complete(c, "format", reports.FormatNames()...)
	return c
}

func formatTable() string {
	var b strings.Builder
	for _, f := range reports.Formats {
		fmt.Fprintf(&b, "    %-12s %s\n", f.Name, f.About)
	}
	return strings.TrimRight(b.String(), "\n")
}

// reportTo writes one format of one run to a stream.
func reportTo(w io.Writer, inputs []reports.Input, formats []string) error {
	if len(inputs) != 1 || len(formats) != 1 {
		return usagef("-o - needs one run and one --format")
	}
	f, err := reports.FormatByName(formats[0])
	if err != nil {
		return err
	}
	if f.Write == nil {
		return usagef("--format %s writes a folder: name it with -o DIR", f.Name)
	}
	return f.Write(w, inputs[0])
}

// written is the file to look at.
func written(out string, formats []string) string {
	name := "index.html"
	if len(formats) > 0 {
		f, err := reports.FormatByName(formats[0])
		if err == nil {
			name = f.File
		}
	}
	return filepath.Join(out, name)
}

// openInputs opens run files, and holds each against the expectation files if
// there are any.
func openInputs(files []string, expect expectFlags) ([]reports.Input, error) {
	runs, err := openRuns(files)
	if err != nil {
		return nil, err
	}
	agents := make([]harness.Agent, len(runs))
	for i, run := range runs {
		agents[i] = run.Header.Agent
	}
	wanted, err := expect.load(agents...)
	if err != nil {
		return nil, err
	}
	inputs := make([]reports.Input, len(runs))
	for i, run := range runs {
		inputs[i].Run = run
		if len(wanted) > 0 {
			d := gate.Decide(run, wanted, time.Now())
			inputs[i].Gate = &d
		}
	}
	return inputs, nil
}

func openRuns(files []string) ([]*runfile.Run, error) {
	runs := make([]*runfile.Run, len(files))
	for i, file := range files {
		run, err := runfile.Open(file)
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		runs[i] = run
	}
	return runs, nil
}
