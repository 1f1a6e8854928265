package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A one-shot client is any program that connects to a URL: it is started once for each
// connection of each case, and stopped when the connection is over.

const (
	// oneShotParallel is how many cases are played at once: they mostly wait for a program
	// to start.
	oneShotParallel = 4
	// visitBound is how long a program may take to connect.
	visitBound = 20 * time.Second
	// queueBound is how long a connection may wait in the queue, made by a program that has ended
	// since.
	queueBound = 500 * time.Millisecond
)

// A OneShotEndpoint plays single connections with clients.
type OneShotEndpoint interface {
	Shared
	// Listen listens for a client at an address, as the driver says, below TLS.
	Listen(ctx context.Context, d Driver, addr string) (net.Listener, error)
	// Once plays connection n of a case with the first client that asks l for a WebSocket,
	// by TLS, HTTP/2 or HTTP/3 if the driver says so. It closes l. Begun is called when there
	// is one. The error is ours, or that of ctx.
	Once(ctx context.Context, l net.Listener, d Driver, c cases.Case, n int, how How, begun func()) (transcript.Transcript, error)
	// Concluded is the result of a case whose connections were played.
	Concluded(ctx context.Context, c cases.Case, list []transcript.Transcript) harness.Result
}

// TestOneShot starts the command once for each connection of each case, and hands each
// result to emit, one at a time. {url}, {host} and {port} in the command say where to
// connect; any path will do. {dir} is a new, empty folder for each start. {proxy} is the URL of a proxy in the cases about one, and
// nothing in the others. An error means that nothing was tested, or that ctx ended.
func TestOneShot(ctx context.Context, e OneShotEndpoint, d Driver, list []cases.Case, o Options, emit func(harness.Result)) (ClientReport, error) {
	if d.Log != nil {
		d.Log = &sharedLog{w: d.Log}
	}
	s := &oneShotRun{run: run{shared: e, options: o, emit: emit}, endpoint: e, driver: d}
	defer s.monitor.start(ctx)()
	s.report.Workers = cmp.Or(o.Parallel, oneShotParallel)
	if d.Port != 0 {
		s.report.Workers = 1
	}
	refuses, err := s.greet(ctx)
	if err != nil {
		return s.report, err
	}
	peer := s.options.peer(nil, refuses)
	peer.Declared = append(slices.Clone(peer.Declared), cases.NeedURL)
	if s.wants("{proxy}") {
		peer.Declared = append(peer.Declared, cases.NeedProxy)
	}
	list = s.begin(list, cases.Client, peer)
	s.overlapped(list, s.report.Workers, func(kind work, list []cases.Case) {
		n := s.report.Workers
		switch kind {
		case limits, deflate:
			n = min(heavyWorkers, n)
		case alone:
			n = 1
		case waiting, light, kinds:
		}
		atOnce(list, n, func(c cases.Case) { s.take(c, s.play(ctx, c), s.report.Workers > 1) })
	})
	s.retryAll(func(again []cases.Case) {
		for _, c := range again {
			s.take(c, s.play(ctx, c), false)
		}
	})
	return s.report, ctx.Err()
}

// oneShotRun is a run against a one-shot client.
type oneShotRun struct {
	run
	endpoint OneShotEndpoint
	driver   Driver
	report   ClientReport // guarded by the mutex of run
}

// wants reports whether the command has a placeholder.
func (s *oneShotRun) wants(placeholder string) bool {
	return slices.ContainsFunc(s.driver.Command, func(arg string) bool { return strings.Contains(arg, placeholder) })
}

// greeting asks a client for an echo and a pong.
var greeting = cases.Case{
	ID: "greeting", Title: "a text message and a ping",
	Conns: []cases.Conn{{Steps: []cases.Step{
		cases.Text("wsconform"), cases.Ping("wsconform"), cases.Pause{For: 2 * time.Second, Until: 2},
	}}},
	Want: cases.Clauses{{Grade: cases.OK}},
}

// greet finds out what the client does. The error says why it cannot be tested.
func (s *oneShotRun) greet(ctx context.Context) (refuses []string, err error) {
	ask := greeting
	if s.options.NoEcho {
		ask = pinged(nil)
	}
	tr, err := s.connect(ctx, ask, 0)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.As(err, new(*crashError)):
		return nil, &harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("it cannot be tested: at a plain message %w", err)}
	case errors.Is(err, errNoVisit), errors.Is(err, agent.ErrNotStarted):
		return nil, &harness.UntestableError{Cause: harness.CauseEcho, Err: err}
	case err != nil:
		return nil, err
	case s.options.NoEcho && !answered(tr):
		return nil, &harness.UntestableError{Cause: harness.CauseEcho, Err: errors.New("the client connects, and does not answer a ping: " + outcome(tr))}
	case !s.options.NoEcho && !s.options.AnyPeer && !echoes(tr):
		return nil, &harness.UntestableError{Cause: harness.CauseEcho, Err: errors.New(
			"the client connects, and does not echo a message; test a client that does not echo with --no-echo: " + outcome(tr))}
	case !s.options.NoEcho:
		return nil, nil
	}
	for _, kind := range []struct {
		name  string
		frame cases.Frame
	}{{"text", cases.Text("")}, {"binary", cases.Binary("")}} {
		kind.frame.Payload = cases.Repeat("wsconform ", 4<<10)
		if tr, err := s.connect(ctx, pinged(kind.frame), 0); err == nil && !answered(tr) {
			refuses = append(refuses, kind.name)
		}
	}
	return refuses, ctx.Err()
}

