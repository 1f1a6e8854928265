package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/harness/autobahn"
	"github.com/wsconform/wsconform/harness/docker"
)

func autobahnCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "autobahn",
		Short: "Have the original Autobahn testsuite test an agent, in a container",
		Args:  noCommand,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(autobahnRunCommand(), autobahnImageCommand())
	return c
}

func autobahnImageCommand() *cobra.Command {
	var build, baseOnly bool
	var opts autobahn.ImageOptions
	c := &cobra.Command{
		Use:   "image",
		Short: "Make sure of the container image of Autobahn",
		Long: `Makes sure of the container image of Autobahn: the one that is there, else the
published one, else one that is built here. Where no registry answers, its base
is made by debootstrap. An image that is there takes no time.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			engine, err := docker.Connect(c.Context())
			if err != nil {
				return err
			}
			defer engine.Close()
			if build {
				opts.Source = autobahn.Built
			}
			begun := time.Now()
			opts.Progress = func(line string) {
				fmt.Fprintf(c.ErrOrStderr(), "%4.0fs %s\n", time.Since(begun).Seconds(), line)
			}
			if baseOnly {
				base, err := autobahn.EnsureBase(c.Context(), engine, opts)
				if err == nil {
					fmt.Fprintln(c.OutOrStdout(), base)
				}
				return err
			}
			image, err := autobahn.EnsureImage(c.Context(), engine, opts)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s (%s, Autobahn testsuite %s)\n", image.Ref, image.Source, image.Versions["autobahntestsuite"])
			return nil
		},
	}
	c.Flags().BoolVar(&build, "build", false, "build it here, even if the published one can be pulled")
	c.Flags().BoolVar(&baseOnly, "base-only", false, "make only the Debian image that it is built upon, and print its name")
	c.Flags().BoolVar(&opts.Rebuild, "force", false, "make it anew, even if it is there")
	c.Flags().StringVar(&opts.Base, "base", "", "image to build upon, a Debian 11, `REF`")
	return c
}
