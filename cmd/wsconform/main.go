// Command wsconform tells whether a WebSocket implementation keeps RFC 6455 and
// RFC 7692.
//
// Start reading at the table of commands in root.go; each command has a file of
// its own. Exit codes are an interface, and are in exit.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	// Signals are caught to the very end: one on the way out must not take the place
	// of the exit code.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an end in good order. An impatient person ends it at
	// once by a second interrupt; whoever sends SIGTERM twice has SIGKILL for that.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	os.Exit(start(ctx))
}

// start runs the command line. Under the name of wstest the program behaves as
// that.
func start(ctx context.Context) int {
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if name == "wstest" {
		return wstestMain(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
