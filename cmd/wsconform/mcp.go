package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/internal/assistant"
)

func mcpCommand() *cobra.Command {
	o := assistant.Options{Version: toolVersion(), Dir: filepath.Join("out", "mcp")}
	c := &cobra.Command{
		Use:   "mcp",
		Short: "Serve an assistant that speaks the Model Context Protocol",
		Long: `Offers the tools list, explain, run and lab on standard input and output to a program
that speaks the Model Context Protocol, such as a coding assistant. The program can test
the servers and clients that it names, and so start commands as you.

One run goes on at a time, for at most 15 minutes. The results are in out/mcp.`,
		Example: `  wsconform mcp
  {"mcpServers": {"wsconform": {"command": "wsconform", "args": ["mcp"]}}}`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			self, err := ownPath()
			if err != nil {
				return fmt.Errorf("mcp: %w", err)
			}
			o.Program = []string{self}
			if err := assistant.Serve(c.Context(), o, &mcp.StdioTransport{}); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
				return fmt.Errorf("mcp: %w", err)
			}
			return nil
		},
	}
	c.Flags().StringVarP(&o.Dir, "out", "o", o.Dir, "write the results to subfolders of this folder, `DIR`")
	return c
}
