package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Writes a manual page for each command into a folder, such as
/usr/local/share/man/man1. Their date is that of the program's commit, so the same
version gives the same octets.`,
		Example: `  wsconform man ~/.local/share/man/man1 && man wsconform-test`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, dirs []string) error {
			if err := os.MkdirAll(dirs[0], 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			date := commitTime()
			head := &doc.GenManHeader{Title: "WSCONFORM", Section: "1", Date: &date, Source: "wsconform " + toolVersion(), Manual: "wsconform"}
			if err := doc.GenManTree(root, head, dirs[0]); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			return nil
		},
	}
}

// commitTime is the time of the commit that the program was built from, as far
// as Go knows it.
func commitTime() time.Time {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, s := range info.Settings {
			if t, err := time.Parse(time.RFC3339, s.Value); s.Key == "vcs.time" && err == nil {
				return t
			}
		}
	}
	return time.Unix(0, 0)
}
