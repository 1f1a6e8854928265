package runner

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

// settleBound is how long a session waits for cases whose connections ended with the
// driver.
const settleBound = time.Second

// A session is one start of the driver on an endpoint of its own.
type session struct {
	run  *clientRun
	list []cases.Case
	// take is told of the result of each case, once.
	take func(cases.Case, harness.Result)
	// replay holds back the answer to updateReports for [crashBound], or until the
	// driver ends: a crash that is slow to come has time to show.
	replay bool

	output  string // the last lines that the driver printed
	process *agent.Process
	running chan struct{} // closed once the driver is started, or cannot be; it may ask for reports before
	failure error         // of the engine

	mu       sync.Mutex // guards the rest
	begun    map[cases.ID]bool
	done     map[cases.ID]bool
	last     cases.ID  // that began
	finished []finish  // those done, in order
	stirred  time.Time // when a case last began or ended, or reports were asked for
	parting  bool      // reports were asked for
	stopped  time.Time // when the driver was, if it did not end by itself
	stir     chan struct{}
}

func newSession(r *clientRun, list []cases.Case, take func(cases.Case, harness.Result)) *session {
	return &session{
		run: r, list: list, take: take,
		begun: map[cases.ID]bool{}, done: map[cases.ID]bool{}, stir: make(chan struct{}, 1),
		running: make(chan struct{}),
	}
}

// errIdle says that the driver hung.
var errIdle = errors.New("it did nothing for too long, so it was stopped")

// play runs the driver until it ends or is stopped. The error is [errIdle], an
// [*agent.ExitError] for an end other than in success, that of starting it,
// or that of ctx.
func (s *session) play(ctx context.Context) error {
	r := s.run
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready, served := make(chan string, 1), make(chan error, 1)
	on := Events{
		How: r.how(), Ready: func(url string) { ready <- url }, Started: s.started, Result: s.result, Update: s.update,
	}
	go func() {
		err := r.endpoint.Serve(ctx, r.driver, s.list, on)
		if err != nil {
			cancel(err)
		}
		served <- err
	}()
	var base string
	select {
	case base = <-ready:
	case s.failure = <-served:
		return cmp.Or(s.failure, ctx.Err())
	}
	err := s.start(base)
	if err == nil {
		err = s.wait(ctx)
		s.stop()
	}
	cancel(ErrEnded)
	if s.failure = <-served; s.failure != nil {
		return s.failure
	}
	return s.conclude(err)
}

// start starts the driver.
func (s *session) start(base string) (err error) {
	defer close(s.running)
	u, err := url.Parse(base)
	if err != nil {
		return err
	}
	r := s.run
	s.stirred = time.Now()
	vars := map[string]string{"url": base, "host": u.Hostname(), "port": u.Port()}
	if s.process, err = agent.Start(r.driver.Command, vars, r.driver.Log); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Starts++
	return nil
}

// stop stops the driver. What it has begun and not ended then gets no verdict.
func (s *session) stop() {
	if s.process.Ended() == nil {
		s.mu.Lock()
		s.stopped = time.Now()
		s.mu.Unlock()
	}
	s.process.Stop()
	s.output = s.process.Output()
}

// conclude says how the driver ended, once all results are there.
func (s *session) conclude(ended error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.SortStableFunc(s.finished, func(a, b finish) int { return a.at.Compare(b.at) })
	if !errors.Is(ended, errIdle) || len(s.done) < len(s.list) {
		return ended
	}
	s.run.mu.Lock()
	defer s.run.mu.Unlock()
	s.run.report.Lingered = true
	return nil
}

