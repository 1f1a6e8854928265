package autobahn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/docker"
)

// An Engine tests an agent with Autobahn. Docker and Image are required.
type Engine struct {
	Docker *docker.Engine
	Image  string // reference of an image with wstest
	// Network is the container's network: "host", or "bridge" if the engine does not
	// share a network with the agent, as with Docker Desktop. Empty means host. The
	// agent and Autobahn reach each other on this machine's loopback interface; but
	// with "host" Autobahn's server listens on all interfaces.
	Network string
	// Address is this machine's address at which a client reaches Autobahn. Empty
	// means the loopback address, the only one that works with Network "bridge".
	Address string
	// Listens says that a server that was not started by us is known to listen, so
	// that no connection is made to find out.
	Listens bool
	// Dir is the folder for Autobahn's own reports: a page and a JSON file for each
	// case, and index.json. Empty means that they are not kept.
	Dir string
	// Secrets masks what it knows in Autobahn's own reports. Nil masks nothing.
	Secrets *harness.Secrets
	// AgentLog receives what the agent prints. Nil discards it.
	AgentLog io.Writer
	// Patience is how long an agent may take to start. Zero means 30 s.
	Patience time.Duration
	// Progress, if not nil, is called when a case begins.
	Progress func(Progress)

	idle func(cases.Case) time.Duration // instead of limit and slack, in tests
}

const (
	defaultPatience = 30 * time.Second
	// memoryLimit is enough for PyPy to run all cases in one process, with all wire
	// logs in memory until the reports are written. CPython needs 340 MiB.
	memoryLimit = 8 << 30
	// maxHalts is how many cases may hang before the run is abandoned.
	maxHalts = 5
)

var (
	// ErrNoCase means that a client did not ask for a case.
	ErrNoCase = fmt.Errorf("%w: it did not run any case", harness.ErrUntestable)
	// ErrInUse means that another program listens at the agent's address.
	ErrInUse = errors.New("address in use")

	errTooLong = errors.New("the run took longer than all its cases may take together")
)

// Run plays the cases of the list against the agent, with Autobahn. It starts and stops
// the agent's command, if there is one. Run calls emit exactly once for each case of
// the list, whatever happens. A failing case is a result; an error means that the run
// cannot be trusted. It is the agent's fault if the error is a
// [*harness.AgentExitError] or matches [harness.ErrNotStarted],
// [harness.ErrNotListening] or [ErrNoCase]; if it matches [docker.ErrNoEngine] the
// Docker engine went away.
func (e *Engine) Run(ctx context.Context, agent harness.Agent, list []cases.Case, emit func(harness.Result)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, deadline(list), errTooLong)
	defer cancel()
	r := &run{Engine: e, agent: agent, list: list, emit: emit, results: map[cases.ID]harness.Outcome{}}
	err := r.prepare()
	if err == nil {
		err = r.playAll(ctx)
		r.stopAgent()
		err = errors.Join(err, r.keptErr, r.reports.close())
	}
	r.rest(err)
	if err != nil {
		return fmt.Errorf("autobahn: %w", err)
	}
	return nil
}

// A run is the state of one call of Run. Only one goroutine uses it.
type run struct {
	*Engine
	agent   harness.Agent
	list    []cases.Case
	emit    func(harness.Result)
	results map[cases.ID]harness.Outcome // of the emitted cases
	reports reportFolder
	keptErr error // why the folder of reports is incomplete

	proc   *harness.Process // of the agent, if we started it
	index  map[cases.ID]int // of the case in the list
	halted int              // number of cases that hung
	why    string           // cases were not run, if that is no error
}

func (r *run) prepare() error {
	r.index = make(map[cases.ID]int, len(r.list))
	for i, c := range r.list {
		r.index[c.ID] = i
	}
	if len(r.list) == 0 {
		return errors.New("no case is selected")
	}
	r.reports.secrets = r.Secrets
	return r.reports.open(r.Dir)
}

// playAll plays the cases, repeatedly without those that hang.
func (r *run) playAll(ctx context.Context) error {
	for {
		todo := r.todo()
		if len(todo) == 0 {
			return nil
		}
		play := r.playServer
		if r.agent.Role == cases.Client {
			play = r.playClient
		}
		halt, err := play(ctx, todo)
		if err != nil || halt == "" {
			return err
		}
		r.stopAgent() // the next round starts a new one
		if _, done := r.results[halt]; !done {
			r.put(harness.Result{Case: halt, Outcome: harness.Timeout, Note: haltNote})
		}
		if r.halted++; r.halted == maxHalts {
			return fmt.Errorf("gave up after %d cases hung", maxHalts)
		}
	}
}

const noReport = "Autobahn left no report of this case"

const haltNote = "Autobahn hung in this case: its timers do not cover an agent that keeps the connection open"

// todo lists the cases without a result.
func (r *run) todo() []cases.Case {
	var todo []cases.Case
	for _, c := range r.list {
		if _, done := r.results[c.ID]; !done {
			todo = append(todo, c)
		}
	}
	return todo
}

