// Command wsconform tests WebSocket servers and clients against RFC 6455 and RFC 7692.
//
// Start reading at the table of commands in root.go; each command has its own file.
// Exit codes are part of the interface; they are in exit.go.
package main

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/wsconform/wsconform/internal/agent"
)

// watchArgs make this program the watchdog of another one of its kind.
var watchArgs = []string{"agent", "watch"}

func main() {
	// Signals are caught to the very end: a late one must not replace the exit code.
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for an orderly end. A second interrupt ends the program at
	// once; a second SIGTERM does not, since there is SIGKILL.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	os.Exit(start(ctx))
}

// start runs the command line. If the program is called wstest, it behaves like that.
func start(ctx context.Context) int {
	if slices.Equal(os.Args[1:], watchArgs) {
		agent.Watch(os.Stdin)
		return exitOK
	}
	if self, err := os.Executable(); err == nil {
		agent.UseWatchdog(append([]string{self}, watchArgs...)...)
	}
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	if name == "wstest" {
		return wstestMain(ctx, os.Args[1:], os.Stdout, os.Stderr)
	}
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}
