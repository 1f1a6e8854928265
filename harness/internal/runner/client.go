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
	"github.com/wsconform/wsconform/harness/agent"
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
	r := &clientRun{endpoint: e, driver: d, options: o, emit: emit, stop: stop, pending: pending{Options: o}}
	defer r.monitor.start(ctx)()
	list, rest := playable(list, cases.Client, o.peer(r.control(ctx, list), nil))
	for _, res := range rest {
		emit(res)
	}
	e.Expect(list)
	r.report.Workers = o.Parallel
	switch {
	case d.Port != 0:
		r.report.Workers = 1
	case o.Parallel == 0:
		r.report.Workers = lightWorkers
	}
	if r.report.Workers == 1 {
		r.worker(ctx, list)
	} else {
		r.overlapped(ctx, list)
	}
	r.retryAll(ctx)
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
	endpoint Endpoint
	driver   Driver
	options  Options
	monitor  Monitor
	stop     context.CancelFunc

	mu      sync.Mutex // guards the rest
	report  ClientReport
	emit    func(harness.Result)
	pending pending
	retries map[cases.ID]*retry // that are being played again
	failure error
	broken  error // why we cannot go on, whatever the driver does
	dead    error // why the driver cannot be tested to the end

	usualOnce sync.Once // guards usual
	usual     string    // how the driver ends after a case that is not suspected; "" in success
}

// overlapped gives the cases that mostly wait (6.4) workers of their own, plays
// the other light ones beside them, and begins the heavy ones as soon as only
// waiting is left.
func (r *clientRun) overlapped(ctx context.Context, list []cases.Case) {
	w := byWork(list)
	var background sync.WaitGroup
	for _, c := range w.waiting {
		background.Go(func() { r.worker(ctx, []cases.Case{c}) })
	}
	r.workers(ctx, deal(w.light, r.report.Workers))
	r.monitor.begin()
	r.workers(ctx, split(w.limits))
	r.monitor.end()
	background.Wait()
	r.workers(ctx, balance(w.deflate, min(heavyWorkers, r.report.Workers)))
	r.workers(ctx, [][]cases.Case{w.alone})
}

// deal shares the cases out like cards.
func deal(list []cases.Case, n int) [][]cases.Case {
	hands := make([][]cases.Case, n)
	for i, c := range list {
		hands[i%n] = append(hands[i%n], c)
	}
	return hands
}

// balance shares the cases out so that all hands take about as long, each in the
// order of the list.
func balance(list []cases.Case, n int) [][]cases.Case {
	hand := make(map[cases.ID]int)
	load := make([]int, n)
	for _, c := range heaviestFirst(list) {
		lightest := slices.Index(load, slices.Min(load))
		hand[c.ID] = lightest
		load[lightest] += c.Cost()
	}
	hands := make([][]cases.Case, n)
	for _, c := range list {
		hands[hand[c.ID]] = append(hands[hand[c.ID]], c)
	}
	return hands
}

// split parts the limits cases into those of large messages and those of many.
// Large ones stay in one driver and in their order: how fast a program copes with
// one can depend on those it has seen before.
func split(limits []cases.Case) [][]cases.Case {
	hands := make([][]cases.Case, 2)
	for _, c := range limits {
		if c.RoundTrips() {
			hands[1] = append(hands[1], c)
		} else {
			hands[0] = append(hands[0], c)
		}
	}
	return hands
}

func (r *clientRun) workers(ctx context.Context, hands [][]cases.Case) {
	var wg sync.WaitGroup
	for _, hand := range hands {
		if len(hand) > 0 {
			wg.Go(func() { r.worker(ctx, hand) })
		}
	}
	wg.Wait()
}

// worker has the driver run these cases, starting it again with what is left
// where it ends too early.
func (r *clientRun) worker(ctx context.Context, list []cases.Case) {
	note := "the driver did not ask for it"
	inRow, hangs := 0, 0 // crashes without another verdict in between, and hangs
	scarce := 0          // starts that failed for want of file descriptors or the like
	for fruitless := 0; len(list) > 0 && ctx.Err() == nil; {
		s := newSession(r, r.endpoint.Parts(list)[0], func(c cases.Case, res harness.Result) { r.take(c, res, r.report.Workers > 1) })
		ended := s.play(ctx)
		left := slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool { return s.done[c.ID] })
		if ctx.Err() == nil && ended != nil && s.failure == nil && len(s.begun) > 0 {
			var settled []cases.ID
			if errors.Is(ended, errIdle) {
				hangs++
				settled = append(settled, r.hung(s))
			} else {
				inRow++
				settled = r.crashed(ctx, s, ended)
			}
			left = slices.DeleteFunc(left, func(c cases.Case) bool { return slices.Contains(settled, c.ID) })
			if len(s.finished) > 1 {
				inRow = 1
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
		case inRow == crashesInRow:
			r.giveUp(harness.CauseCrash, fmt.Errorf("the driver ended at %d cases in a row: %w", inRow, ended), s.output)
			note = "the driver was given up: it had ended too often"
		case hangs == maxHangs:
			r.giveUp(harness.CauseHang, fmt.Errorf("the driver hung %d times: %w", hangs, ended), s.output)
			note = "the driver was given up: it had hung too often"
		case fruitless == fruitlessStarts:
			r.fail(ended, s.output)
		default:
			continue
		}
		break
	}
	for _, c := range list {
		if ctx.Err() != nil {
			note = "the run was interrupted"
		}
		r.take(c, harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: note}, false)
	}
}

// repeating reports whether the cases are those that are played again.
func (r *clientRun) repeating() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.retries != nil
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

// giveUp notes why the driver cannot be tested to the end.
func (r *clientRun) giveUp(cause harness.Cause, err error, output string) {
	if output != "" && !errors.As(err, new(*agent.ExitError)) {
		err = fmt.Errorf("%w; it last said:\n%s", err, output)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = &harness.UntestableError{Cause: cause, Err: err}
}

// take hands a result on, or keeps it back if chance may have decided it.
func (r *clientRun) take(c cases.Case, res harness.Result, crowded bool) {
	r.endpoint.Finished(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.retries[c.ID]; ok {
		t.take(res)
	} else if !r.pending.hold(c, res, crowded, &r.monitor) {
		r.emit(res)
	} else {
		r.options.provisional(res, "chance may have decided this verdict, so the case is to be played again")
	}
}

// retryAll plays the doubtful cases again, one at a time, as long as there
// are any.
func (r *clientRun) retryAll(ctx context.Context) {
	r.mu.Lock()
	list, rest := r.pending.release()
	r.retries = make(map[cases.ID]*retry)
	for _, t := range list {
		r.retries[t.c.ID] = t
	}
	r.mu.Unlock()
	for open := slices.Clone(list); len(open) > 0; {
		again := make([]cases.Case, len(open))
		for i, t := range open {
			again[i] = t.again()
		}
		r.worker(ctx, again)
		open = slices.DeleteFunc(open, func(t *retry) bool { return t.settled(&r.monitor) })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range slices.Concat(list, rest) {
		r.emit(t.result())
	}
}
