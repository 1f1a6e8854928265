package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/internal/ui"
)

func uiCommand() *cobra.Command {
	var open bool
	o := ui.Options{Dir: "out"}
	c := &cobra.Command{
		Use:   "ui [RUN...]",
		Short: "Start runs and watch them in a browser",
		Long: `Serves a page on this machine: name a server or a client, watch the verdicts come, look
at each exchange frame by frame, and play cases again. It lists the runs of the folder
out, and those named.

The page is at a random port of 127.0.0.1, and its URL contains a token. Requests
without the token, or from pages of other sites, are refused. Each run is a wsconform
test of its own, with the results in out/ui.

wsconform ui ends with Ctrl-C, and so do the runs that it has started.`,
		Example: `  wsconform ui --open
  wsconform ui out/server/run.jsonl`,
		RunE: func(c *cobra.Command, list []string) error {
			for _, file := range list {
				if _, err := os.Stat(file); err != nil {
					return usagef("%w", err)
				}
			}
			self, err := ownPath()
			if err != nil {
				return fmt.Errorf("ui: %w", err)
			}
			o.Program, o.Runs = []string{self}, list
			o.Ready = func(url string) {
				fmt.Fprintln(c.OutOrStdout(), url)
				if open {
					if err := openBrowser(c.Context(), url); err != nil {
						fmt.Fprintln(c.ErrOrStderr(), "wsconform: no browser could be started: open the URL yourself")
					}
				}
			}
			if err := ui.Serve(c.Context(), o); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		},
	}
	c.AddCommand(&cobra.Command{
		Use: "relay FOLDER URL", Hidden: true, Args: args(cobra.ExactArgs(2)),
		RunE: func(c *cobra.Command, list []string) error { return ui.Relay(c.Context(), list[0], list[1]) },
	})
	f := c.Flags()
	f.BoolVar(&open, "open", false, "open the page in the browser")
	f.StringVar(&o.Dir, "dir", o.Dir, "list the runs in this folder, and write new ones to its subfolder ui, `DIR`")
	return c
}

// ownPath is this program by the name that it was started with: a link may give it a name
// that matters.
func ownPath() (string, error) {
	if path, err := exec.LookPath(os.Args[0]); err == nil {
		return filepath.Abs(path)
	}
	return os.Executable()
}

// openBrowser has the system open a URL.
func openBrowser(ctx context.Context, url string) error {
	words := []string{"xdg-open", url}
	switch runtime.GOOS {
	case "darwin":
		words = []string{"open", url}
	case "windows":
		words = []string{"rundll32", "url.dll,FileProtocolHandler", url}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), words[0], words[1:]...) //nolint:gosec // a fixed program
	if err := cmd.Start(); err != nil {
		return err
	}
	return cmd.Process.Release()
}
