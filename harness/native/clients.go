package native

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

const (
	// lightLanes is how many drivers share the light cases, heavyLanes the heavy ones.
	lightLanes, heavyLanes = 2, 2
	// idleBound is how long a driver may do nothing before it is stopped.
	idleBound = 30 * time.Second
	// startBound is how long it may take to ask for its first case: a dozen
	// virtual machines that start at once on a busy machine need their time.
	startBound = 90 * time.Second
	// partingBound is how long a driver may take to end after its last report.
	partingBound = 3 * time.Second
	// fruitlessStarts ends a lane whose driver was started so often without
	// asking for a case.
	fruitlessStarts = 2
)

// A Driver is a client under test: a command that is told a URL, asks for the
// number of cases there, runs each of them and echoes.
type Driver struct {
	// Command is started for each lane. {url} in it becomes the URL of the
	// endpoint, without a slash at its end, {port} its port.
	Command []string
	// Host is the address that the endpoint listens on; "" means 127.0.0.1.
	Host string
	// TLS makes the endpoint a wss one. Nil means ws.
	TLS *tls.Config
	// Port of the endpoint; 0 means any. A fixed port allows one lane only.
	Port int
	// Log gets what the command prints. Nil discards it.
	Log io.Writer
	// Idle is how long the command may do nothing before it is stopped, beyond what
	// its case takes. Zero means 30 s, and 90 s until it asks for its first case.
	Idle time.Duration
}

// A ClientReport says how a run of [TestClient] went, beyond its results.
type ClientReport struct {
	Lanes  int    // drivers at once
	Agent  string // the name by which the driver asked for cases
	Starts int    // how often the command was started
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

// TestClient starts the driver, as often as there are lanes, and hands the
// result of each case to emit, one at a time. Each lane offers its driver only a
// share of the cases, so one that knows nothing of this runs in parallel. Cases
// that were never asked for get results too, saying why. An error means that
// nothing was tested, that the driver ended too often (a
// [*harness.UntestableError]), or that ctx ended.
func TestClient(ctx context.Context, d Driver, list []cases.Case, o Options, emit func(harness.Result)) (ClientReport, error) {
	if d.Log != nil {
		d.Log = &sharedLog{w: d.Log}
	}
	r := &clientRun{driver: d, options: o, streams: NewStreams(o.Originals), emit: emit}
	defer r.streams.Close() //nolint:errcheck // temporary files
	defer r.pulse.start(ctx)()
	r.streams.expect(list)
	r.report.Lanes = o.Parallel
	switch {
	case d.Port != 0:
		r.report.Lanes = 1
	case o.Parallel == 0:
		r.report.Lanes = lightLanes
	}
	if r.report.Lanes == 1 {
		r.lane(ctx, list)
	} else {
		r.overlapped(ctx, list)
	}
	r.repeatDoubtful(ctx)
	if r.report.Agent == "" && ctx.Err() == nil {
		return r.report, r.failure
	}
	if r.dead != nil && ctx.Err() == nil {
		return r.report, r.dead
	}
	return r.report, ctx.Err()
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
	driver  Driver
	options Options
	streams *Streams
	pulse   pulse

	mu      sync.Mutex // guards the rest
	report  ClientReport
	emit    func(harness.Result)
	doubts  doubts
	trials  map[cases.ID]*trial // that are being played again
	failure error
	dead    error // a driver that ended too often
}

// overlapped gives the cases that mostly wait (6.4) lanes of their own, plays
// the other light ones beside them, and begins the heavy ones as soon as only
// waiting is left.
func (r *clientRun) overlapped(ctx context.Context, list []cases.Case) {
	w := byWork(list)
	var background sync.WaitGroup
	for _, c := range w.waiting {
		background.Go(func() { r.lane(ctx, []cases.Case{c}) })
	}
	r.lanes(ctx, deal(w.light, r.report.Lanes))
	r.pulse.begin()
	r.lanes(ctx, split(w.limits))
	r.pulse.end()
	background.Wait()
	r.lanes(ctx, balance(w.deflate, min(heavyLanes, r.report.Lanes)))
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
		load[lightest] += weight(c)
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
		if c.Want.Rule == cases.EchoAll {
			hands[1] = append(hands[1], c)
		} else {
			hands[0] = append(hands[0], c)
		}
	}
	return hands
}

func (r *clientRun) lanes(ctx context.Context, hands [][]cases.Case) {
	var wg sync.WaitGroup
	for _, hand := range hands {
		if len(hand) > 0 {
			wg.Go(func() { r.lane(ctx, hand) })
		}
	}
	wg.Wait()
}

