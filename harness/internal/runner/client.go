package runner

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

const (
	// lightWorkers is how many drivers share the light cases, heavyWorkers the heavy ones.
	lightWorkers, heavyWorkers = 2, 2
	// idleBound is how long a driver may do nothing before it is stopped.
	idleBound = 30 * time.Second
	// startBound is how long it may take to ask for its first case: a dozen
	// virtual machines that start at once on a busy machine need their time.
	startBound = 90 * time.Second
	// partingBound is how long a driver may take to end after its last report.
	partingBound = 3 * time.Second
	// crashBound is how long a driver may take to crash after a case that is played
	// again for that.
	crashBound = 500 * time.Millisecond
	// fruitlessStarts ends a worker whose driver was started so often without
	// asking for a case.
	fruitlessStarts = 2
)

// A Driver is a client under test: a command that is told a URL, asks for the
// number of cases there, runs each of them and echoes.
type Driver struct {
	// Command is started for each worker. {url} in it becomes the URL of the
	// endpoint, without a slash at its end, {port} its port.
	Command []string
	// Host is the address that the endpoint listens on; "" means 127.0.0.1.
	Host string
	// TLS makes the endpoint a wss one. Nil means ws.
	TLS *tls.Config
	// HTTP2 makes the endpoint speak HTTP/2 alone, by ALPN with TLS, else with prior knowledge.
	HTTP2 bool
	// HTTP3 makes it speak HTTP/3 alone, with TLS.
	HTTP3 bool
	// Port of the endpoint; 0 means any. A fixed port allows one worker only.
	Port int
	// Log gets what the command prints. Nil discards it.
	Log io.Writer
	// Idle is how long the command may do nothing before it is stopped, beyond what
	// its case takes. Zero means 30 s, and 90 s until it asks for its first case.
	Idle time.Duration
	// AllowedExits are exit statuses other than 0 with which the command ends on
	// purpose. Any other, and a signal, is a crash.
	AllowedExits []int
}

// A ClientReport says how a run of [TestClient] went, beyond its results.
type ClientReport struct {
	Workers int    // drivers at once
	Agent   string // the name by which the driver asked for cases
	Starts  int    // how often the command was started
	// Updated says whether a driver asked for reports, as it should at its end,
	// Lingered whether one had to be stopped after that.
	Updated, Lingered bool
}

// A DriverError says that the driver did not ask for a single case.
type DriverError struct {
	Command []string
	Err     error  // how it ended, if it did
	Output  string // its last lines
}

func (e *DriverError) Error() string {
	s := fmt.Sprintf("the driver %q asked for no case", e.Command)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *DriverError) Unwrap() error { return e.Err }

// Is makes it a [harness.ErrUntestable].
func (e *DriverError) Is(target error) bool { return target == harness.ErrUntestable }

// TestClient starts the driver, as often as there are workers, and hands the
// result of each case to emit, one at a time. Each worker offers its driver only a
// share of the cases, so one that knows nothing of this runs in parallel. Cases
// that were never asked for get results too, saying why. An error means that
// nothing was tested, that the driver ended too often (a
// [*harness.UntestableError]), or that ctx ended.
func TestClient(ctx context.Context, e Endpoint, d Driver, list []cases.Case, o Options, emit func(harness.Result)) (ClientReport, error) {
	if d.Log != nil {
		d.Log = &sharedLog{w: d.Log}
	}
	whole := ctx
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &clientRun{run: run{shared: e, options: o, emit: emit}, endpoint: e, driver: d, stop: stop}
	defer r.monitor.start(ctx)()
	list = r.begin(list, cases.Client, o.peer(r.control(ctx, list), nil))
	r.report.Workers = o.Parallel
	switch {
	case d.Port != 0:
		r.report.Workers = 1
	case o.Parallel == 0:
		r.report.Workers = lightWorkers
	}
	r.overlapped(list, r.report.Workers, func(kind work, list []cases.Case) { r.play(ctx, kind, list) })
	r.retryAll(func(again []cases.Case) { r.worker(ctx, again) })
	switch {
	case whole.Err() != nil:
		return r.report, whole.Err()
	case r.broken != nil:
		return r.report, r.broken
	case r.report.Agent == "":
		return r.report, r.failure
	}
	return r.report, r.dead
}

