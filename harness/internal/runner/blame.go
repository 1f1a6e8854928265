package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

// A driver that ends by a signal, or with an exit status other than 0, has crashed
// at the case that it was playing or at one that it had played. The suspects are
// played again, each by a driver of its own: first the case under way, then the one
// before, then the rest by halves. The one at which the driver ends again is to
// blame.

// hung blames the case at which the driver stopped to do anything: the one under
// way, or the one before.
func (r *clientRun) hung(s *session) cases.ID {
	c, when := s.suspect()
	return r.replace(c, harness.Result{Case: c.ID, Outcome: harness.Timeout, Note: "the driver did nothing more " + when + ", so it was stopped"})
}

// suspect returns the case that the driver was playing, or had just played, and in
// words which of the two.
func (s *session) suspect() (c cases.Case, when string) {
	if open := s.underWay(); len(open) > 0 {
		return open[0], "while the case was played"
	}
	last := s.finished[len(s.finished)-1]
	if last.cut {
		return last.c, "while the case was played"
	}
	return last.c, "after the case was played"
}

// suspects lists the cases that are likely to be to blame for the end of the
// driver, the likeliest first: those under way, those whose connections ended with
// it, and the one before. Earlier lists the rest.
func (s *session) suspects() (likely, earlier []cases.Case) {
	likely = s.underWay()
	spoilt := true
	for _, f := range slices.Backward(s.finished) {
		if spoilt {
			likely = append(likely, f.c)
			spoilt = s.spoilt(f.c.ID)
		} else {
			earlier = append(earlier, f.c)
		}
	}
	slices.Reverse(earlier)
	return likely, earlier
}

// spoilt reports whether the end of the driver may have decided the verdict of a
// case.
func (s *session) spoilt(id cases.ID) bool {
	for _, f := range s.finished {
		if f.c.ID == id {
			return f.spoilt(s.process.EndedAt())
		}
	}
	return true
}

// crashed blames the case at which the driver ended, and returns it with those that
// came to a verdict meanwhile.
func (r *clientRun) crashed(ctx context.Context, s *session, how error) (settled []cases.ID) {
	first, when := s.suspect()
	suspects, earlier := s.suspects()
	usual := r.usualEnd(ctx, slices.Concat(suspects, earlier))
	switch {
	case ctx.Err() != nil:
		return nil
	case usual == exitStatus(how) && len(s.left()) == 0:
		r.giveUp(&harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf(
			"the driver ends with %s, whatever cases it is given%s: %w", exitStatus(how), allowExit(s.process), how)}, s.output)
		return nil
	case usual == exitStatus(how): // ending like this proves nothing
		return append(settled, r.replace(first, crashed(first, how, "the driver ended "+when)))
	}
	for _, c := range suspects {
		again := r.replay(ctx, []cases.Case{c}, usual)
		switch {
		case ctx.Err() != nil:
			return settled
		case again.how != nil:
			return append(settled, r.replace(c, again.blame(c)))
		}
		if res, ok := again.results[c.ID]; ok && s.spoilt(c.ID) {
			res.Attempts = 2
			settled = append(settled, r.replace(c, res))
		}
	}
	c, again, found := r.search(ctx, earlier, usual)
	switch {
	case found:
		settled = append(settled, r.replace(c, again.blame(c)))
	case ctx.Err() == nil:
		settled = append(settled, r.replace(first, crashed(first, how, fmt.Sprintf(
			"the driver ended %s, as one of %d, and did not when they were played again", when, len(s.begun)))))
	}
	return settled
}

// allowExit is advice for a driver that means to end with its exit status.
func allowExit(p *agent.Process) string {
	if code := p.ExitCode(); code > 0 {
		return fmt.Sprintf(" (if it means to, --allow-exit %d)", code)
	}
	return ""
}

// search looks for the case of the list at which the driver ends, by halves. There
// is none where it takes several of them, or chance, to make it end.
func (r *clientRun) search(ctx context.Context, list []cases.Case, usual string) (cases.Case, *rerun, bool) {
	if len(list) == 0 {
		return cases.Case{}, nil, false
	}
	again := r.replay(ctx, list, usual)
	if again.how == nil || ctx.Err() != nil {
		return cases.Case{}, nil, false
	}
	list = slices.DeleteFunc(list, func(c cases.Case) bool { return !again.begun[c.ID] })
	if len(list) <= 1 {
		return list[0], again, len(list) == 1
	}
	for _, half := range [][]cases.Case{list[len(list)/2:], list[:len(list)/2]} {
		if c, again, ok := r.search(ctx, slices.Clone(half), usual); ok {
			return c, again, true
		}
	}
	return cases.Case{}, nil, false
}

// usualEnd is how the driver ends after cases that are not suspected, measured once. One
// alone may be to blame, so two have to agree.
func (r *clientRun) usualEnd(ctx context.Context, suspects []cases.Case) string {
	r.usualOnce.Do(func() {
		seen := ""
		for _, c := range catalogue.All() {
			if slices.ContainsFunc(suspects, func(s cases.Case) bool { return s.ID == c.ID }) {
				continue
			}
			again := r.replay(ctx, []cases.Case{c}, "")
			if again.how == nil || again.during {
				return
			}
			status := exitStatus(again.how)
			if seen != "" {
				if status == seen {
					r.usual = status
				}
				return
			}
			seen = status
		}
	})
	return r.usual
}

// A rerun is the outcome of cases replayed to see whether the driver exits.
type rerun struct {
	begun   map[cases.ID]bool
	results map[cases.ID]harness.Result
	how     error // how the driver ended; nil in its usual way
	during  bool  // while a case was played
}

// replay has a driver of its own play the cases. If we fail, or no case is asked for, that
// says nothing of the driver, and is tried once more. A second failure of ours ends the run.
func (r *clientRun) replay(ctx context.Context, list []cases.Case, usual string) *rerun {
	for final := false; ; final = true {
		again := &rerun{results: map[cases.ID]harness.Result{}}
		s := newSession(r, list, func(c cases.Case, res harness.Result) { again.results[c.ID] = res })
		s.replay = true
		how := s.play(ctx)
		again.begun = s.begun
		again.during = len(s.left()) > 0 || s.finished[len(s.finished)-1].cut
		switch {
		case ctx.Err() != nil:
			return again
		case s.failure == nil && len(s.begun) > 0:
			if how != nil && !errors.Is(how, errIdle) && (again.during || exitStatus(how) != usual) {
				again.how = how
			}
			return again
		case final:
			if s.failure != nil {
				r.breakOff(s.failure)
			}
			return again
		}
		pause(ctx, backoff[0])
	}
}

// blame is the result of the case at which the driver ended.
func (again *rerun) blame(c cases.Case) harness.Result {
	when := "after the case was played"
	if again.during {
		when = "while the case was played"
	}
	res := crashed(c, again.how, "the driver ended "+when)
	res.Attempts = 2
	return res
}

// exitStatus is how a process ended, such as "exit status 3"; "" if it did not.
func exitStatus(how error) string {
	if exit, ok := errors.AsType[*agent.ExitError](how); ok {
		return exit.Status
	}
	return ""
}
