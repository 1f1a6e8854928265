package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness/docker"
)

func cleanCommand() *cobra.Command {
	var opts docker.CleanOptions
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove containers and networks that earlier runs left behind",
		Long: `Removes containers and networks that runs of wsconform left behind when they were
killed. Those of runs that go on are left alone.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			engine, err := docker.Connect(c.Context())
			if err != nil {
				return err
			}
			defer engine.Close()
			done, err := engine.Clean(c.Context(), opts)
			fmt.Fprintf(c.OutOrStdout(), "removed %d containers, %d networks and %d images\n", len(done.Containers), len(done.Networks), len(done.Images))
			if len(done.Kept) > 0 {
				fmt.Fprintf(c.OutOrStdout(), "kept %d containers and networks of runs that go on (--force removes them too)\n", len(done.Kept))
			}
			return err
		},
	}
	c.Flags().BoolVar(&opts.Force, "force", false, "also remove those of runs that may still go on")
	c.Flags().BoolVar(&opts.Images, "images", false, "also remove the images that wsconform has made")
	return c
}
