package runner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

const (
	// lightParallel is how many light cases are played at once. Each is a round
	// trip or two; more at once gain nothing.
	lightParallel = 16
	// heavyParallel is how many heavy cases: they are bound by the processors,
	// and two for each of ours keep the peer's busy too.
	heavyParallel = 4
	// repeatParallel is how many cases are repeated at once. They mostly wait.
	repeatParallel = 4
)

// A Report says how a run of [TestServer] went, beyond its results.
type Report struct {
	Parallel int  // light cases at once
	Echoed   bool // the echo before the run came back
	Survived bool // the echo after the run came back
	// Gone names the case after which the server could not be reached any more.
	Gone cases.ID
	// Silent is set when it could be reached and answered no opening handshake any
	// more. Gone is then the last case that it did answer in, if any.
	Silent bool
	// Restarts is how often the server was started again after it had ended or hung.
	Restarts int
}

// An UnreachableError says that there was no server to test.
type UnreachableError struct {
	URL string
	Err error
}

func (e *UnreachableError) Error() string {
	why := e.Err
	if op, ok := errors.AsType[*net.OpError](e.Err); ok {
		why = op
	}
	return fmt.Sprintf("no server at %s: %v", e.URL, why)
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Is makes it a [harness.ErrUntestable].
func (e *UnreachableError) Is(target error) bool { return target == harness.ErrUntestable }

// TestServer plays the cases against a server and hands each result to emit,
// one at a time. Cases that could not be played get results too, saying why. Where
// the server had to be started again, a case may be handed over twice; the last
// result counts. An error means that nothing was tested, that the server ended
// too often (a [*harness.UntestableError]), or that ctx ended.
func TestServer(ctx context.Context, server Server, list []cases.Case, o Options, emit func(harness.Result)) (Report, error) {
	s := &serverRun{server: server, options: o, emit: emit}
	defer s.monitor.start(ctx)()
	if err := s.greet(ctx); err != nil {
		return s.report, err
	}
	var control, refuses []string
	if o.Try != nil && s.report.Echoed {
		control, refuses = o.Try(ctx)
	}
	list, rest := playable(list, cases.Server, o.peer(control, refuses))
	for _, r := range rest {
		emit(r)
	}
	server.Expect(list)
	s.report.Parallel = o.Parallel
	if s.report.Parallel == 0 {
		s.report.Parallel = 1
		if server.Concurrent(ctx) {
			s.report.Parallel = lightParallel
		}
	}
	s.playAll(ctx, list)
	if err := s.recoverServer(ctx); err != nil {
		s.letStand()
		return s.report, err
	}
	s.endHang()
	s.retryAll(ctx)
	if err := s.recoverServer(ctx); err != nil {
		return s.report, err
	}
	return s.report, s.part(ctx)
}

// playAll plays the cases as many at once as was settled.
func (s *serverRun) playAll(ctx context.Context, list []cases.Case) {
	if s.report.Parallel == 1 {
		s.each(ctx, list, 1)
	} else {
		s.overlapped(ctx, list)
	}
}

// serverRun is a run against a server.
type serverRun struct {
	server  Server
	options Options
	report  Report
	monitor Monitor

	mu        sync.Mutex // guards the rest
	emit      func(harness.Result)
	pending   pending
	repeating bool     // they are settled, or were: nothing is held back any more
	last      cases.ID // that came to a verdict
	gone      bool
	hang      hang
	crash     crash
	finished  []finish        // since the server was started, in order
	inRow     int             // ends of the server without a verdict in between
	hangs     int             // how often it was started again since it hung
	refuses   map[string]bool // offers of extensions with which it refuses handshakes

	// beside is held for reading by each case that is played, and for writing by one that
	// is played alone. Once serial is set all are.
	beside sync.RWMutex
	serial atomic.Bool
}

// overlapped plays the light cases first, then the heavy ones while those that
// mostly wait (6.4) go on.
func (s *serverRun) overlapped(ctx context.Context, list []cases.Case) {
	w := byWork(list)
	var background sync.WaitGroup
	background.Go(func() { s.each(ctx, w.waiting, s.report.Parallel) })
	s.each(ctx, w.light, s.report.Parallel)
	s.monitor.begin()
	s.each(ctx, heaviestFirst(w.limits), min(heavyParallel, s.report.Parallel))
	s.monitor.end()
	background.Wait()
	s.each(ctx, w.deflate, min(heavyParallel, s.report.Parallel))
	s.each(ctx, w.alone, 1)
}

// work is a list of cases by what they make a peer do.
type work struct {
	waiting []cases.Case // nothing, mostly: 6.4
	light   []cases.Case // a round trip or two, under short timers
	limits  []cases.Case // megabytes, or a thousand messages
	deflate []cases.Case // a thousand messages, compressed
	alone   []cases.Case // what nothing else is played beside
}

func byWork(list []cases.Case) (w work) {
	for _, c := range list {
		switch {
		case c.Load == cases.Idle:
			w.waiting = append(w.waiting, c)
		case c.Load == cases.Alone:
			w.alone = append(w.alone, c)
		case !c.Heavy():
			w.light = append(w.light, c)
		case c.Deflate() != nil:
			w.deflate = append(w.deflate, c)
		default:
			w.limits = append(w.limits, c)
		}
	}
	return w
}

// heaviestFirst puts the cases that take longest in front, so that none of
// them runs alone at the end.
func heaviestFirst(list []cases.Case) []cases.Case {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b cases.Case) int { return b.Cost() - a.Cost() })
	return list
}