// put emits a result, unless the case was not selected or already has one.
func (r *run) put(res harness.Result) {
	_, asked := r.index[res.Case]
	_, done := r.results[res.Case]
	if asked && !done {
		r.results[res.Case] = res.Outcome
		r.emit(res)
	}
}

// rest gives the cases without a result one that says why.
func (r *run) rest(err error) {
	outcome, note := harness.NotRun, cmp.Or(r.why, noReport)
	var exit *harness.AgentExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		note = "not run: the agent had exited (" + exit.Status + ")"
	case errors.Is(err, harness.ErrNotStarted), errors.Is(err, harness.ErrNotListening), errors.Is(err, ErrNoCase):
		outcome, note = harness.Blocked, err.Error()
	case errors.Is(err, context.Canceled):
		note = "not run: the run was interrupted"
	default:
		note = "not run: " + err.Error()
	}
	for _, c := range r.todo() {
		r.put(harness.Result{Case: c.ID, Outcome: outcome, Note: note})
	}
}

func (r *run) progress(id cases.ID) {
	i, asked := r.index[id]
	if asked && r.Progress != nil {
		r.Progress(Progress{Case: id, Index: i + 1, Total: len(r.list)})
	}
}

// bound returns how long there may be no progress once the case has begun.
func (r *run) bound(c cases.Case) time.Duration {
	if r.idle != nil {
		return r.idle(c)
	}
	return limit(c) + slack
}

func (r *run) patience() time.Duration {
	if r.Patience > 0 {
		return r.Patience
	}
	return defaultPatience
}

func (r *run) stopAgent() {
	if r.proc != nil {
		r.proc.Stop()
	}
	r.proc = nil
}

// ended returns a channel that is closed when the agent exits, or nil if we did not
// start it.
func (r *run) ended() <-chan struct{} {
	if r.proc == nil {
		return nil
	}
	return r.proc.Done()
}

// died says how the agent exited, if it did without our doing.
func (r *run) died() error {
	if r.proc == nil {
		return nil
	}
	return r.proc.Ended()
}

// container creates a container for a command, with its configuration. The log stays
// small: one line per case.
func (r *run) container(ctx context.Context, config map[string][]byte, publish []docker.Port, command ...string) (*docker.Container, error) {
	network := r.Network
	switch network {
	case "":
		network = "host"
	case "bridge":
		network = ""
	}
	if network == "host" {
		publish = nil
	}
	c, err := r.Docker.Create(ctx, docker.Spec{
		Image:   r.Image,
		Command: command,
		Env:     []string{"PYTHONUNBUFFERED=1"}, // progress must appear when it happens
		Dir:     "/",
		Network: network,
		Publish: publish,
		Memory:  memoryLimit,
		PIDs:    256,
	})
	if err != nil {
		return nil, err
	}
	if err := c.CopyIn(ctx, configDir, config); err != nil {
		return nil, errors.Join(err, c.Remove(ctx))
	}
	return c, nil
}

// follow starts a container and returns its output as a stream of meanings. The
// channel is closed when the container exits or the engine goes away; wait tells which.
func follow(ctx context.Context, c *docker.Container) (*stream, error) {
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	// An interrupt does not end this: later output still matters.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &stream{c: c, lines: make(chan line), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		defer close(s.lines)
		s.err = c.Logs(ctx, func(_ docker.Stream, text string) {
			select {
			case s.lines <- parseLine(text):
			case <-ctx.Done():
			}
		})
	}()
	return s, nil
}

// A stream is the output of a container.
type stream struct {
	c      *docker.Container
	lines  chan line
	cancel context.CancelFunc
	done   chan struct{}
	err    error    // of the stream; read after done
	tail   []string // last lines without a meaning, for error messages
}

// keep remembers the line for an error message.
func (s *stream) keep(text string) {
	if len(s.tail) == 10 {
		s.tail = append(s.tail[:0], s.tail[1:]...)
	}
	s.tail = append(s.tail, clip(text, 500))
}

// close stops following the container.
func (s *stream) close() {
	s.cancel()
	<-s.done
}

// exit returns how the container exited, after all its output.
func (s *stream) exit(ctx context.Context) (docker.Exit, error) {
	<-s.done
	if s.err != nil {
		return docker.Exit{}, s.err
	}
	return s.c.Wait(ctx)
}

// ourFiles matches the files that Autobahn writes for a case.
var ourFiles = regexp.MustCompile(`^[a-z0-9_]*_case_[0-9_]+\.(json|html)$`)

// A reportFolder is the folder that reports are copied to.
type reportFolder struct {
	dir       string
	temporary bool
	secrets   *harness.Secrets // masks what it knows in the reports
}

// open creates the folder, and removes the reports of an earlier run.
func (f *reportFolder) open(dir string) error {
	if dir != "" {
		f.dir = dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return f.empty()
	}
	var err error
	f.dir, err = harness.TempDir("autobahn")
	f.temporary = true
	return err
}

func (f *reportFolder) empty() error {
	files, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if name := file.Name(); name == "index.json" || ourFiles.MatchString(name) {
			if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *reportFolder) close() error {
	if f.temporary {
		return os.RemoveAll(f.dir)
	}
	return nil
}