// pinged is a case that sends a frame, if there is one, and a ping.
func pinged(first cases.Step) cases.Case {
	c := greeting
	c.NoEcho = true
	steps := []cases.Step{cases.Probe{Text: "wsconform", Ping: true}}
	if first != nil {
		steps = append([]cases.Step{first}, steps...)
	}
	c.Conns = []cases.Conn{{Steps: steps}}
	return c
}

func answered(t transcript.Transcript) bool { return cases.Answered{Payload: "wsconform"}.Holds(&t) }
func echoes(t transcript.Transcript) bool   { return cases.Echoed{Text: "wsconform"}.Holds(&t) }

// outcome says what came instead.
func outcome(t transcript.Transcript) string {
	return cases.Clauses{}.Judge(cases.Case{}, &t).Reason
}

// play plays a case: each of its connections with a start of its own. Connections that
// only show that the client lives on show nothing of another start, and are left out.
func (s *oneShotRun) play(ctx context.Context, c cases.Case) harness.Result {
	if s.options.Started != nil && ctx.Err() == nil {
		s.options.Started(c)
	}
	var list []transcript.Transcript
	c = withoutSurvival(c)
	for n := range c.Conns {
		tr, err := s.connect(ctx, c, n)
		crash := new(crashError)
		switch {
		case ctx.Err() != nil:
			return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: interrupted}
		case errors.As(err, &crash):
			return harness.Result{Case: c.ID, Outcome: harness.Crash, Note: crash.Error(), Transcript: &tr}
		case errors.Is(err, errNoVisit), errors.Is(err, agent.ErrNotStarted):
			return harness.Result{Case: c.ID, Outcome: harness.Blocked, Note: err.Error()}
		case errors.Is(err, errNoAddress):
			return unsupported(c, err.Error())
		case err != nil:
			return harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error()}
		}
		list = append(list, tr)
	}
	return s.endpoint.Concluded(ctx, c, list)
}

// withoutSurvival leaves out the last connection if all it does is to probe.
func withoutSurvival(c cases.Case) cases.Case {
	last := len(c.Conns) - 1
	if last < 1 || len(c.Conns[last].Head) > 0 || c.Conns[last].Deflate != nil || len(c.Conns[last].Steps) != 1 {
		return c
	}
	if _, probe := c.Conns[last].Steps[0].(cases.Probe); probe {
		c.Conns = c.Conns[:last]
	}
	return c
}

var (
	errNoVisit = errors.New("the command did not connect")
	// errNoAddress says that we cannot listen where a case has to.
	errNoAddress = errors.New("the case cannot be played on this machine")
)

// A crashError says that the command was ended by a signal.
type crashError struct{ err error }

func (e *crashError) Error() string { return e.err.Error() }

func (e *crashError) Unwrap() error { return e.err }

// connect starts the command and plays connection n of a case with it.
func (s *oneShotRun) connect(ctx context.Context, c cases.Case, n int) (transcript.Transcript, error) {
	it := c.Conns[n]
	l, err := s.endpoint.Listen(ctx, s.driver, cmp.Or(it.Listen, net.JoinHostPort(cmp.Or(s.driver.Host, "127.0.0.1"), strconv.Itoa(s.driver.Port))))
	switch {
	case err != nil && it.Listen != "":
		return transcript.Transcript{}, fmt.Errorf("%w: %w", errNoAddress, err)
	case err != nil:
		return transcript.Transcript{}, fmt.Errorf("listen for the client: %w", err)
	}
	addr, scheme := l.Addr().String(), "ws"
	if s.driver.TLS != nil {
		scheme = "wss"
	}
	host, port, _ := net.SplitHostPort(addr)
	number, _ := strconv.Atoi(port)
	words := map[string]string{"url": it.Address(scheme, host, number), "host": host, "port": port, "proxy": ""}
	if it.Proxy != "" {
		words["proxy"] = it.Proxy + "://" + addr
	}
	if s.wants("{dir}") {
		if words["dir"], err = os.MkdirTemp("", "wsconform-client-"); err != nil {
			return transcript.Transcript{}, errors.Join(fmt.Errorf("make a folder for the client: %w", err), l.Close())
		}
		defer os.RemoveAll(words["dir"])
	}
	process, err := agent.StartTerminal(s.driver.Command, words, s.driver.Log)
	if err != nil {
		return transcript.Transcript{}, errors.Join(err, l.Close())
	}
	defer process.Stop()
	s.mu.Lock()
	s.report.Starts++
	s.mu.Unlock()
	// Until it connects, the program has a bound; one that has ended connects no more.
	visiting, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(visitBound, func() { cancel(fmt.Errorf("%w within %v", errNoVisit, visitBound)) })
	defer timer.Stop()
	begun := make(chan struct{})
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		select {
		case <-begun:
		case <-visiting.Done():
		case <-process.Done():
			select {
			case <-begun:
			case <-visiting.Done():
			case <-time.After(queueBound):
				cancel(fmt.Errorf("%w: %w", errNoVisit, process.Ended()))
			}
		}
		timer.Stop()
	})
	tr, err := s.endpoint.Once(visiting, l, s.driver, c, n, s.how(), func() { close(begun) })
	tr.Address = addr
	patience := time.Duration(0)
	if tr.Count(transcript.GotClose) == 0 && tr.Count(transcript.GotEnd)+tr.Count(transcript.GotReset) > 0 {
		patience = crashBound // the end of TCP comes before that of the program
	}
	if process.EndedWithin(patience) && process.Signalled() {
		return tr, &crashError{process.Ended()}
	}
	if err != nil && ctx.Err() == nil && visiting.Err() != nil {
		err = context.Cause(visiting)
	}
	if errors.Is(err, errNoVisit) && it.URL != "" { // which it may refuse
		tr.Role, tr.Started, tr.UncleanReason, err = cases.Client, time.Now().UTC(), err.Error(), nil
	}
	return tr, err
}