// each plays the cases, at most n at once, and takes their results.
func (s *serverRun) each(ctx context.Context, list []cases.Case, n int) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(n, 1))
	for _, c := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			s.take(c, s.playOnce(ctx, c), n > 1)
		})
	}
	wg.Wait()
}

// playOnce plays c unless the run is over.
func (s *serverRun) playOnce(ctx context.Context, c cases.Case) harness.Result {
	s.mu.Lock()
	gone, silent, last := s.gone, s.report.Silent, s.last
	ended := s.crash.active
	if ended && ctx.Err() == nil {
		s.crash.postponed = append(s.crash.postponed, c)
	}
	s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}
	case ended:
		return harness.Result{Case: c.ID, Note: errPostponed}
	case gone && silent:
		return stoppedAnswering(c)
	case gone:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: fmt.Sprintf("the server was gone after case %s", last)}
	}
	if s.options.Started != nil {
		s.options.Started(c)
	}
	r := s.playBeside(ctx, c)
	ended = ctx.Err() == nil && s.noticeEnd(c, r)
	if !ended && refused(c, r) && len(c.Conns[0].Head) == 0 { // a request that is changed is meant to be refused
		r = s.playAgain(ctx, c, r)
		ended = ctx.Err() == nil && s.noticeEnd(c, r)
	}
	switch {
	case ctx.Err() != nil:
	case ended:
		return harness.Result{Case: c.ID, Note: errPostponed}
	case r.Outcome == harness.Blocked:
		r = s.retry(ctx, c)
	default:
		s.noticeHang(ctx, c, r)
	}
	return r
}

// retry plays c again after a refused connection: a backlog may have been full,
// or the server is gone, which ends the run.
func (s *serverRun) retry(ctx context.Context, c cases.Case) harness.Result {
	var r harness.Result
	for i := range 4 {
		select {
		case <-time.After(100 * time.Millisecond << i):
		case <-ctx.Done():
		}
		r = s.play(ctx, c)
		if r.Outcome != harness.Blocked {
			return r
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.gone {
		s.gone = true
		s.report.Gone = s.last
	}
	return r
}

// take hands a result on, or keeps it back if load may have spoilt it.
func (s *serverRun) take(c cases.Case, r harness.Result, crowded bool) {
	if postponed(r) {
		return
	}
	s.server.Finished(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Outcome.Ran() {
		s.last = c.ID
		s.inRow = 0
		if s.options.Service != nil {
			s.finished = append(s.finished, finish{c, time.Now(), brokenOff(r)})
		}
	}
	switch {
	case unanswered(r) && !s.repeating && !s.options.Every:
		s.hold(c, r, crowded)
		return
	case r.Transcript != nil:
		s.release(r.Transcript.Started)
	}
	s.settle(c, r, crowded)
}

// settle hands a result on, or keeps it for another play. It is called with mu held.
func (s *serverRun) settle(c cases.Case, r harness.Result, crowded bool) {
	if s.repeating || !s.pending.hold(c, r, crowded, &s.monitor) {
		s.emit(r)
		return
	}
	s.options.provisional(r, "chance may have decided this verdict, so the case is to be played again")
}

// provisional hands on a result that may change, and the reason.
func (o *Options) provisional(r harness.Result, why string) {
	if o.Provisional == nil {
		return
	}
	if r.Outcome != harness.Pass {
		r.Note = why
	}
	o.Provisional(r)
}

// letStand hands on what is held back as it is: there is no server to play it again.
func (s *serverRun) letStand() {
	s.endHang()
	s.mu.Lock()
	defer s.mu.Unlock()
	retries, rest := s.pending.release()
	for _, t := range slices.Concat(retries, rest) {
		s.emit(t.result())
	}
}

// retryAll plays the doubtful cases again with little beside them.
func (s *serverRun) retryAll(ctx context.Context) {
	s.mu.Lock()
	list, rest := s.pending.release()
	s.repeating = true
	for _, t := range rest {
		s.emit(t.result())
	}
	s.mu.Unlock()
	var wg sync.WaitGroup
	slots := make(chan struct{}, repeatParallel)
	for _, t := range list {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			for !t.settled(&s.monitor) {
				t.take(s.playOnce(ctx, t.again()))
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.emit(t.result())
		})
	}
	wg.Wait()
}
