package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// commands lists the commands in the order of the help. To add one, add a row.
var commands = []struct {
	name string
	make func() *cobra.Command
}{
	{"test", testCommand},
	{"ui", uiCommand},
	{"mcp", mcpCommand},
	{"list", listCommand},
	{"case", caseCommand},
	{"gate", gateCommand},
	{"baseline", baselineCommand},
	{"stress", stressCommand},
	{"parity", parityCommand},
	{"autobahn", autobahnCommand},
	{"echo", echoCommand},
	{"gateway", gatewayCommand},
	{"lint", lintCommand},
	{"record", recordCommand},
	{"drive", driveCommand},
	{"doctor", doctorCommand},
	{"dump", dumpCommand},
	{"pipe", pipeCommand},
	{"faults", faultsCommand},
	{"explain", explainCommand},
	{"ledger", ledgerCommand},
	{"compare", compareCommand},
	{"work", workCommand},
	{"agent", agentCommand},
	{"wstest", wstestCommand},
	{"report", reportCommand},
	{"diff", diffCommand},
	{"merge", mergeCommand},
	{"import", importCommand},
	{"clean", cleanCommand},
	{"man", manCommand},
	{"version", versionCommand},
}

// run is main without the process. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return execute(ctx, rootCommand(args...), args, stdout, stderr)
}

func execute(ctx context.Context, root *cobra.Command, args []string, stdout, stderr io.Writer) int {
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
	case exitCode(err) == exitInterrupted && !errors.As(err, new(*codedError)):
		fmt.Fprintln(stderr, "wsconform: interrupted")
	default:
		fmt.Fprintln(stderr, "wsconform: "+maskArgs(args, strings.TrimSpace(err.Error())))
	}
	return exitCode(err)
}

// rootCommand makes the command line for these arguments: if they begin with the name of a
// command, only that one is made, else all of them.
func rootCommand(args ...string) *cobra.Command {
	root := &cobra.Command{
		Use:           "wsconform",
		Short:         "Tests whether a WebSocket implementation conforms to RFC 6455 and RFC 7692",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		Long: `wsconform tests whether a WebSocket implementation conforms to RFC 6455 and RFC 7692.

Exit codes: 0 it conforms, 1 it does not, 2 usage error, 3 the harness or its
environment failed, 4 cases are missing, 5 the implementation cannot be tested,
130 interrupted (results so far are kept).`,
	}
	root.SetFlagErrorFunc(flagError)
	for _, c := range commands {
		if len(args) == 0 || args[0] == c.name {
			root.AddCommand(c.make())
		}
	}
	if !root.HasSubCommands() || len(args) > 0 && args[0] == "man" {
		return rootCommand() // for the help, and for what has to name the others
	}
	completeSelections(root)
	checkFlagGroups(root)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(_ *cobra.Command, names []string) error { return noHelp(root, names) }
		case "completion":
			c.Args, c.RunE = noCommand, func(c *cobra.Command, _ []string) error { return c.Help() }
		}
	}
	return root
}

// checkFlagGroups makes flags that exclude or require each other report wrong usage,
// for all commands below c: cobra's own errors have no type.
func checkFlagGroups(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, list []string) error {
			if err := check(c, list); err != nil {
				return err
			}
			if err := errors.Join(c.ValidateRequiredFlags(), c.ValidateFlagGroups()); err != nil {
				return usagef("%w; see %s --help", err, c.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		checkFlagGroups(sub)
	}
}

// noCommand is called for arguments that name no command.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if similar := c.SuggestionsFor(args[0]); len(similar) > 0 {
		return usagef("unknown command %q; did you mean %s?", args[0], strings.Join(similar, " or "))
	}
	return usagef("unknown command %q; see %s --help", args[0], c.CommandPath())
}

// noHelp refuses help on what is no command.
func noHelp(root *cobra.Command, names []string) error {
	c, rest, err := root.Find(names)
	if err != nil {
		rest = names
	}
	return noCommand(c, rest)
}

// args makes a check of arguments report wrong usage.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, list []string) error {
		if check(c, list) == nil {
			return nil
		}
		for n, arg := range slices.Backward(list) {
			if check(c, list[:n]) == nil {
				return usagef("unexpected argument %q; usage: %s", arg, c.UseLine())
			}
		}
		return usagef("an argument is missing; usage: %s", c.UseLine())
	}
}
