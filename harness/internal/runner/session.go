package runner

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
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
	process *harness.Process

	mu       sync.Mutex // guards the rest
	begun    map[cases.ID]bool
	done     map[cases.ID]bool
	finished []finish  // those done, in order
	stirred  time.Time // when a case last began or ended, or reports were asked for
	parting  bool      // reports were asked for
	stir     chan struct{}
}

func newSession(r *clientRun, list []cases.Case, take func(cases.Case, harness.Result)) *session {
	return &session{
		run: r, list: list, take: take,
		begun: map[cases.ID]bool{}, done: map[cases.ID]bool{}, stir: make(chan struct{}, 1),
	}
}

// errIdle says that the driver hung.
var errIdle = errors.New("it did nothing for too long, so it was stopped")

// play runs the driver until it ends or is stopped. The error is [errIdle], an
// [*harness.AgentExitError] for an end other than in success, that of starting it,
// or that of ctx.
func (s *session) play(ctx context.Context) error {
	r := s.run
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
	s.stirred = time.Now()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	vars := map[string]string{"url": scheme + l.Addr().String(), "port": port}
	if s.process, err = harness.StartAgent(r.driver.Command, vars, r.driver.Log); err != nil {
		cancel()
		return errors.Join(err, l.Close())
	}
	on := Events{
		How:     How{Brief: !r.repeating(), Monitor: &r.monitor},
		Started: s.started, Result: s.result, Update: s.update,
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := r.endpoint.Serve(ctx, l, s.list, on); err != nil {
			r.breakOff(err)
			cancel()
		}
	})
	defer serving.Wait()
	defer cancel()
	r.mu.Lock()
	r.report.Starts++
	r.mu.Unlock()
	err = s.wait(ctx)
	s.process.Stop()
	s.output = s.process.Output()
	return err
}

// wait returns when the driver has ended, is through, or does nothing any more.
func (s *session) wait(ctx context.Context) error {
	for {
		patience := s.patience()
		idle := time.NewTimer(max(patience, 0))
		select {
		case <-s.process.Done():
			idle.Stop()
			s.settle(ctx)
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
				return s.idle()
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

// idle judges a driver that does nothing any more.
func (s *session) idle() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.done) < len(s.list) {
		return errIdle
	}
	s.run.mu.Lock()
	s.run.report.Lingered = true
	s.run.mu.Unlock()
	return nil
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

func (s *session) started(agent string, c cases.Case) {
	s.run.mu.Lock()
	if s.run.report.Agent == "" {
		s.run.report.Agent = agent
	}
	s.run.mu.Unlock()
	s.mu.Lock()
	s.begun[c.ID] = true
	s.mu.Unlock()
	s.moved()
	if s.run.options.Started != nil {
		s.run.options.Started(c)
	}
}

func (s *session) result(_ string, res harness.Result) {
	i := slices.IndexFunc(s.list, func(c cases.Case) bool { return c.ID == res.Case })
	s.mu.Lock()
	again := s.done[res.Case]
	s.begun[res.Case], s.done[res.Case] = true, true
	if !again {
		s.finished = append(s.finished, finish{s.list[i], time.Now(), cutOff(res)})
	}
	s.mu.Unlock()
	if !again { // the driver may run a case a second time: the first verdict stands
		s.take(s.list[i], res)
	}
	s.moved()
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
		s.process.EndedWithin(crashBound)
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
