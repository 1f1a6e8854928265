package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// goWords are what Go's own parsers say.
var goWords = []string{"strconv", "parsing", "invalid syntax", "time:", "time.", "parse ", "invalid argument", "value out of range", "url."}

// A value that a flag cannot take is refused in our words, for each flag of each
// command whose values have a form.
func TestFlagErrors(t *testing.T) {
	tried := 0
	var visit func(path []string, c *cobra.Command)
	visit = func(path []string, c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			switch f.Value.Type() {
			case "string", "stringArray", "stringSlice", "strings":
				return
			}
			for _, bad := range []string{"foo", "1e999", "99999999999999999999"} {
				tried++
				var out, errs bytes.Buffer
				code := run(t.Context(), append(path, "--"+f.Name+"="+bad), &out, &errs)
				line := errs.String()
				if code != exitUsage || !strings.Contains(line, f.Name) || !strings.Contains(line, bad) || !strings.Contains(line, "--help") {
					t.Errorf("%s --%s=%s: exit %d, %s", strings.Join(path, " "), f.Name, bad, code, line)
				}
				for _, word := range goWords {
					if strings.Contains(line, word) {
						t.Errorf("%s --%s=%s: these are Go's words: %s", strings.Join(path, " "), f.Name, bad, line)
					}
				}
			}
		})
		for _, sub := range c.Commands() {
			visit(append(slices.Clip(path), sub.Name()), sub)
		}
	}
	visit(nil, rootCommand())
	if tried < 100 {
		t.Errorf("only %d values were tried", tried)
	}
}

// A command is made by its name.
func TestCommandNames(t *testing.T) {
	for _, c := range commands {
		if got := c.make().Name(); got != c.name {
			t.Errorf("the row of %s makes %s", c.name, got)
		}
		if root := rootCommand(c.name); c.name != "man" && len(root.Commands()) != 3 { // and help and completion
			t.Errorf("%s: got %d commands", c.name, len(root.Commands()))
		}
	}
	for _, args := range [][]string{nil, {"--help"}, {"help", "test"}, {"tset"}, {"__complete", ""}, {"man"}} {
		if root := rootCommand(args...); len(root.Commands()) < len(commands) {
			t.Errorf("%v: got %d commands, want all", args, len(root.Commands()))
		}
	}
}
