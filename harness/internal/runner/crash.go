package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

// A server that we have started is started again when it ends by itself, or hangs
// as a whole. The case that it ended at is found by playing those that may be to
// blame one by one: the cases under way, and the ones that had just come to a
// verdict, since a server may close as it should and then end. The cases that were
// still to be played go on after that.

const (
	// crashesInRow is how often a server may end without a single case coming to
	// a verdict in between.
	crashesInRow = 10
	// maxRestarts bounds how often a server is started again in a run, and maxHangs
	// how often after it hung, which takes up to half a minute each time to notice
	// and to find the case.
	maxRestarts, maxHangs = 100, 4
	// endBound is how long a server may take to end after a case that looks well.
	endBound = 200 * time.Millisecond
	// cutBound is the same where it broke the connection, on a machine that has
	// other things to do.
	cutBound = 250 * time.Millisecond
	// refuseBound is the same where it refused one.
	refuseBound = time.Second
	// aftermath is how long before its end a server may have been given the
	// reason, and busyAftermath the same on a machine that has other things to do: a
	// panic that is slow to be written keeps the process alive.
	aftermath, busyAftermath = time.Second, 10 * time.Second
)

// A finish is a case that came to a verdict, and when.
type finish struct {
	c   cases.Case
	at  time.Time
	cut bool // off by the peer, or never open: it is no verdict, if the peer ended then
	// stuck says that a timer ended the connection: it is no verdict, if the peer hung.
	stuck bool
}

func finished(c cases.Case, r harness.Result) finish {
	t := r.Transcript
	return finish{c, endOf(r), t != nil && (!t.Opened || !t.DroppedByUs && !t.Clean), brokenOff(r)}
}

// spoilt reports whether the end of the peer may have decided the verdict: it had the
// connection end, or kept it from being opened.
func (f finish) spoilt(ended time.Time) bool { return f.cut && ended.Sub(f.at) < aftermath }

// A crash is what is to be done after the server has ended by itself, or hung.
type crash struct {
	active    bool
	known     bool         // where: that case has its result
	hung      time.Time    // since when, if it did not end
	suspects  []cases.Case // that may be to blame, and have no verdict
	postponed []cases.Case // that were still to be played
}

// noticeEnd looks whether the server has ended, once r has come of c. A result of the
// middle of a part was there before the server ended; it is a verdict if the end of the
// server cannot have been the reason for it.
func (s *serverRun) noticeEnd(c cases.Case, r harness.Result, last bool) bool {
	if s.options.Service == nil || !s.endedAfter(r, last) || !last && !finished(c, r).spoilt(s.options.Service.EndedAt()) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash.active = true
	if r.Outcome == harness.Blocked { // it never got to the server
		s.crash.postponed = append(s.crash.postponed, c)
	} else {
		s.crash.suspects = append(s.crash.suspects, c)
	}
	return true
}

// endedAfter reports whether the server has ended. After the last result of a part it
// waits as long as that is reason to.
func (s *serverRun) endedAfter(r harness.Result, last bool) bool {
	patience := time.Duration(0)
	if last {
		patience = suspicion(r)
	}
	return s.options.Service.EndedWithin(patience)
}

// suspicion is how long a server may take to end after r, as far as that shows.
func suspicion(r harness.Result) time.Duration {
	switch t := r.Transcript; {
	case r.Outcome == harness.Blocked:
		return refuseBound
	case r.Outcome == harness.Fail && t != nil && !t.Clean && (!t.Opened || !t.DroppedByUs):
		return cutBound
	}
	return 0
}

// endOf is when the case of a result ended.
func endOf(r harness.Result) time.Time {
	if t := r.Transcript; t != nil && t.Opened && !t.Started.IsZero() {
		return t.Started.Add(t.Duration)
	}
	return time.Now()
}

// recoverServer starts the server again after it has ended, finds the case that did it,
// and plays what was left. The error says that the server ended too often, or
// could not be started again.
func (s *serverRun) recoverServer(ctx context.Context) error {
	for ctx.Err() == nil && s.stoppedWorking(ctx) {
		how, since := errHung, s.crash.hung
		if since.IsZero() {
			how, since = s.options.Service.Ended(), s.options.Service.EndedAt()
		}
		last := since.Add(-aftermath)
		if s.monitor.lateSince(last) {
			last = since.Add(-busyAftermath)
		}
		suspects, rest := s.crash.suspects, s.crash.postponed
		var judged []cases.Case // suspects that have a verdict
		for i, f := range slices.Backward(s.finished) {
			if s.crash.known {
				break
			}
			if f.at.Before(last) && (i < len(s.finished)-1 || len(suspects)+len(judged) > 0) {
				break
			}
			switch again := !s.crash.hung.IsZero() && (s.forget(f.c.ID) || f.stuck); {
			case slices.ContainsFunc(suspects, func(c cases.Case) bool { return c.ID == f.c.ID }):
			case again:
				suspects = append(suspects, f.c)
			default:
				judged = append(judged, f.c)
			}
		}
		open := len(suspects)
		suspects = append(suspects, judged...)
		s.crash, s.finished = crash{}, nil
		if err := s.restart(ctx, how); err != nil {
			s.notRun(append(suspects[:open], rest...), "the server was given up: "+firstLine(err))
			return err
		}
		if i, err := s.oneByOne(ctx, suspects, open, how); err != nil {
			s.notRun(append(suspects[min(i, open):open], rest...), "the server was given up: "+firstLine(err))
			return err
		}
		s.playAll(ctx, rest)
	}
	return nil
}

