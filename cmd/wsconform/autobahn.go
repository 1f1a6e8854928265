package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/docker"
)

func autobahnCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "autobahn",
		Short: "Run the original Autobahn testsuite in a container",
		Args:  noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(autobahnRunCommand(), autobahnImageCommand())
	return c
}

func autobahnImageCommand() *cobra.Command {
	var build, baseOnly bool
	var opts engine.ImageOptions
	c := &cobra.Command{
		Use:   "image",
		Short: "Pull or build the container image of Autobahn",
		Long: `Provides the container image of Autobahn: uses the existing one, or pulls the
published one, or builds it. If no registry answers, debootstrap creates its base.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			containers, err := docker.Connect(c.Context())
			if err != nil {
				return err
			}
			defer containers.Close()
			if build {
				opts.Source = engine.Built
			}
			begun := time.Now()
			opts.Progress = func(line string) {
				fmt.Fprintf(c.ErrOrStderr(), "%4.0fs %s\n", time.Since(begun).Seconds(), line)
			}
			if baseOnly {
				base, err := engine.EnsureBase(c.Context(), containers, opts)
				if err == nil {
					fmt.Fprintln(c.OutOrStdout(), base)
				}
				return err
			}
			image, err := engine.EnsureImage(c.Context(), containers, opts)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s (%s, Autobahn testsuite %s)\n", image.Ref, image.Source, image.Versions["autobahntestsuite"])
			return nil
		},
	}
	c.Flags().BoolVar(&build, "build", false, "build the image instead of pulling the published one")
	c.Flags().BoolVar(&baseOnly, "base-only", false, "create only the Debian base image, and print its name")
	c.Flags().BoolVar(&opts.Rebuild, "force", false, "rebuild or pull the image even if it exists")
	c.Flags().StringVar(&opts.Base, "base", "", "base image for the build, a Debian 11, `REF`")
	return c
}
