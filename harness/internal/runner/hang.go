package runner

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A server that hangs as a whole accepts connections and answers no opening
// handshake any more, and nothing to those that it had answered. Each case would
// cost the time of one, for nothing, and would count as a failure though nothing of
// it was played.

// silentInRow is how many cases in a row a server may leave without an answer
// before it is asked whether it still echoes.
const silentInRow = 5

// A hang is what came since the server last answered.
type hang struct {
	length     int       // cases without an answer
	since      time.Time // when the first of them began
	answered   cases.ID  // the last case that got one
	unanswered []unansweredResult
	// hasty are results of cases that had little time for an answer, in a run that plays
	// every case. If the server answers later ones, these are played again.
	hasty []unansweredResult
}

// An unansweredResult is that of a case whose opening handshake got no answer. It is a
// failure if the server answers later ones, and else no verdict.
type unansweredResult struct {
	c       cases.Case
	r       harness.Result
	crowded bool
}

// unanswered reports whether r says no more than that an opening handshake got no
// answer in time.
func unanswered(r harness.Result) bool {
	t := r.Transcript
	return t != nil && !t.Opened && t.OpenTimeout
}

// silent is why the cases are not run that come after a server has stopped answering.
const silent = "the server had stopped answering"

// brokenOff reports whether r may be that of a server that hangs as a whole and had
// answered the opening handshake before.
func brokenOff(r harness.Result) bool {
	t := r.Transcript
	return t != nil && t.Opened && timedOut(t)
}

// deadlocked reports whether moreover not a single frame came, in all the time that
// the case had.
func deadlocked(r harness.Result) bool {
	return brokenOff(r) && len(r.Transcript.Stats.RxFrames) == 0
}

// noticeHang looks whether the server has stopped answering. A server may well
// leave some handshakes without an answer, so it is asked for a plain echo.
func (s *serverRun) noticeHang(ctx context.Context, c cases.Case, r harness.Result) {
	s.mu.Lock()
	switch {
	case unanswered(r) || s.startable() && deadlocked(r):
		if s.hang.length == 0 {
			s.hang.since = r.Transcript.Started
		}
		s.hang.length++
	case s.startable() && brokenOff(r): // what came may be from before
	default:
		s.hang.length, s.hang.answered = 0, c.ID
	}
	ask := s.hang.length == silentInRow && !s.options.Every
	s.mu.Unlock()
	if ask {
		s.confirmHang(ctx)
	}
}

// patience is how long the next case waits for an answer to its opening handshake: 0 is as
// long as it says, less the longer the server has not answered others. A run that plays
// every case then gets through them.
func (s *serverRun) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.options.Every {
		return 0
	}
	return patienceAfter(s.hang.length)
}

// patienceAfter is how long a case waits for an answer after so many that got none.
func patienceAfter(n int) time.Duration {
	switch {
	case n < silentInRow:
		return 0
	case n < 2*silentInRow:
		return time.Second
	case n < 4*silentInRow || n%16 == 0: // now and then it gets time to answer again
		return 200 * time.Millisecond
	}
	return 20 * time.Millisecond
}

// startable reports whether a server that hangs can be started again. One that
// never echoed does not hang.
func (s *serverRun) startable() bool { return s.options.Service != nil && s.report.Echoed }

// confirmHang asks for a plain echo. A server that does not give it is started
// again, or else there is nothing more to ask it.
func (s *serverRun) confirmHang(ctx context.Context) {
	echoes, err := s.echoesStill(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hang.length = 0; echoes || err != nil || s.gone || s.crash.active {
		return
	}
	if s.startable() {
		s.startOver()
		return
	}
	s.gone, s.report.Silent, s.report.Gone = true, true, s.hang.answered
	s.letGo(time.Now())
}

// stoppedWorking reports whether the server must be restarted: it exited, or it hangs,
// which may show only in the last cases.
func (s *serverRun) stoppedWorking(ctx context.Context) bool {
	if !s.crash.active && s.startable() && s.hang.length > 0 && ctx.Err() == nil {
		s.confirmHang(ctx)
	}
	return s.crash.active
}

// errHung is how a server ended that was started again since it did not.
var errHung = errors.New("it took connections and answered nothing")

const hungNote = "the server answered nothing any more once this case was played"

// startOver has the server started again. The cases that it gave no answer to may be
// to blame. It is called with mu held.
func (s *serverRun) startOver() {
	s.crash.active, s.crash.hung = true, s.hang.since
	for _, h := range s.hang.unanswered {
		s.crash.suspects = append(s.crash.suspects, h.c)
	}
	s.hang.unanswered = nil
}

// hangsAfter reports whether the server echoes no more, but has not ended.
func (s *serverRun) hangsAfter(ctx context.Context) bool {
	if s.options.Service.EndedWithin(0) {
		return false
	}
	echoes, err := s.echoesStill(ctx)
	return err == nil && !echoes && !s.options.Service.EndedWithin(0)
}

// hasty reports whether it was not the case's own limit that ended the wait for an answer.
// It is called with mu held, when r counts among those without one.
func (s *serverRun) hasty(r harness.Result) bool {
	limit := patienceAfter(s.hang.length - 1)
	return s.options.Every && limit > 0 && r.Duration >= limit
}

// hasten keeps back a result without an answer for which the server had little time. It is
// called with mu held.
func (s *serverRun) hasten(c cases.Case, r harness.Result) {
	s.hang.hasty = append(s.hang.hasty, unansweredResult{c: c, r: r})
	s.provisional(r, "the server had little time for an answer, as it had not answered others")
}

// answers has the cases played again that had little time for an answer, as the server does
// answer. It is called with mu held.
func (s *serverRun) answers() {
	for _, h := range s.hang.hasty {
		s.retries = append(s.retries, newRetry(h.c, h.r, timed))
	}
	s.hang.hasty = nil
}

// keep keeps back a result without an answer until it is known whether the server
// still gives any. It is called with mu held.
func (s *serverRun) keep(c cases.Case, r harness.Result, crowded bool) {
	if !s.crash.hung.IsZero() {
		s.crash.suspects = append(s.crash.suspects, c)
		return
	}
	s.hang.unanswered = append(s.hang.unanswered, unansweredResult{c, r, crowded})
	s.provisional(r, "the server may have stopped answering; the cases behind will tell")
	if s.report.Silent {
		s.letGo(time.Now())
	}
}

// endHang has the results that are still held back count: there is nothing
// more to ask the server.
func (s *serverRun) endHang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letGo(time.Now())
	for _, h := range s.hang.hasty {
		s.emit(h.r)
	}
	s.hang.hasty = nil
}

// letGo hands on what is held back of cases that began before a time, since when
// the server has answered or will not be asked: as no verdict if it had stopped
// answering. It is called with mu held.
func (s *serverRun) letGo(before time.Time) {
	s.hang.unanswered = slices.DeleteFunc(s.hang.unanswered, func(h unansweredResult) bool {
		switch {
		case s.report.Silent:
			s.emit(harness.Result{Case: h.c.ID, Outcome: harness.NotRun, Note: silent})
		case h.r.Transcript.Started.Before(before):
			s.settle(h.c, h.r, h.crowded)
		default:
			return false
		}
		return true
	})
}
