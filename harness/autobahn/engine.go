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
	"github.com/wsconform/wsconform/harness/docker"
)

// An Engine has Autobahn test an agent. Docker and Image are required.
type Engine struct {
	Docker *docker.Engine
	Image  string // reference of an image that has wstest
	// Network is that of the container: "host", or "bridge" where the engine
	// has no network in common with the agent, as Docker Desktop. Empty means
	// host. The agent is reached on the loopback interface of this machine, and
	// so is Autobahn, though with "host" its server listens on all interfaces.
	Network string
	// Address is the one of this machine at which an agent that is a client reaches
	// Autobahn; with Network "bridge" only the loopback one will do. Empty means that.
	Address string
	// Listens says that an agent that is a server, and was started by somebody else,
	// is known to listen: it is not asked by a connection.
	Listens bool
	// Dir gets Autobahn's own reports: a page and a JSON file for each case, and
	// an index.json of them all. Empty means that they are not kept.
	Dir string
	// AgentLog gets what the agent prints. Nil discards it.
	AgentLog io.Writer
	// Patience is how long an agent may take to start. Zero means 30 s.
	Patience time.Duration
	// Progress, if not nil, is told of every case that begins.
	Progress func(Progress)

	idle func(cases.Case) time.Duration // instead of limit and slack, in tests
}

const (
	defaultPatience = 30 * time.Second
	// memoryLimit is what PyPy needs for a run of all cases in one process,
	// since wire logs stay in memory until the reports are written. CPython
	// needs 340 MiB.
	memoryLimit = 8 << 30
	// maxHalts is how many cases may come to a halt before a run is given up.
	maxHalts = 5
)

var (
	// ErrNoCase means that an agent that is a client did not ask for a case.
	ErrNoCase = fmt.Errorf("%w: it did not run any case", harness.ErrUntestable)
	// ErrInUse means that something else listens where the agent should.
	ErrInUse = errors.New("address in use")

	errTooLong = errors.New("the run took longer than all its cases may take together")
)

// Run has Autobahn play the cases of the list against the agent, whose command,
// if it has one, is started and stopped. Each case of the list is handed to emit
// exactly once, whatever happens. A failing case is a result; an error says why
// the run cannot be relied on: a [*harness.AgentExitError],
// [harness.ErrNotStarted], [harness.ErrNotListening] or [ErrNoCase] that it is
// the agent's fault, [docker.ErrNoEngine] that the Docker engine went away.
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

// A run is the state of one call of Run. One goroutine has it.
type run struct {
	*Engine
	agent   harness.Agent
	list    []cases.Case
	emit    func(harness.Result)
	results map[cases.ID]harness.Outcome // of the cases that were emitted
	reports reportFolder
	keptErr error // why the reports are not all in their folder

	proc   *harness.Process // of the agent, if it is ours and was started
	index  map[cases.ID]int // of the case in the list
	halted int              // cases that came to a halt
	why    string           // cases were not run, where it is nobody's error
}

func (r *run) prepare() error {
	r.index = make(map[cases.ID]int, len(r.list))
	for i, c := range r.list {
		r.index[c.ID] = i
	}
	if len(r.list) == 0 {
		return errors.New("no case is selected")
	}
	return r.reports.open(r.Dir)
}

// playAll plays the cases, again without those that come to a halt.
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
		r.stopAgent() // the next round begins with a fresh one
		if _, done := r.results[halt]; !done {
			r.put(harness.Result{Case: halt, Outcome: harness.Timeout, Note: haltNote})
		}
		if r.halted++; r.halted == maxHalts {
			return fmt.Errorf("given up after %d cases that came to a halt", maxHalts)
		}
	}
}

const noReport = "Autobahn left no report of this case"

const haltNote = "Autobahn came to a halt in this case: its own timers do not cover an agent that keeps the connection open"

// todo lists the cases that have no result yet.
func (r *run) todo() []cases.Case {
	var todo []cases.Case
	for _, c := range r.list {
		if _, done := r.results[c.ID]; !done {
			todo = append(todo, c)
		}
	}
	return todo
}

// put hands a result on, unless the case was not asked for or has one already.
func (r *run) put(res harness.Result) {
	_, asked := r.index[res.Case]
	_, done := r.results[res.Case]
	if asked && !done {
		r.results[res.Case] = res.Outcome
		r.emit(res)
	}
}

// rest says of the cases that have no result why that is so.
func (r *run) rest(err error) {
	outcome, note := harness.NotRun, cmp.Or(r.why, noReport)
	var exit *harness.AgentExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		note = "not run: the agent had ended (" + exit.Status + ")"
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

// bound is how long nothing may happen once the case has begun.
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

// ended is closed when the agent has ended, and nil if it is not ours.
func (r *run) ended() <-chan struct{} {
	if r.proc == nil {
		return nil
	}
	return r.proc.Done()
}

// died says how the agent has ended, if it has and we did not end it.
func (r *run) died() error {
	if r.proc == nil {
		return nil
	}
	return r.proc.Ended()
}

// container makes a container for a command, with its configuration. The log
// stays small: a line for each case.
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

// follow starts a container and returns what its lines mean. The channel is
// closed when the container has ended, or the engine has gone: wait tells.
func follow(ctx context.Context, c *docker.Container) (*stream, error) {
	if err := c.Start(ctx); err != nil {
		return nil, err
	}
	// An interrupt does not end it: what the container says then still matters.
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
	tail   []string // last lines without a meaning, for messages
}

// keep remembers the line for a message.
func (s *stream) keep(text string) {
	if len(s.tail) == 10 {
		s.tail = append(s.tail[:0], s.tail[1:]...)
	}
	s.tail = append(s.tail, clip(text, 500))
}

// close ends the following.
func (s *stream) close() {
	s.cancel()
	<-s.done
}

// exit returns how the container ended, after its lines have.
func (s *stream) exit(ctx context.Context) (docker.Exit, error) {
	<-s.done
	if s.err != nil {
		return docker.Exit{}, s.err
	}
	return s.c.Wait(ctx)
}

// ourFiles are the files that Autobahn makes for a case.
var ourFiles = regexp.MustCompile(`^[a-z0-9_]*_case_[0-9_]+\.(json|html)$`)

// A reportFolder is where reports are copied to.
type reportFolder struct {
	dir       string
	temporary bool
}

// open makes the folder, without the reports of an earlier run.
func (f *reportFolder) open(dir string) error {
	if dir != "" {
		f.dir = dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		return f.empty()
	}
	var err error
	f.dir, err = os.MkdirTemp("", "wsconform-autobahn-")
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