// lane has the driver run these cases, starting it again with what is left
// where it ends too early.
func (r *clientRun) lane(ctx context.Context, list []cases.Case) {
	note := "the driver did not ask for it"
	inRow := 0 // crashes without a verdict in between
	for fruitless := 0; len(list) > 0 && ctx.Err() == nil; {
		t := &turn{run: r, list: list, begun: make(map[cases.ID]bool), done: make(map[cases.ID]bool)}
		ended := t.play(ctx)
		left := t.left()
		if suspect, ok := t.suspect(); ok && ended != nil {
			r.take(suspect, harness.Result{
				Case: suspect.ID, Outcome: harness.Crash, Note: "the driver ended while the case ran: " + ended.Error(),
			}, false)
			left = slices.DeleteFunc(left, func(c cases.Case) bool { return c.ID == suspect.ID })
			if inRow++; len(t.list)-len(left) > 1 {
				inRow = 1
			}
		} else {
			t.settle()
		}
		if len(left) == len(list) {
			fruitless++
		}
		list = left
		if inRow == crashesInRow && len(list) > 0 {
			r.giveUp(ended, t.output)
			note = "the driver was given up: it had ended too often"
			break
		}
		if fruitless == fruitlessStarts {
			r.fail(ended, t.output)
			break
		}
	}
	for _, c := range list {
		if ctx.Err() != nil {
			note = "the run was interrupted"
		}
		r.take(c, harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: note}, false)
	}
}

func (r *clientRun) fail(err error, output string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		r.failure = &DriverError{Command: r.driver.Command, Err: err, Output: output}
	}
}

// giveUp notes that a driver ended at one case after the other.
func (r *clientRun) giveUp(how error, output string) {
	err := fmt.Errorf("the driver ended at %d cases in a row: %w", crashesInRow, how)
	if output != "" && !errors.As(how, new(*harness.AgentExitError)) {
		err = fmt.Errorf("%w; it last said:\n%s", err, output)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = &harness.UntestableError{Cause: harness.CauseCrash, Err: err}
}

// take hands a result on, or keeps it back if chance may have decided it.
func (r *clientRun) take(c cases.Case, res harness.Result, crowded bool) {
	r.streams.finished(c)
	r.mu.Lock()
	defer r.mu.Unlock()
	if t, ok := r.trials[c.ID]; ok {
		t.take(res)
	} else if !r.doubts.hold(c, res, crowded, &r.pulse) {
		r.emit(res)
	}
}

// repeatDoubtful plays the doubtful cases again, one at a time, as long as there
// are any.
func (r *clientRun) repeatDoubtful(ctx context.Context) {
	r.mu.Lock()
	list, rest := r.doubts.release()
	r.trials = make(map[cases.ID]*trial)
	for _, t := range list {
		r.trials[t.c.ID] = t
	}
	r.mu.Unlock()
	for open := slices.Clone(list); len(open) > 0; {
		again := make([]cases.Case, len(open))
		for i, t := range open {
			again[i] = t.again()
		}
		r.lane(ctx, again)
		open = slices.DeleteFunc(open, func(t *trial) bool { return t.settled(&r.pulse) })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range slices.Concat(list, rest) {
		r.emit(t.result())
	}
}

// A turn is one start of the driver on an endpoint of its own.
type turn struct {
	run    *clientRun
	list   []cases.Case
	output string // the last lines the driver printed

	mu      sync.Mutex // guards the rest
	begun   map[cases.ID]bool
	done    map[cases.ID]bool
	stirred time.Time // a case began or ended, or reports were asked for
	parting bool      // reports were asked for
	// cut is the last result, if the driver ended TCP without a closing
	// handshake: perhaps because it crashed.
	cut  *lastResult
	stir chan struct{} // one slot
}

// A lastResult is held back until the driver is seen to live on.
type lastResult struct {
	c cases.Case
	r harness.Result
}

// play runs the driver until it is through. The error says how it ended, if it
// ended by itself and not in success, or could not be started.
func (t *turn) play(ctx context.Context) error {
	r := t.run
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort(cmp.Or(r.driver.Host, "127.0.0.1"), strconv.Itoa(r.driver.Port)))
	if err != nil {
		return fmt.Errorf("listen for the driver: %w", err)
	}
	scheme := "ws://"
	if r.driver.TLS != nil {
		l, scheme = tls.NewListener(l, r.driver.TLS), "wss://"
	}
	ctx, cancel := context.WithCancel(ctx)
	t.stir = make(chan struct{}, 1)
	t.stirred = time.Now()
	e := &Endpoint{
		List: t.list, Faithful: r.options.Faithful, Streams: r.streams,
		Started: t.started, Result: t.result, Update: t.update, watch: &r.pulse,
	}
	var serving sync.WaitGroup
	serving.Go(func() { e.Serve(ctx, l) }) //nolint:errcheck // it ends with ctx
	defer serving.Wait()
	defer cancel()
	r.mu.Lock()
	r.report.Starts++
	r.mu.Unlock()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	process, err := harness.StartAgent(r.driver.Command, map[string]string{"url": scheme + l.Addr().String(), "port": port}, r.driver.Log)
	if err != nil {
		return err
	}
	err = t.wait(ctx, process)
	process.Stop()
	t.output = process.Output()
	return err
}

// wait returns when the driver has ended, is through, or does nothing any more.
func (t *turn) wait(ctx context.Context, process *harness.Process) error {
	for {
		t.mu.Lock()
		patience := cmp.Or(t.run.driver.Idle, idleBound) + t.longest() - time.Since(t.stirred)
		if len(t.begun) == 0 {
			patience = cmp.Or(t.run.driver.Idle, startBound) - time.Since(t.stirred)
		}
		if t.parting && len(t.done) == len(t.list) {
			patience = partingBound - time.Since(t.stirred)
		}
		t.mu.Unlock()
		idle := time.NewTimer(max(patience, 0))
		select {
		case <-process.Done():
			idle.Stop()
			if ended := process.Ended(); ended != nil && !process.Success() {
				return ended
			}
			return nil
		case <-ctx.Done():
			idle.Stop()
			return ctx.Err()
		case <-t.stir:
			idle.Stop()
		case <-idle.C:
			if patience <= 0 {
				return t.idle()
			}
		}
	}
}

// idle is the verdict on a driver that does nothing any more.
func (t *turn) idle() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.done) == len(t.list) {
		t.run.mu.Lock()
		t.run.report.Lingered = true
		t.run.mu.Unlock()
		return nil
	}
	return errors.New("it did nothing for too long, so it was stopped")
}

