package runner

import (
	"cmp"
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
	Where    string // the server is
	Started  bool   // by us
	Parallel int    // light cases at once
	Echoed   bool   // the echo before the run came back
	Survived bool   // the echo after the run came back
	// Gone names the case after which the server could not be reached any more.
	Gone cases.ID
	// Silent is set when it could be reached and answered no opening handshake any
	// more. Gone is then the last case that it did answer in, if any.
	Silent bool
	// Restarts is how often the server was started again after it had ended or hung.
	Restarts int
}

// Trouble says what is wrong with the server as a whole, as a [*harness.UntestableError];
// nil if it could be tested to the end.
func (r Report) Trouble() error {
	untestable := func(cause harness.Cause, format string, a ...any) error {
		return &harness.UntestableError{Cause: cause, Err: fmt.Errorf(format, a...)}
	}
	switch {
	case r.Silent && r.Gone == "":
		return untestable(harness.CauseHang, "the server at %s takes connections and answers no opening handshake", r.Where)
	case r.Silent:
		advice := ""
		if !r.Started {
			advice = " (a server that is started by --server-cmd is started again)"
		}
		return untestable(harness.CauseHang, "the server has hung since case %s: it takes connections and answers no opening handshake; "+
			"the cases after it have no verdict%s", r.Gone, advice)
	case r.Gone != "":
		return untestable(harness.CauseCrash, "the server was gone after case %s; the cases after it have no verdict", r.Gone)
	case r.Echoed && !r.Survived:
		return untestable(harness.CauseCrash, "the server echoed before the run and does not any more; see its log")
	}
	return nil
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
	s := &serverRun{server: server, options: o, emit: emit, pending: pending{Options: o}}
	s.report.Where, s.report.Started = server.String(), o.Service != nil
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
	err := s.farewell(ctx)
	return s.report, cmp.Or(s.broken, err)
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
	broken    error           // why nothing more can be played, whatever the server does
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

// each plays the cases, at most n parts at once, and takes their results.
func (s *serverRun) each(ctx context.Context, list []cases.Case, n int) {
	s.parts(ctx, list, n, func(c cases.Case, r harness.Result) { s.take(c, r, n > 1) })
}

// parts plays the cases, at most n parts at once.
func (s *serverRun) parts(ctx context.Context, list []cases.Case, n int, take func(cases.Case, harness.Result)) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(n, 1))
	for _, part := range s.server.Parts(list) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			s.part(ctx, part, take)
		})
	}
	wg.Wait()
}

// part plays the cases of a part until all have a result.
func (s *serverRun) part(ctx context.Context, left []cases.Case, take func(cases.Case, harness.Result)) {
	for len(left) > 0 {
		if r, ok := s.barred(ctx, left[0]); ok {
			take(left[0], r)
			left = left[1:]
			continue
		}
		results := s.playBeside(ctx, left)
		if len(results) == 0 {
			results = []harness.Result{s.resultOf(ctx, left[0], nil)}
		}
		for i, r := range results {
			at := slices.IndexFunc(left, func(c cases.Case) bool { return c.ID == r.Case })
			if at < 0 {
				continue
			}
			c := left[at]
			left = slices.Concat(left[:at], left[at+1:])
			take(c, s.conclude(ctx, c, r, i == len(results)-1))
		}
	}
}

// barred is the result of a case that is not played now, if there is a reason.
func (s *serverRun) barred(ctx context.Context, c cases.Case) (r harness.Result, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}, true
	case s.broken != nil:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "not run: " + firstLine(s.broken)}, true
	case s.crash.active:
		s.crash.postponed = append(s.crash.postponed, c)
		return harness.Result{Case: c.ID, Note: errPostponed}, true
	case s.gone && s.report.Silent:
		return stoppedAnswering(c), true
	case s.gone:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: fmt.Sprintf("the server was gone after case %s", s.last)}, true
	}
	return r, false
}

// conclude returns what counts of the result of a case: the case may have to be played
// again. Last says that r was the last result of its part.
func (s *serverRun) conclude(ctx context.Context, c cases.Case, r harness.Result, last bool) harness.Result {
	ended := ctx.Err() == nil && s.noticeEnd(c, r, last)
	if !ended && refused(c, r) && len(c.Conns[0].Head) == 0 { // a request that is changed is meant to be refused
		r = s.playAgain(ctx, c, r)
		ended = ctx.Err() == nil && s.noticeEnd(c, r, true)
	}
	switch {
	case ctx.Err() != nil, s.failed():
	case ended:
		return harness.Result{Case: c.ID, Note: errPostponed}
	case r.Outcome == harness.Blocked:
		r = s.retry(ctx, c)
	default:
		s.noticeHang(ctx, c, r)
	}
	return r
}

// failed reports whether the engine has failed.
func (s *serverRun) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken != nil
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
			s.finished = append(s.finished, finish{c, endOf(r), brokenOff(r)})
		}
	}
	switch {
	case unanswered(r) && !s.repeating && !s.options.Every:
		s.hold(c, r, crowded)
		return
	case unanswered(r) && !s.repeating && s.hasty(r):
		s.hasten(c, r)
		return
	case r.Transcript != nil:
		s.release(r.Transcript.Started)
		if r.Transcript.Opened {
			s.answers()
		}
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

// retryAll plays the doubtful cases again with little beside them, as long as there are
// any.
func (s *serverRun) retryAll(ctx context.Context) {
	s.mu.Lock()
	open, rest := s.pending.release()
	s.repeating = true
	for _, t := range rest {
		s.emit(t.result())
	}
	s.mu.Unlock()
	for len(open) > 0 {
		left := make(map[cases.ID]*retry, len(open))
		again := make([]cases.Case, len(open))
		for i, t := range open {
			left[t.c.ID], again[i] = t, t.again()
		}
		s.parts(ctx, again, min(repeatParallel, s.report.Parallel), func(c cases.Case, r harness.Result) {
			s.mu.Lock()
			defer s.mu.Unlock()
			t := left[c.ID]
			t.take(r)
			if t.settled(&s.monitor) {
				delete(left, c.ID)
				s.emit(t.result())
			}
		})
		open = slices.DeleteFunc(open, func(t *retry) bool { return left[t.c.ID] == nil })
	}
}
