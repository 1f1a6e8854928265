package main

import (
	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	var runs []string
	c := &cobra.Command{
		Use:   "explain CASE",
		Short: "Say what a case sends and wants, why, and which bugs it finds",
		Long: `Says all that is known of a case: what is sent, what is wanted, what the standard says,
why it matters, which bugs of well-known libraries and which faults it finds, and what is
disputed about it. With --compared it also lists who fails it in these runs.`,
		Example: `  wsconform explain M.1.1
  wsconform explain 7.9.1 --compared out/compare/runs/go-gorilla-server-native.jsonl
  wsconform explain M.1.1 --json`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: completeCases,
		RunE: func(c *cobra.Command, list []string) error {
			if _, err := loadUserCases(""); err != nil {
				return err
			}
			one, ok := catalogue.Find(cases.ID(list[0]))
			if !ok {
				return usagef("unknown case %q; wsconform list lists all cases", list[0])
			}
			var compared []*runfile.Run
			for _, file := range runs {
				run, err := runfile.Open(file)
				if err != nil {
					return &codedError{exitUsage, err}
				}
				compared = append(compared, run)
			}
			if asJSON {
				return reports.ExplainJSON(c.OutOrStdout(), one, compared...)
			}
			return reports.Explain(c.OutOrStdout(), one, compared...)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	c.Flags().StringSliceVar(&runs, "compared", nil, "list who fails the case in these run `FILES`")
	return c
}