// restart starts the server once more.
func (s *serverRun) restart(ctx context.Context, how error) error {
	s.inRow++
	s.report.Restarts++
	if errors.Is(how, errHung) {
		s.hangs++
	}
	if err := s.due("server", how); err != nil {
		return err
	}
	if s.report.Restarts > maxRestarts {
		return &harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("the server ended %d times: %w", s.report.Restarts, how)}
	}
	if err := s.options.Service.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &harness.UntestableError{Cause: harness.CauseStart, Err: fmt.Errorf("the server ended, and cannot be started again: %w", err)}
	}
	s.server.Move(s.options.Service.URL)
	return nil
}

// oneByOne plays the suspects, each alone: those that were under way, which are
// the first of the list, and until the server has ended at one of them those that
// have a verdict. It returns how many were played.
func (s *serverRun) oneByOne(ctx context.Context, suspects []cases.Case, open int, how error) (done int, err error) {
	guilty, hung := false, errors.Is(how, errHung)
	patience := endBound
	if hung {
		patience = 0 // it echoed
	}
	clean := -1 // the suspect before, if the server seemed to outlive it
	for i := 0; i < len(suspects) && ctx.Err() == nil && (!guilty || i < open); i++ {
		c := suspects[i]
		r := s.play(ctx, c)
		r.Attempts = 2
		switch {
		case s.crash.known: // and stopped
			how, s.crash = errHung, crash{}
		case hung && s.hangsAfter(ctx):
			how, r = errHung, harness.Result{Case: c.ID, Outcome: harness.Timeout, Note: hungNote}
		case s.options.Service.EndedWithin(max(patience, suspicion(r))):
			how = s.options.Service.Ended()
			if t := r.Transcript; clean >= 0 && (t == nil || !t.Opened) { // it was ending already
				i = clean
				c = suspects[i]
			}
			r = crashed(c, how, "the server ended while the case was played")
		default:
			s.inRow, clean = 0, i
			s.take(c, r, false)
			continue
		}
		guilty, clean = true, -1
		s.take(c, r, false)
		if err := s.restart(ctx, how); err != nil {
			return i + 1, err
		}
	}
	if !guilty && len(suspects) > 0 && ctx.Err() == nil {
		s.take(suspects[0], unexplained(suspects, how), false)
	}
	s.finished = nil
	return len(suspects), nil
}

// unexplained is the result of the first suspect where the server outlived each.
func unexplained(suspects []cases.Case, how error) harness.Result {
	c, others := suspects[0], len(suspects)-1
	if errors.Is(how, errHung) {
		return harness.Result{Case: c.ID, Outcome: harness.Timeout, Note: fmt.Sprintf(
			"the server answered nothing any more while this case and %d others were played at once, and did when each was played alone", others)}
	}
	return crashed(c, how, fmt.Sprintf(
		"the server ended while this case and %d others were played at once, and did not when each was played alone", others))
}

func crashed(c cases.Case, how error, note string) harness.Result {
	if exit, ok := errors.AsType[*agent.ExitError](how); ok {
		note += " (" + exit.Status + ")"
		if exit.Output != "" {
			note += "; it last said:\n" + exit.Output
		}
	}
	return harness.Result{Case: c.ID, Outcome: harness.Crash, Note: strings.TrimSpace(note)}
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimSuffix(line, "; it last said:")
}

// farewell looks whether the server still echoes at the end of the run.
func (s *serverRun) farewell(ctx context.Context) error {
	if ctx.Err() != nil || s.report.Silent || s.broken != nil {
		return ctx.Err()
	}
	s.report.Survived, _ = s.echoesStill(ctx)
	if service := s.options.Service; !s.report.Survived && service != nil && service.EndedWithin(refuseBound) {
		s.crash.active = true
		if err := s.recoverServer(ctx); err != nil {
			return err
		}
		s.report.Survived, _ = s.echoesStill(ctx)
	}
	return ctx.Err()
}
