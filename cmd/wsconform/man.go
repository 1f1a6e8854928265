package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages",
		Long: `Writes a manual page for each command to a folder, such as
/usr/local/share/man/man1. Pages carry the date of the program's commit, so the same
version writes the same bytes.`,
		Example: `  wsconform man ~/.local/share/man/man1 && man wsconform-test`,
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, dirs []string) error {
			if err := os.MkdirAll(dirs[0], 0o755); err != nil {
				return err
			}
			root := c.Root()
			root.DisableAutoGenTag = true
			date := commitTime()
			head := &doc.GenManHeader{Section: "1", Date: &date, Source: "wsconform " + toolVersion(), Manual: "wsconform"}
			if err := doc.GenManTree(root, head, dirs[0]); err != nil {
				return fmt.Errorf("man: %w", err)
			}
			return nil
		},
	}
}