// longest is the limit of the longest case under way.
func (t *turn) longest() time.Duration {
	var limit time.Duration
	for _, c := range t.list {
		if !t.begun[c.ID] || t.done[c.ID] {
			continue
		}
		for _, step := range c.Steps {
			switch s := step.(type) {
			case cases.KillAfter:
				limit = max(limit, s.After)
			case cases.CloseAfter:
				limit = max(limit, s.After)
			case cases.Frame, cases.FrameHeader, cases.Octets, cases.Message, cases.Close, cases.Pause, cases.EchoLoop:
			}
		}
	}
	return limit
}

func (t *turn) started(agent string, c cases.Case) {
	t.settle()
	t.run.mu.Lock()
	if t.run.report.Agent == "" {
		t.run.report.Agent = agent
	}
	t.run.mu.Unlock()
	t.mu.Lock()
	t.begun[c.ID] = true
	t.mu.Unlock()
	t.moved()
}

func (t *turn) result(_ string, res harness.Result) {
	t.mu.Lock()
	again := t.done[res.Case]
	t.done[res.Case] = true
	t.begun[res.Case] = true
	t.mu.Unlock()
	t.moved()
	if again {
		return // the driver runs a case a second time: the first verdict stands
	}
	t.settle()
	i := slices.IndexFunc(t.list, func(c cases.Case) bool { return c.ID == res.Case })
	if tr := res.Transcript; res.Outcome == harness.Fail && tr != nil && !tr.DroppedByUs && !tr.Clean {
		t.mu.Lock()
		t.cut = &lastResult{t.list[i], res}
		t.mu.Unlock()
		return
	}
	t.run.take(t.list[i], res, t.run.report.Lanes > 1)
}

// settle hands the last result on: the driver lived on after it.
func (t *turn) settle() {
	t.mu.Lock()
	cut := t.cut
	t.cut = nil
	t.mu.Unlock()
	if cut != nil {
		t.run.take(cut.c, cut.r, t.run.report.Lanes > 1)
	}
}

func (t *turn) update(string) error {
	t.mu.Lock()
	t.parting = true
	t.mu.Unlock()
	t.run.mu.Lock()
	t.run.report.Updated = true
	t.run.mu.Unlock()
	t.moved()
	return nil
}

func (t *turn) moved() {
	t.mu.Lock()
	t.stirred = time.Now()
	t.mu.Unlock()
	select {
	case t.stir <- struct{}{}:
	default:
	}
}

// left lists the cases without a result.
func (t *turn) left() []cases.Case {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(t.list), func(c cases.Case) bool { return t.done[c.ID] })
}

// suspect returns the case that the driver may have died of: one that began and
// came to no end, or whose connection was cut last.
func (t *turn) suspect() (cases.Case, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cut != nil {
		return t.cut.c, true
	}
	for _, c := range t.list {
		if t.begun[c.ID] && !t.done[c.ID] {
			return c, true
		}
	}
	return cases.Case{}, false
}
