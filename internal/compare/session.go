package compare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/docker"
)

// A session plays one row: it says how the agent is started, and what is wrong with it.
type session struct {
	built    *Built
	role     cases.Role
	engine   engine.Engine
	workshop *Workshop
	repeats  int
	network  *docker.Network // that the agent's containers are on; nil runs it as a process of the machine
	patience time.Duration   // for the server to listen
	log      io.Writer
	fate     string // file, as is place; see [Supervisor]
	place    string

	results map[cases.ID]harness.Result
	write   func(harness.Result)
	service *agent.Service // the server, while it runs
	process *agent.Process // that it runs as
	addr    string         // of the server
	origin  string         // the address that a gateway forwards to
}

// play plays the list.
func (s *session) play(ctx context.Context, list []cases.Case) error {
	defer s.stop()
	err := s.round(ctx, list, s.repeats, s.take)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return s.blame(err)
	}
	return s.conclude(list)
}

// good reports whether the agent did as it should.
func good(r harness.Result) bool {
	return r.Outcome == harness.Pass || r.Outcome == harness.PassLenient || r.Outcome == harness.Observed
}

// take keeps a result and writes it.
func (s *session) take(r harness.Result) {
	if old, ok := s.results[r.Case]; ok && old.Outcome.Ran() && !r.Outcome.Tells() {
		return
	}
	s.results[r.Case] = r
	s.write(r)
}

// verdicts counts the cases that came to one.
func (s *session) verdicts() (n int) {
	for _, r := range s.results {
		if r.Outcome.Ran() {
			n++
		}
	}
	return n
}

// conclude says what is wrong with the agent as a whole: that it does not echo,
// or why cases have no verdict.
func (s *session) conclude(list []cases.Case) error {
	fine, missing, crashed, broken := 0, 0, 0, 0
	note := ""
	for _, c := range list {
		switch r := s.results[c.ID]; {
		case good(r), r.Outcome == harness.Unsupported: // where no compression is agreed on, nothing is to be echoed
			fine++
		case r.Outcome == harness.Crash:
			crashed++
		case r.Outcome == harness.HarnessError:
			broken++
			note = r.Note
		case !r.Outcome.Ran():
			missing++
			note = r.Note
		}
	}
	switch {
	case broken > 0: // no trouble of the agent's, so the row is played again another time
		return fmt.Errorf("%d cases have no verdict: %s", broken, note)
	case fine == 0 && missing+crashed == 0 && s.role != cases.Gateway: // whether it forwards was asked before
		return &harness.UntestableError{Cause: harness.CauseEcho, Err: errors.New("not one case passed: the agent does not echo")}
	case crashed > 0:
		return s.blame(&harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("it ended in the middle of %d cases", crashed)})
	case missing > 0:
		return s.blame(&harness.UntestableError{Cause: harness.CauseHang, Err: fmt.Errorf("%d cases have no verdict: %s", missing, note)})
	}
	return nil
}

// round plays the list, with the server started if it does not run.
func (s *session) round(ctx context.Context, list []cases.Case, repeats int, emit func(harness.Result)) error {
	subject := engine.Subject{Name: s.built.Folder, Cases: list, Patience: enginePatience, Options: engine.RunOptions{Repeats: repeats}}
	if s.built.Serial {
		subject.Parallel = 1
	}
	for _, need := range s.built.Declare {
		subject.Declared = append(subject.Declared, cases.Need(need))
	}
	if s.role == cases.Client {
		subject.Driver = engine.Driver{Log: s.log}
		if s.network != nil {
			subject.Driver.Host = s.network.Gateway.String()
		}
		subject.Driver.Command = s.supervise(s.built.command(s.built.Client, map[string]string{"agent": s.built.Folder}), "")
		return s.engine.Client(ctx, subject, emit)
	}
	var origin net.Listener
	if s.role == cases.Gateway {
		var err error
		if origin, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
			return err
		}
		defer origin.Close()
		defer s.stop() // it forwards there and to no other
		s.origin = origin.Addr().String()
	}
	if s.service == nil {
		service := &agent.Service{Launch: s.launch}
		if err := service.Start(ctx); err != nil {
			return err
		}
		s.service = service
	}
	subject.Service = s.service
	if origin != nil {
		gateway := engine.Gateway{Target: engine.Target{URL: s.service.URL}, Origin: origin}
		return engine.TestGateway(ctx, gateway, list, engine.Options{Options: subject.Options}, emit)
	}
	return s.engine.Server(ctx, subject, emit)
}