// wait returns when the driver has ended, is through, or does nothing any more.
func (s *session) wait(ctx context.Context) error {
	for {
		patience := s.patience()
		idle := time.NewTimer(max(patience, 0))
		select {
		case <-s.process.Done():
			idle.Stop()
			if !s.run.endpoint.Late() {
				s.settle(ctx)
			}
			if ctx.Err() != nil || s.process.Success() || slices.Contains(s.run.driver.AllowedExits, s.process.ExitCode()) {
				return ctx.Err()
			}
			return s.process.Ended()
		case <-ctx.Done():
			idle.Stop()
			return ctx.Err()
		case <-s.stir:
			idle.Stop()
		case <-idle.C:
			if patience <= 0 {
				return errIdle
			}
		}
	}
}

// patience is how much longer the driver may do nothing.
func (s *session) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	bound := cmp.Or(s.run.driver.Idle, idleBound) + s.longest()
	switch {
	case len(s.begun) == 0:
		bound = cmp.Or(s.run.driver.Idle, startBound)
	case s.parting && len(s.done) == len(s.list):
		bound = partingBound
	}
	return bound - time.Since(s.stirred)
}

// settle waits for the verdicts of the cases that were under way when the driver
// ended. Their connections have ended with it.
func (s *session) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleBound)
	defer cancel()
	for len(s.underWay()) > 0 {
		select {
		case <-s.stir:
		case <-ctx.Done():
			return
		}
	}
}

// longest is the limit of the longest case under way.
func (s *session) longest() time.Duration {
	var limit time.Duration
	for _, c := range s.list {
		if !s.begun[c.ID] || s.done[c.ID] {
			continue
		}
		limit = max(limit, c.Limit())
	}
	return limit
}

// named notes by what name the driver goes.
func (s *session) named(agent string) {
	s.run.mu.Lock()
	defer s.run.mu.Unlock()
	s.run.report.Agent = cmp.Or(s.run.report.Agent, agent)
}

func (s *session) started(agent string, c cases.Case) {
	s.named(agent)
	s.mu.Lock()
	s.begun[c.ID] = true
	s.last = c.ID
	s.mu.Unlock()
	s.moved()
	if s.run.options.Started != nil {
		s.run.options.Started(c)
	}
}

func (s *session) result(agent string, res harness.Result) {
	i := slices.IndexFunc(s.list, func(c cases.Case) bool { return c.ID == res.Case })
	if i < 0 {
		return
	}
	s.named(agent)
	at := endOf(res)
	s.mu.Lock()
	s.begun[res.Case] = true
	first := !s.done[res.Case] && !s.cutShort(res.Case, at) // the driver may run a case a second time
	if first {
		s.done[res.Case] = true
		s.finished = append(s.finished, finished(s.list[i], res))
	}
	s.mu.Unlock()
	if first {
		s.take(s.list[i], res)
	}
	s.moved()
}

// clockError is how much a clock in a container may differ from ours.
const clockError = time.Second

// cutShort reports whether a case that ended at the given time did so because we stopped
// the driver. It is called with mu held.
func (s *session) cutShort(id cases.ID, at time.Time) bool {
	switch {
	case s.stopped.IsZero():
		return false
	case id == s.last:
		return at.After(s.stopped.Add(-clockError))
	}
	return at.After(s.stopped)
}

func (s *session) update(string) error {
	s.mu.Lock()
	s.parting = true
	s.mu.Unlock()
	s.run.mu.Lock()
	s.run.report.Updated = true
	s.run.mu.Unlock()
	s.moved()
	if s.replay {
		<-s.running
		if s.process != nil { // else it is not the driver that asks
			s.process.EndedWithin(crashBound)
		}
	}
	return nil
}

// moved notes that the driver does something.
func (s *session) moved() {
	s.mu.Lock()
	s.stirred = time.Now()
	s.mu.Unlock()
	select {
	case s.stir <- struct{}{}:
	default:
	}
}

// left lists the cases without a result.
func (s *session) left() []cases.Case {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.list), func(c cases.Case) bool { return s.done[c.ID] })
}

// underWay lists the cases that began and have no result.
func (s *session) underWay() []cases.Case {
	return slices.DeleteFunc(s.left(), func(c cases.Case) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.begun[c.ID]
	})
}
