package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/autobahn"
	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/docker"
)

// An Engine plays cases against an agent. There are [Native] and [Autobahn].
type Engine interface {
	// About is what a run file's header says of the engine.
	About() harness.Engine
	// Recovers reports whether the engine itself starts an agent again that ends or hangs,
	// and finds the case that did it. A case may then have two results; the last counts.
	Recovers() bool
	// Server plays the cases against a server that runs.
	Server(ctx context.Context, s Subject, service *harness.Service, emit func(harness.Result)) error
	// Client starts the command, with {url} to be filled in, and plays the cases.
	Client(ctx context.Context, s Subject, emit func(harness.Result)) error
}

// A Subject is what an engine is told of the agent.
type Subject struct {
	Name     string
	Command  []string // of a client
	Address  string   // of this machine, at which a client reaches the engine; "" is the loopback one
	Cases    []cases.Case
	Parallel int // cases, of a client drivers, at once; 0 leaves it to the engine
	Log      io.Writer
}

// Native is the native engine of the given version.
type Native struct{ Version string }

// About names the engine.
func (e Native) About() harness.Engine {
	return harness.Engine{Name: harness.NativeEngine.Name, Version: e.Version}
}

// Recovers is true: package runner does so.
func (e Native) Recovers() bool { return true }

// Server plays many cases at once, if the server takes that.
func (e Native) Server(ctx context.Context, s Subject, service *harness.Service, emit func(harness.Result)) error {
	target := native.Target{URL: service.URL}
	report, err := native.TestServer(ctx, target, s.Cases, native.Options{Options: runner.Options{Parallel: s.Parallel, Service: service}}, emit)
	if err == nil && report.Echoed && !report.Survived {
		return errSilent
	}
	return err
}

// errSilent means that a server echoes no more.
var errSilent = errors.New("the server echoed before the cases and does not any more")

// Client starts the command several times, each with a share of the cases.
func (e Native) Client(ctx context.Context, s Subject, emit func(harness.Result)) error {
	_, err := native.TestClient(ctx, runner.Driver{Command: s.Command, Host: s.Address, Log: s.Log}, s.Cases, native.Options{Options: runner.Options{Parallel: s.Parallel}}, emit)
	return err
}

// Autobahn is the original testsuite in a container.
type Autobahn struct {
	Docker *docker.Engine
	Image  harness.Engine // as in a run file's header
}

// About names the engine.
func (e Autobahn) About() harness.Engine { return e.Image }

func (e Autobahn) run(ctx context.Context, s Subject, agent harness.Agent, emit func(harness.Result)) error {
	engine := &autobahn.Engine{
		Docker: e.Docker, Image: e.Image.Image, Address: s.Address, Listens: true, AgentLog: s.Log, Patience: autobahnPatience,
	}
	return engine.Run(ctx, agent, s.Cases, emit)
}

// Recovers is false: Autobahn goes through its cases by itself and does not wait.
func (e Autobahn) Recovers() bool { return false }

// Server has the fuzzingclient play the cases.
func (e Autobahn) Server(ctx context.Context, s Subject, service *harness.Service, emit func(harness.Result)) error {
	return e.run(ctx, s, harness.Agent{Name: s.Name, Role: cases.Server, URL: "ws://" + service.URL.Host}, emit)
}

// Client has the fuzzingserver play the cases.
func (e Autobahn) Client(ctx context.Context, s Subject, emit func(harness.Result)) error {
	return e.run(ctx, s, harness.Agent{Name: s.Name, Role: cases.Client, Command: s.Command}, emit)
}

// startPatience is how long an agent may take to listen.
const startPatience = 30 * time.Second

// autobahnPatience is how long Autobahn may take to start, in a container on a busy
// machine.
const autobahnPatience = 2 * time.Minute

// freeAddr is an address on the loopback interface that nothing uses now.
func freeAddr() (host, port string, err error) {
	n, err := harness.FreePort()
	if err != nil {
		return "", "", err
	}
	return "127.0.0.1", fmt.Sprint(n), nil
}

func hostPort(host, port string) string { return net.JoinHostPort(host, port) }
