package native

import (
	"context"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A server that hangs as a whole accepts connections and answers no opening
// handshake any more. Each case would cost the time of one, for nothing, and would
// count as a failure though nothing of it was played.

// silentInRow is how many opening handshakes in a row a server may leave
// without an answer before it is asked whether it still echoes.
const silentInRow = 5

// A silence is what came since the server last answered an opening handshake.
type silence struct {
	length   int      // opening handshakes without an answer
	answered cases.ID // the last case that got one
	held     []heldResult
}

// A heldResult is that of a case whose opening handshake got no answer. It is a
// failure if the server answers later ones, and else no verdict.
type heldResult struct {
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

func stoppedAnswering(c cases.Case) harness.Result {
	return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the server had stopped answering"}
}

// noticeSilence looks whether the server has stopped answering. A server may well
// leave some handshakes without an answer, so it is asked for a plain echo.
func (s *serverRun) noticeSilence(ctx context.Context, c cases.Case, r harness.Result) {
	s.mu.Lock()
	if unanswered(r) {
		s.silence.length++
	} else {
		s.silence.length, s.silence.answered = 0, c.ID
	}
	ask := s.silence.length == silentInRow
	s.mu.Unlock()
	if !ask {
		return
	}
	echoes, err := s.sanity(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silence.length = 0; echoes || err != nil || s.gone {
		return
	}
	s.gone, s.report.Silent, s.report.Gone = true, true, s.silence.answered
	s.release(time.Now())
}

// hold keeps back a result without an answer until it is known whether the server
// still gives any. It is called with mu held.
func (s *serverRun) hold(c cases.Case, r harness.Result, crowded bool) {
	s.silence.held = append(s.silence.held, heldResult{c, r, crowded})
	if s.report.Silent {
		s.release(time.Now())
	}
}

// breakSilence has the results that are still held back count: there is nothing
// more to ask the server.
func (s *serverRun) breakSilence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(time.Now())
}

// release hands on what is held back of cases that began before a time, since when
// the server has answered or will not be asked: as no verdict if it had stopped
// answering. It is called with mu held.
func (s *serverRun) release(before time.Time) {
	s.silence.held = slices.DeleteFunc(s.silence.held, func(h heldResult) bool {
		switch {
		case s.report.Silent:
			s.emit(stoppedAnswering(h.c))
		case h.r.Transcript.Started.Before(before):
			s.settle(h.c, h.r, h.crowded)
		default:
			return false
		}
		return true
	})
}