// mostEnded is how often a server may exceed its bounds before it is not started again: a
// case that is too much for it is played a few times.
const mostEnded = 25

// launch starts the server for a service. One that was ended for exceeding its bounds is
// started again, since the other cases may be within them.
func (s *session) launch(ctx context.Context) (*agent.Process, *url.URL, error) {
	fate, ended := s.readFate()
	exceeded := fate.Cause == harness.CauseMemory || fate.Cause == harness.CauseProcess
	if ended > mostEnded || ended > 0 && !exceeded {
		return nil, nil, &harness.UntestableError{Cause: fate.Cause, Err: errors.New(fate.Message)}
	}
	err := s.start(ctx)
	return s.process, &url.URL{Scheme: "ws", Host: s.addr, Path: "/"}, err
}

// supervise is the command that runs one of the agent's. If it runs in a container,
// place gets where that is.
func (s *session) supervise(command []string, place string) []string {
	in := confinement{fate: s.fate}
	if s.network != nil {
		in.network, in.place = s.network.Name, place
	}
	return s.workshop.supervise(s.built, s.built.Bounds(), in, command)
}

// start starts the server and waits until it listens.
func (s *session) start(ctx context.Context) error {
	if s.network != nil {
		return s.startContained(ctx)
	}
	const ports = 3 // that are tried, should somebody be faster
	for range ports - 1 {
		err := s.startProcess(ctx)
		if !errors.Is(err, errTaken) {
			return err
		}
		s.stop()
	}
	return s.startProcess(ctx)
}

// startProcess gives the server a free port; see [session.whose] for what else may
// have it by then.
func (s *session) startProcess(ctx context.Context) error {
	host, port, err := freeAddr()
	if err != nil {
		return err
	}
	s.addr = hostPort(host, port)
	vars := map[string]string{"host": host, "port": port}
	if s.origin != "" {
		vars["origin"] = s.origin
		vars["origin_host"], vars["origin_port"], _ = net.SplitHostPort(s.origin)
	}
	s.process, err = agent.Start(s.supervise(s.built.command(commandOf(s.built.Agent, s.role), nil), ""), vars, s.log)
	if err != nil {
		return err
	}
	return s.whose(port, agent.WaitListening(ctx, s.process, s.addr, s.patience))
}

// containedPort is where a server listens in its container, which has ports of its
// own.
const containedPort = 9001

// startContained is start for a server in a container; the supervisor says
// where it is.
func (s *session) startContained(ctx context.Context) (err error) {
	if err := os.RemoveAll(s.place); err != nil {
		return err
	}
	defer os.Remove(s.place) //nolint:errcheck // the next one is written over it
	port := strconv.Itoa(containedPort)
	vars := map[string]string{"host": "0.0.0.0", "port": port}
	s.process, err = agent.Start(s.supervise(s.built.command(s.built.Server, nil), s.place), vars, s.log)
	if err != nil {
		return err
	}
	var at docker.Location
	err = agent.WaitUntil(ctx, s.process, "port "+port+" of the container", s.patience, func() bool {
		text, err := os.ReadFile(s.place)
		return err == nil && json.Unmarshal(text, &at) == nil && agent.ListeningIn(at.PID, containedPort)
	})
	s.addr = hostPort(at.Addr.String(), port)
	return err
}

func (s *session) stop() {
	s.service = nil
	if s.process != nil {
		s.process.Stop()
		s.process = nil
	}
}

// blame finds out what is wrong with the agent: the supervisor knows best. The other errors
// say it themselves.
func (s *session) blame(err error) error {
	s.stop()
	if fate, ended := s.readFate(); ended > 0 {
		return &harness.UntestableError{Cause: fate.Cause, Err: errors.New(fate.Message)}
	}
	return err
}

// readFate returns the last line that supervisors have written, and how many there are.
func (s *session) readFate() (fate Fate, ended int) {
	p, err := os.ReadFile(s.fate)
	if err != nil {
		return fate, 0
	}
	lines := bytes.Split(bytes.TrimSpace(p), []byte{'\n'})
	if json.Unmarshal(lines[len(lines)-1], &fate) != nil {
		return fate, 0
	}
	return fate, len(lines)
}
