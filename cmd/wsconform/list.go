package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases"
)

// A listing says which cases are listed, and how.
type listing struct {
	selection selection
	rules     []string
	search    string
	json      bool
}

func listCommand() *cobra.Command {
	var o listing
	c := &cobra.Command{
		Use:   "list",
		Short: "List the cases",
		Long: `Lists the cases that match all filters, with their ids and what they send. --json
writes one object per line, with title, expectation and RFC sections.`,
		Example: `  wsconform list --cases '7.*'
  wsconform list --rfc 'RFC 6455 5.4' --search continuation
  wsconform list --rfc 'RFC 7692' --json`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	o.selection.flags(f)
	o.selection.suiteFlag(f)
	f.StringArrayVar(&o.rules, "rfc", nil, "list cases about this `SECTION` or one below it, such as 'RFC 6455 5.5'")
	f.StringVar(&o.search, "search", "", "list cases whose title or expectation contains all these `WORDS`")
	f.BoolVar(&o.json, "json", false, "write one JSON object per line")
	return c
}

func (o *listing) run(c *cobra.Command) error {
	list, _, err := o.selection.pick()
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(one cases.Case) bool { return !o.wants(one) })
	if len(list) == 0 {
		return usagef("no case matches the filters")
	}
	enc := json.NewEncoder(c.OutOrStdout())
	for _, one := range list {
		if !o.json {
			fmt.Fprintf(c.OutOrStdout(), "%-9s %s\n", one.ID, one.Title)
			continue
		}
		err := enc.Encode(struct {
			ID     cases.ID `json:"id"`
			Title  string   `json:"title"`
			Expect string   `json:"expect"`
			RFC    []string `json:"rfc"`
			Heavy  bool     `json:"heavy,omitempty"`
		}{one.ID, one.Title, one.Expect, one.RFC, one.Heavy()})
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *listing) wants(c cases.Case) bool {
	for _, rule := range o.rules {
		if !slices.ContainsFunc(c.RFC, func(ref string) bool {
			return ref == rule || strings.HasPrefix(ref, rule+" ") || strings.HasPrefix(ref, rule+".")
		}) {
			return false
		}
	}
	text := strings.ToLower(c.Title + " " + c.Expect)
	for word := range strings.FieldsSeq(strings.ToLower(o.search)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
