package wstest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// Env is what the command runs in.
type Env struct {
	// Version of the program, such as "1.2.0".
	Version        string
	Stdout, Stderr io.Writer
	// Ready, if set, is told the address of each listener. Tests use it.
	Ready func(what, addr string)
}

// A mode is a thing that the command can do.
type mode struct {
	name string
	help string
	run  func(ctx context.Context, c *command) error
	// needsURI modes cannot do without --wsuri.
	needsURI bool
}

// modes lists them in the order of the help.
func modes() []mode {
	return []mode{
		{"fuzzingserver", "test clients that connect to it", runFuzzingServer, false},
		{"fuzzingclient", "test servers", runFuzzingClient, false},
		{"testeeserver", "a server to be tested: echoes, with compression", runTesteeServer, true},
		{"testeeclient", "a client to be tested: runs all cases of a fuzzing server", runTesteeClient, true},
		{"echoserver", "echoes messages", runEchoServer, true},
		{"echoclient", "connects and echoes messages", runEchoClient, true},
		{"broadcastserver", "sends every message to all clients, and a tick every second", runBroadcastServer, true},
		{"broadcastclient", "connects, says hello every 2 s and prints what comes", runBroadcastClient, true},
		{"massconnect", "opens many connections to servers", runMassConnect, false},
		{"serializer", "not part of this program", runSerializer, false},
	}
}

// A command is one run of the program.
type command struct {
	env  Env
	args Args

	mu sync.Mutex // guards writes to Stdout and Stderr
}

// ErrInterrupted says that a run of the fuzzingclient was cut off. What there
// was of its results has been written.
var ErrInterrupted = errors.New("interrupted")

// Run does what the arguments say. It returns when that is done or ctx ends,
// which is how servers are stopped and is no error for them. Failed cases are no
// error either. A [*UsageError] is the user's to mend.
func Run(ctx context.Context, list []string, env Env) error {
	args, err := ParseArgs(list)
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
		if m.needsURI && args.URI == "" {
			return usagef("mode %s needs an address: --wsuri", m.name)
		}
		return m.run(ctx, c)
	}
	return usagef("there is no mode %q; see --help", args.Mode)
}

func runSerializer(context.Context, *command) error {
	return usagef("mode serializer is not part of this program: it writes test vectors for WAMP, which have nothing to do with conformance")
}

// say prints a line for people and scripts.
func (c *command) say(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.env.Stdout, format+"\n", a...)
}

// warn prints a line for people.
func (c *command) warn(format string, a ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.env.Stderr, "wstest: "+format+"\n", a...)
}

// ready tells of a listener.
func (c *command) ready(what, addr string) {
	if c.env.Ready != nil {
		c.env.Ready(what, addr)
	}
}

// printable makes a name from the peer safe for a terminal and one line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
