package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/fixtures/agents"
	"github.com/wsconform/wsconform/fixtures/gateways"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/checkup"
	"github.com/wsconform/wsconform/internal/compare"
)

func agentCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "agent",
		Short: "List, check and create agents (third-party implementations)",
		Args:  noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(agentListCommand(), agentCheckCommand(), agentInitCommand(), agentSuperviseCommand())
	return c
}

// agentFlags say which agents there are and where they are built.
type agentFlags struct {
	folder   string
	gateways bool // those between client and server, not the clients and servers
	workshop compare.Workshop
}

func (o *agentFlags) flags(f *pflag.FlagSet) {
	f.StringVar(&o.folder, "agents", "", "use the agents in this folder, `DIR`, instead of the built-in ones")
	f.StringVar(&o.workshop.Dir, "cache", "", "build agents in this folder, `DIR` (default wsconform/agents in the user's cache folder)")
	f.BoolVar(&o.workshop.Again, "rebuild", false, "rebuild agents that are already built")
}

func (o *agentFlags) fs() fs.FS {
	switch {
	case o.folder == "" && o.gateways:
		return gateways.Embedded()
	case o.folder == "":
		return agents.Embedded()
	}
	return os.DirFS(o.folder)
}

// pick returns the agents of these names, or all.
func (o *agentFlags) pick(names []string) ([]agentfile.Agent, error) {
	if len(names) == 0 {
		list, err := agentfile.Load(o.fs())
		if err == nil && len(list) == 0 {
			err = fmt.Errorf("no agents in %s", o.folder)
		}
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		return list, nil
	}
	var list []agentfile.Agent
	for _, name := range names {
		a, err := agentfile.LoadOne(o.fs(), name)
		if errors.Is(err, agentfile.ErrUnknown) {
			return nil, usagef("%w; wsconform agent list lists them", err)
		}
		if err != nil {
			return nil, &codedError{exitUsage, err}
		}
		list = append(list, a)
	}
	return list, nil
}

func agentListCommand() *cobra.Command {
	var o agentFlags
	c := &cobra.Command{
		Use:   "list",
		Short: "List the agents that can be compared",
		Args:  args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			list, err := o.pick(nil)
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, a := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Folder, a.Language, a.Library, a.Version, roles(a), a.Licence)
			}
			return w.Flush()
		},
	}
	o.flags(c.Flags())
	c.Flags().BoolVar(&o.gateways, "gateways", false, "list the gateways")
	return c
}

func roles(a agentfile.Agent) string {
	switch {
	case len(a.Gateway) > 0:
		return "gateway"
	case len(a.Client) == 0:
		return "server"
	case len(a.Server) == 0:
		return "client"
	}
	return "server, client"
}

func agentCheckCommand() *cobra.Command {
	var o agentFlags
	var own test
	c := &cobra.Command{
		Use:   "check NAME... | check URL | check --client -- COMMAND...",
		Short: "Check that agents can be tested",
		Long: `Checks that agents are ready for a comparison. Each is built in a private copy of
its folder and started in each of its roles. It must echo a text and a binary
message, answer a ping, close when asked, and as a client ask for its cases. This
distinguishes a broken adapter from a library that fails cases.

To check an agent of your own, name it as for test: by its URL, with --server-cmd,
or with --client and its command. For each thing that is missing, the output says
what to fix.`,
		Example: `  wsconform agent check go-gorilla
  wsconform agent check ws://127.0.0.1:9001
  wsconform agent check --server-cmd './my-server --port {port}'
  wsconform agent check --client -- ./my-client {url}`,
		RunE: func(c *cobra.Command, names []string) error {
			if own.client || own.serverCmd != "" || len(names) == 1 && strings.Contains(names[0], "://") {
				return own.check(c, names)
			}
			if len(names) == 0 {
				return usagef("say what to check: the name of an agent, the URL of a server, --server-cmd, or --client and a command")
			}
			list, err := o.pick(names)
			if err != nil {
				return err
			}
			var failed []string
			for _, a := range list {
				err := checkAgent(c.Context(), c.OutOrStdout(), &o.workshop, a)
				switch {
				case err == nil:
				case errors.Is(err, compare.ErrCheck), errors.As(err, new(*harness.UntestableError)):
					failed = append(failed, a.Folder)
				default:
					return err
				}
			}
			if len(failed) > 0 {
				return &codedError{exitAgent, fmt.Errorf("not fit for a comparison: %s", strings.Join(failed, ", "))}
			}
			return nil
		},
	}
	o.flags(c.Flags())
	own.agentFlags(c.Flags())
	return c
}

// checkAgent prints each step as it ends, and what the agent printed if one fails.
func checkAgent(ctx context.Context, w io.Writer, workshop *compare.Workshop, a agentfile.Agent) error {
	fmt.Fprintf(w, "%s: %s, %s %s\n", a.Folder, a.Language, a.Library, a.Version)
	var log strings.Builder
	e, err := openEngine(ctx, engine.Kinds[0], engine.Setup{}, w)
	if err != nil {
		return err
	}
	defer e.Close() //nolint:errcheck // wsconform clean finds what it leaves
	err = compare.Check(ctx, workshop, a, e, &log, func(s checkup.Step) { printStep(w, s) })
	if err != nil && log.Len() > 0 {
		fmt.Fprintf(w, "  it printed:\n        %s\n", indent(log.String()))
	}
	return err
}

func indent(s string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n        ") }

func agentInitCommand() *cobra.Command {
	var dir, language string
	c := &cobra.Command{
		Use:   "init --lang LANGUAGE NAME",
		Short: "Create an agent from a working example",
		Long: `Creates a folder with a new agent, copied from a working one in the same language:
replace its library with the one that you want to compare. The name is a language
and a library, such as go-mylib. To check the folder, use wsconform agent check.`,
		Example: `  wsconform agent init --lang python python-mylib
  wsconform agent check --agents . python-mylib`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, names []string) error {
			if language == "" {
				return usagef("--lang is missing: %s", strings.Join(agentfile.Languages(), "|"))
			}
			err := agentfile.Scaffold(dir, language, names[0])
			if err != nil {
				return usagef("%w", err)
			}
			fmt.Fprintf(c.OutOrStdout(), "created %s; to check it: wsconform agent check --agents %s %s\n", filepath.Join(dir, names[0]), dir, names[0])
			return nil
		},
	}
	c.Flags().StringVar(&language, "lang", "", "`LANGUAGE` of the agent: "+strings.Join(agentfile.Languages(), ", "))
	c.Flags().StringVar(&dir, "agents", ".", "create it in this folder, `DIR`")
	return c
}

func agentSuperviseCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "supervise FLAGS -- COMMAND...",
		Short:              "Run a command within bounds and leave nothing of it behind",
		Hidden:             true, // for compare, which starts every agent with it
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, list []string) error {
			k, command, err := compare.ParseSupervisor(list)
			if err != nil {
				return usagef("%w", err)
			}
			k.Output = c.OutOrStdout()
			return asItEnded(k.Run(c.Context(), command))
		},
	}
}

// asItEnded has us end with the status of the command that we supervised, as a shell would:
// 128 and its number for a signal.
func asItEnded(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return err
	}
	code := exit.ExitCode()
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		code = 128 + int(status.Signal())
	}
	return &codedError{code, fmt.Errorf("the agent exited (%w)", err)}
}
