package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/cases/catalogue"
)

// complete names the values of a flag for shell completion.
func complete(c *cobra.Command, flag string, values ...string) {
	completeBy(c, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func completeBy(c *cobra.Command, flag string, find cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(flag, find); err != nil {
		panic(err) //nolint:forbidigo // there is no such flag: a bug that every test finds
	}
}

// completeSelections lets the flags that select cases, of all commands below c,
// be completed.
func completeSelections(c *cobra.Command) {
	for _, flag := range []string{"cases", "exclude"} {
		if c.Flags().Lookup(flag) != nil {
			completeBy(c, flag, completePatterns)
		}
	}
	for _, sub := range c.Commands() {
		completeSelections(sub)
	}
}

// completeCases completes the id of a case, with its title where the shell shows
// that.
func completeCases(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for _, c := range catalogue.All() {
		if strings.HasPrefix(string(c.ID), begun) {
			list = append(list, cobra.CompletionWithDesc(string(c.ID), c.Title))
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completePatterns completes the last of a list of patterns: sections, then ids.
func completePatterns(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before, last := "", begun
	if i := strings.LastIndexByte(begun, ',') + 1; i > 0 {
		before, last = begun[:i], begun[i:]
	}
	var list []cobra.Completion
	for _, s := range catalogue.Sections() {
		if pattern := s.ID + ".*"; strings.HasPrefix(pattern, last) {
			list = append(list, cobra.CompletionWithDesc(before+pattern, s.Title))
		}
	}
	ids, directive := completeCases(c, nil, last)
	for _, id := range ids {
		list = append(list, before+id)
	}
	return list, directive | cobra.ShellCompDirectiveNoSpace
}
