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

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/ws"
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
	if hop, ok := errors.AsType[*ws.HandshakeError](e.Err); ok && hop.Proxy != "" { // it may not be for want of a server
		why = hop
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
	s := &serverRun{run: run{shared: server, options: o, emit: emit}, server: server}
	s.report.Where, s.report.Started = server.String(), o.Service != nil
	defer s.monitor.start(ctx)()
	if err := s.greet(ctx); err != nil {
		return s.report, err
	}
	var control, refuses []string
	if o.Try != nil && s.report.Echoed {
		control, refuses = o.Try(ctx)
	}
	list = s.begin(list, cases.Server, o.peer(control, refuses))
	s.report.Parallel = o.Parallel
	if s.report.Parallel == 0 {
		s.report.Parallel = 1
		if server.Concurrent(ctx) {
			s.report.Parallel = lightParallel
		}
	}
	s.playAll(ctx, list)
	if err := s.recoverServer(ctx); err != nil {
		s.endHang()
		s.letStand()
		return s.report, err
	}
	s.endHang()
	s.repeat(ctx)
	if err := s.recoverServer(ctx); err != nil {
		return s.report, err
	}
	err := s.farewell(ctx)
	return s.report, cmp.Or(s.broken, err)
}

// playAll plays the cases as many at once as was settled.
func (s *serverRun) playAll(ctx context.Context, list []cases.Case) {
	s.overlapped(list, s.report.Parallel, func(kind work, list []cases.Case) { s.playKind(ctx, kind, list) })
}

// repeat plays the doubtful cases again with little beside them.
func (s *serverRun) repeat(ctx context.Context) {
	s.retryAll(func(again []cases.Case) { s.each(ctx, again, min(repeatParallel, s.report.Parallel)) })
}

// serverRun is a run against a server.
type serverRun struct {
	run
	server Server
	report Report

	// The mutex of run guards these.
	toll
	last     cases.ID // that came to a verdict
	gone     bool
	hang     hang
	crash    crash
	finished []finish        // since the server was started, in order
	refuses  map[string]bool // offers of extensions with which it refuses handshakes

	// beside is held for reading by each case that is played, and for writing by one that
	// is played alone. Once serial is set all are.
	beside sync.RWMutex
	serial atomic.Bool
}

// playKind plays the cases, as many at once as suits their kind.
func (s *serverRun) playKind(ctx context.Context, kind work, list []cases.Case) {
	n := s.report.Parallel
	switch kind {
	case limits:
		list, n = heaviestFirst(list), min(heavyParallel, n)
	case deflate:
		n = min(heavyParallel, n)
	case alone:
		n = 1
	case waiting, light, kinds:
	}
	s.each(ctx, list, n)
}

// each plays the cases, at most n parts at once, and takes their results.
func (s *serverRun) each(ctx context.Context, list []cases.Case, n int) {
	atOnce(s.server.Parts(list), n, func(part []cases.Case) { s.part(ctx, part, n > 1) })
}

// part plays the cases of a part until all have a result, or are postponed.
func (s *serverRun) part(ctx context.Context, left []cases.Case, crowded bool) {
	for len(left) > 0 {
		if note, barred := s.barred(ctx, left[0]); barred {
			if note != "" {
				s.take(left[0], harness.Result{Case: left[0].ID, Outcome: harness.NotRun, Note: note}, crowded)
			}
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
			if r, ok := s.conclude(ctx, c, r, i == len(results)-1); ok {
				s.take(c, r, crowded)
			}
		}
	}
}

// barred reports whether a case is not played now, and why it never will be; "" if it is
// postponed.
func (s *serverRun) barred(ctx context.Context, c cases.Case) (note string, barred bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return interrupted, true
	case s.broken != nil:
		return "not run: " + firstLine(s.broken), true
	case s.crash.active:
		s.crash.postponed = append(s.crash.postponed, c)
		return "", true
	case s.gone && s.report.Silent:
		return silent, true
	case s.gone:
		return fmt.Sprintf("the server was gone after case %s", s.last), true
	}
	return "", false
}

// conclude returns what counts of the result of a case: it may have to be played again. It
// is not ok if the server has ended, and the case is played later. Last says that r was
// the last result of its part.
func (s *serverRun) conclude(ctx context.Context, c cases.Case, r harness.Result, last bool) (_ harness.Result, ok bool) {
	ended := ctx.Err() == nil && s.noticeEnd(c, r, last)
	if !ended && refused(c, r) && len(c.Conns[0].Head) == 0 { // a request that is changed is meant to be refused
		r = s.playAgain(ctx, c, r)
		ended = ctx.Err() == nil && s.noticeEnd(c, r, true)
	}
	switch {
	case ctx.Err() != nil, s.failed():
	case ended:
		return r, false
	case r.Outcome == harness.Blocked:
		r = s.retry(ctx, c)
	default:
		s.noticeHang(ctx, c, r)
	}
	return r, true
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
	for _, wait := range backoff {
		pause(ctx, wait)
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

// take notes that a case came to a verdict, and hands the result on or keeps it back.
func (s *serverRun) take(c cases.Case, r harness.Result, crowded bool) {
	s.server.Finished(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Outcome.Ran() {
		s.last = c.ID
		s.inRow = 0
		if s.options.Service != nil {
			s.finished = append(s.finished, finished(c, r))
		}
	}
	switch {
	case unanswered(r) && !s.retrying && !s.options.Every:
		s.keep(c, r, crowded)
		return
	case unanswered(r) && !s.retrying && s.hasty(r):
		s.hasten(c, r)
		return
	case r.Transcript != nil:
		s.letGo(r.Transcript.Started)
		if r.Transcript.Opened {
			s.answers()
		}
	}
	s.settle(c, r, crowded)
}
