package compare

import (
	"cmp"
	"context"
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

// An Engine plays cases against an agent, through package runner. There are [Native] and
// [Autobahn].
type Engine interface {
	// About is what a run file's header says of the engine.
	About() harness.Engine
	// Server plays the cases against a server that runs. A case may have several results;
	// the last counts.
	Server(ctx context.Context, s Subject, service *harness.Service, emit func(harness.Result)) error
	// Client starts the command, with {url} to be filled in, and plays the cases, as
	// Server does.
	Client(ctx context.Context, s Subject, emit func(harness.Result)) error
}

// A Subject is what an engine is told of the agent.
type Subject struct {
	Name     string
	Command  []string // of a client
	Address  string   // of this machine, at which a client reaches the engine; "" is the loopback one
	Cases    []cases.Case
	Parallel int // cases, of a client drivers, at once; 0 leaves it to the engine
	Repeats  int // as in runner.Options
	Declared []cases.Need
	Log      io.Writer
}

func (s Subject) options() runner.Options {
	return runner.Options{Parallel: s.Parallel, Repeats: s.Repeats, Declared: s.Declared}
}

func (s Subject) driver() runner.Driver {
	return runner.Driver{Command: s.Command, Host: s.Address, Log: s.Log}
}

// Native is the native engine of the given version.
type Native struct{ Version string }

// About names the engine.
func (e Native) About() harness.Engine {
	return harness.Engine{Name: harness.NativeEngine.Name, Version: e.Version}
}

// Server plays many cases at once, if the server takes that.
func (e Native) Server(ctx context.Context, s Subject, service *harness.Service, emit func(harness.Result)) error {
	o := native.Options{Options: s.options()}
	o.Service = service
	report, err := native.TestServer(ctx, native.Target{URL: service.URL}, s.Cases, o, emit)
	return cmp.Or(err, report.Trouble())
}

// Client starts the command several times, each with a share of the cases.
func (e Native) Client(ctx context.Context, s Subject, emit func(harness.Result)) error {
	_, err := native.TestClient(ctx, s.driver(), s.Cases, native.Options{Options: s.options()}, emit)
	return err
}

// Autobahn is the original testsuite in a container.
type Autobahn struct {
	Docker *docker.Engine
	Image  harness.Engine // as in a run file's header
}

// About names the engine.
func (e Autobahn) About() harness.Engine { return e.Image }

func (e Autobahn) engine() *autobahn.Engine {
	return &autobahn.Engine{Docker: e.Docker, Image: e.Image.Image, Patience: autobahnPatience}
}

// Server has the fuzzingclient play the cases.
func (e Autobahn) Server(ctx context.Context, s Subject, service *harness.Service, emit func(harness.Result)) error {
	o := s.options()
	o.Service = service
	report, err := e.engine().TestServer(ctx, s.Name, service.URL, s.Cases, o, emit)
	return cmp.Or(err, report.Trouble())
}

// Client has the fuzzingserver play the cases.
func (e Autobahn) Client(ctx context.Context, s Subject, emit func(harness.Result)) error {
	_, err := e.engine().TestClient(ctx, s.Name, s.driver(), s.Cases, s.options(), emit)
	return err
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
