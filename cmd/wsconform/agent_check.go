package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/checkup"
	"github.com/wsconform/wsconform/internal/owner"
)

// check proves an agent of the user's own.
func (o *test) check(c *cobra.Command, args []string) error {
	if err := o.checkFlags(c.Flags()); err != nil {
		return err
	}
	about, err := o.agentOf(args)
	if err != nil {
		return err
	}
	options, err := o.options()
	if err != nil {
		return err
	}
	options.Parallel = 1
	options.Control = true
	var peer harness.Peer
	options.Peer = func(p harness.Peer) { peer = p }
	target, err := o.target(about.URL)
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	fmt.Fprintf(w, "%s, a %s:\n", about.Name, about.Role)
	failed := 0
	say := func(s checkup.Step) {
		printStep(w, s)
		if s.Err != nil {
			failed++
		}
	}
	var log strings.Builder
	if o.client {
		dir, err := owner.TempDir("check")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		driver, err := o.driver(about.Command, dir)
		if err != nil {
			return err
		}
		driver.Log = &log
		err = checkup.Client(c.Context(), driver, o.oneShot, options, say)
		if err != nil {
			return err
		}
	} else {
		var service *agent.Service
		if o.serverCmd != "" {
			service = &agent.Service{Command: about.Command, URL: target.URL, AnyPort: target.URL.Port() == "0", Patience: o.patience, Log: &log}
		}
		if err := checkup.Server(c.Context(), *target, service, options, say); err != nil {
			return err
		}
	}
	switch {
	case failed == 0:
		fmt.Fprintf(w, "  levels: %v\n", peer)
		fmt.Fprintln(w, "it can be tested; failures in a test are those of the library")
		return nil
	case log.Len() > 0:
		fmt.Fprintf(w, "  it printed:\n        %s\n", indent(lastLines(log.String(), 20)))
	}
	return &codedError{exitAgent, fmt.Errorf("%s cannot be tested as it is: %d of the steps fail", about.Name, failed)}
}

// printStep prints a step of a check, how long it took and what to fix, where these are known.
func printStep(w io.Writer, s checkup.Step) {
	switch {
	case s.Err == nil && s.Took > 0:
		fmt.Fprintf(w, "  ok    %s (%.1f s)\n", s.What, s.Took.Seconds())
	case s.Err == nil:
		fmt.Fprintf(w, "  ok    %s\n", s.What)
	default:
		fmt.Fprintf(w, "  FAIL  %s: %s\n", s.What, indent(s.Err.Error()))
		if s.Fix != "" {
			fmt.Fprintf(w, "        to fix: %s\n", s.Fix)
		}
	}
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
