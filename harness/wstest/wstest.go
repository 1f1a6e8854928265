package wstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Env is the environment of the command.
type Env struct {
	// Version of the program, such as "1.2.0".
	Version        string
	Stdout, Stderr io.Writer
	// Ready, if set, is called with the address of each listener, for tests.
	Ready func(what, addr string)
}

// A mode is one of the command's jobs.
type mode struct {
	name string
	help string
	run  func(ctx context.Context, c *command) error
	// needsURI is set for modes that require --wsuri.
	needsURI bool
}

// modes lists all modes, in the order of the help.
func modes() []mode {
	return []mode{
		{"fuzzingserver", "test the clients that connect", runFuzzingServer, false},
		{"fuzzingclient", "test servers", runFuzzingClient, false},
		{"testeeserver", "a server to test: echoes messages, with compression", runTesteeServer, true},
		{"testeeclient", "a client to test: runs all cases of a fuzzing server", runTesteeClient, true},
		{"echoserver", "echoes messages", runEchoServer, true},
		{"echoclient", "connects and echoes messages", runEchoClient, true},
		{"broadcastserver", "sends each message to all clients, and a tick every second", runBroadcastServer, true},
		{"broadcastclient", "connects, says hello every 2 s and prints what it receives", runBroadcastClient, true},
		{"massconnect", "opens many connections to servers", runMassConnect, false},
		{"serializer", "not part of this program", runSerializer, false},
	}
}

// A command is one run of the program.
type command struct {
	env  Env
	args arguments

	mu sync.Mutex // guards writes to Stdout and Stderr
}

// ErrInterrupted reports that the run was interrupted. The results so far have been
// written.
var ErrInterrupted = errors.New("interrupted")

// Run runs the command. It returns when the command is done or ctx ends, which is
// how servers are stopped and no error for them. Failed cases are no error either.
// The user can correct a [*usageError].
func Run(ctx context.Context, list []string, env Env) error {
	args, err := parseArgs(list)
	if err != nil {
		return err
	}
	c := &command{env: env, args: args}
	switch {
	case args.Help:
		c.say("%s", strings.TrimSuffix(helpText(), "\n"))
		return nil
	case args.Version:
		c.say("wsconform %s", env.Version)
		c.say("cases and verdicts of the Autobahn testsuite 25.10.1")
		return nil
	case args.Mode == "":
		return usagef("no mode given; see --help")
	}
	for _, m := range modes() {
		if m.name != args.Mode {
			continue
		}
		if (args.HTTP2 || args.HTTP3) && m.name != "fuzzingserver" && m.name != "fuzzingclient" {
			return usagef("--http2 and --http3 are for the modes fuzzingserver and fuzzingclient")
		}
		if args.HTTP2 && args.HTTP3 {
			return usagef("--http2 and --http3 exclude each other")
		}
		if m.needsURI && args.URI == "" {
			return usagef("mode %s needs an address: add --wsuri", m.name)
		}
		return m.run(ctx, c)
	}
	return usagef("there is no mode %q; see --help", args.Mode)
}

func runSerializer(context.Context, *command) error {
	return usagef("mode serializer is not part of this program: it writes test vectors for WAMP, not for WebSocket")
}

// say prints a line for people and scripts.
func (c *command) say(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.env.Stdout, format+"\n", a...)
}

// warn prints a warning on standard error.
func (c *command) warn(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.env.Stderr, "wstest: "+format+"\n", a...)
}

// ready passes on the address of a listener.
func (c *command) ready(what, addr string) {
	if c.env.Ready != nil {
		c.env.Ready(what, addr)
	}
}

// printable replaces control characters, so that a peer's name is safe to print.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
