package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/docker"
)

func cleanCommand() *cobra.Command {
	var opts docker.CleanOptions
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what earlier runs left behind",
		Long: `Ends agents and removes temporary folders, containers and networks that runs of
wsconform left behind when they were killed. Those of runs that are still going are kept.
Agents are found on Linux only.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			err := cleanMachine(c.OutOrStdout(), opts.Force)
			engine, dockerErr := docker.Connect(c.Context())
			if errors.Is(dockerErr, docker.ErrNoEngine) && !opts.Images {
				fmt.Fprintln(c.OutOrStdout(), "no Docker engine answers, so no containers were looked for")
				return err
			}
			if dockerErr != nil {
				return errors.Join(err, dockerErr)
			}
			defer engine.Close()
			done, dockerErr := engine.Clean(c.Context(), opts)
			fmt.Fprintf(c.OutOrStdout(), "removed %s, %s and %s\n",
				harness.Count(len(done.Containers), "container"), harness.Count(len(done.Networks), "network"), harness.Count(len(done.Images), "image"))
			if len(done.Services) > 0 {
				fmt.Fprintf(c.OutOrStdout(), "removed %s of a swarm\n", harness.Count(len(done.Services), "service"))
			}
			if len(done.Kept) > 0 {
				fmt.Fprintf(c.OutOrStdout(), "kept %d containers and networks of runs that are still going (--force removes them too)\n", len(done.Kept))
			}
			return errors.Join(err, dockerErr)
		},
	}
	c.Flags().BoolVar(&opts.Force, "force", false, "also remove those of runs that may still be going")
	c.Flags().BoolVar(&opts.Images, "images", false, "also remove the images that wsconform has made")
	return c
}

// cleanMachine ends the processes and removes the folders of runs that have ended.
func cleanMachine(w io.Writer, force bool) error {
	processes, folders, kept := 0, 0, 0
	var errs []error
	for _, left := range agent.Leftovers() {
		switch {
		case left.Owned && !force:
			kept++
			continue
		case left.PID > 0:
			processes++
		default:
			folders++
		}
		errs = append(errs, left.Remove())
	}
	fmt.Fprintf(w, "ended %d processes and removed %d temporary folders\n", processes, folders)
	if kept > 0 {
		fmt.Fprintf(w, "kept %d of runs that go on (--force removes them too)\n", kept)
	}
	return errors.Join(errs...)
}