// A sharedLog takes what several drivers print at once.
type sharedLog struct {
	mu sync.Mutex // guards w
	w  io.Writer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// clientRun is a run against a client.
type clientRun struct {
	run
	endpoint Endpoint
	driver   Driver
	stop     context.CancelFunc

	// The mutex of run guards these.
	report  ClientReport
	failure error
	dead    error // why the driver cannot be tested to the end

	usualOnce sync.Once // guards usual
	usual     string    // how the driver ends after a case that is not suspected; "" in success
}

// play shares the cases out to workers: those that mostly wait get one each.
func (r *clientRun) play(ctx context.Context, kind work, list []cases.Case) {
	hands := [][]cases.Case{list}
	switch n := r.report.Workers; kind {
	case waiting:
		hands = slices.Collect(slices.Chunk(list, 1))
	case light:
		hands = deal(list, n)
	case limits:
		hands = split(list)
	case deflate:
		hands = balance(list, min(heavyWorkers, n))
	case alone, kinds:
	}
	hands = slices.DeleteFunc(hands, func(hand []cases.Case) bool { return len(hand) == 0 })
	atOnce(hands, len(hands), func(hand []cases.Case) { r.worker(ctx, hand) })
}

// worker has the driver run these cases, starting it again with what is left
// where it ends too early.
func (r *clientRun) worker(ctx context.Context, list []cases.Case) {
	note := "the driver did not ask for it"
	var t toll
	scarce := 0 // starts that failed for want of file descriptors or the like
	for fruitless := 0; len(list) > 0 && ctx.Err() == nil; {
		s := newSession(r, r.endpoint.Parts(list)[0], func(c cases.Case, res harness.Result) { r.take(c, res, r.report.Workers > 1) })
		ended := s.play(ctx)
		left := slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool { return s.done[c.ID] })
		if ctx.Err() == nil && ended != nil && s.failure == nil && len(s.begun) > 0 {
			var settled []cases.ID
			if errors.Is(ended, errIdle) {
				t.hangs++
				settled = append(settled, r.hung(s))
			} else {
				t.inRow++
				settled = r.crashed(ctx, s, ended)
			}
			left = slices.DeleteFunc(left, func(c cases.Case) bool { return slices.Contains(settled, c.ID) })
			if len(s.finished) > 1 {
				t.inRow = 1
			}
		}
		if len(left) == len(list) {
			fruitless++
		}
		list = left
		switch {
		case len(list) == 0:
		case harness.OutOfResources(ended) && scarce < len(backoff):
			pause(ctx, backoff[scarce])
			scarce++
			fruitless = 0
			continue
		case s.failure != nil:
			r.breakOff(s.failure)
		case harness.OutOfResources(ended):
			r.breakOff(fmt.Errorf("start the driver: %w", ended))
		case t.due("driver", ended) != nil:
			note = r.giveUp(t.due("driver", ended), s.output)
		case fruitless == fruitlessStarts:
			r.fail(ended, s.output)
		default:
			continue
		}
		break
	}
	if ctx.Err() != nil {
		note = interrupted
	}
	r.notRun(list, note)
}

func (r *clientRun) fail(err error, output string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = &DriverError{Command: r.driver.Command, Err: err, Output: output}
	}
}

// breakOff notes that we cannot go on, and ends the run.
func (r *clientRun) breakOff(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		r.broken = err
	}
	r.stop()
}

// giveUp notes why the driver cannot be tested to the end, and returns what that means for
// the cases that are left.
func (r *clientRun) giveUp(err error, output string) (note string) {
	note = "the driver was given up: " + firstLine(err)
	if u, ok := errors.AsType[*harness.UntestableError](err); ok && output != "" && !errors.As(err, new(*agent.ExitError)) {
		u.Err = fmt.Errorf("%w; it last said:\n%s", u.Err, output)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = err
	return note
}
