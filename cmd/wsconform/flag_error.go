package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// valueForms says what each type of flag takes, by the name that pflag gives it.
var valueForms = map[string]string{
	"bool":     "true or false",
	"count":    "a whole number",
	"duration": "a time, such as 500ms, 30s or 5m",
	"int":      "a whole number",
	"int64":    "a whole number",
	"intSlice": "whole numbers, such as 3 or 1,3",
}

// flagError makes an error of parsing flags wrong usage, and says what a flag takes
// instead of how its value was parsed.
func flagError(c *cobra.Command, err error) error {
	if bad, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if form, ok := valueForms[bad.GetFlag().Value.Type()]; ok {
			return usagef("--%s %q: must be %s; see %s --help", bad.GetFlag().Name, bad.GetValue(), form, c.CommandPath())
		}
	}
	return usagef("%w; see %s --help", err, c.CommandPath())
}
