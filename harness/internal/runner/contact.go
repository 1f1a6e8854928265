package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A server is asked for a plain echo before its cases and after them. It may be slow,
// or refuse a connection now and then, so it is asked more than once.

const (
	// greetBound is how long the echo before the cases may take, and how long the
	// diagnosis of a server that does not give it: 9 s in all.
	greetBound = 4500 * time.Millisecond
)

// backoff is how long is waited between attempts at a handshake that the server refuses.
var backoff = []time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 400 * time.Millisecond, time.Second}

// persistence is backoff, and more attempts: a server that refuses half of all handshakes at
// random refuses so many in a row once in a million times.
var persistence = slices.Concat(backoff, slices.Repeat([]time.Duration{80 * time.Millisecond}, 14))

// greet asks for the echo before the cases. The error says why they cannot be played.
func (s *serverRun) greet(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, greetBound)
	var err error
	s.report.Echoed, _, err = s.server.Echo(bounded)
	cancel()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case harness.OutOfResources(err):
		return fmt.Errorf("connect to %s: %w", s.server.String(), err)
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		return &UnreachableError{URL: s.server.String(), Err: err}
	case s.report.Echoed:
		return nil
	}
	if err := s.ended(); err != nil {
		return err
	}
	if s.options.AnyPeer || s.options.Every {
		return nil
	}
	return s.whyNoEcho(ctx)
}

// ended says that a server that we have started has ended at the echo.
func (s *serverRun) ended() error {
	service := s.options.Service
	if service == nil || !service.EndedWithin(endBound) {
		return nil
	}
	return &harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("it cannot be tested: at a plain message %w", service.Ended())}
}

// whyNoEcho asks a server again that did not echo. The error says what it does instead,
// nil that it echoes after all.
func (s *serverRun) whyNoEcho(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, greetBound)
	defer cancel()
	for _, wait := range slices.Concat(persistence, []time.Duration{0}) {
		d, err := s.server.Diagnose(bounded)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if ended := s.ended(); ended != nil {
			return ended
		}
		switch {
		case harness.OutOfResources(err):
			return fmt.Errorf("connect to %s: %w", s.server.String(), err)
		case d == nil:
			return &UnreachableError{URL: s.server.String(), Err: err}
		case d.Echoes:
			s.report.Echoed = true
			return nil
		case !d.Refused || wait == 0 || bounded.Err() != nil:
			return &harness.UntestableError{Cause: harness.CauseEcho, Err: &NoEchoError{URL: s.server.String(), Text: d.Text}}
		}
		pause(ctx, wait)
	}
	return nil
}

// A NoEchoError says that a server does not echo, so that it cannot be tested.
type NoEchoError struct {
	URL  string
	Text string // what it does instead, and what to do
}

func (e *NoEchoError) Error() string {
	return fmt.Sprintf("the server at %s cannot be tested: %s", e.URL, e.Text)
}

// echoesStill reports whether the server echoes, whatever else is wrong with the
// connection: that is for the cases to say. One that did before may refuse a few
// connections; if it lets us wait for an answer, once is enough.
func (s *serverRun) echoesStill(ctx context.Context) (echoes bool, err error) {
	for i, wait := range slices.Concat(persistence, []time.Duration{0}) {
		var tr transcript.Transcript
		echoes, tr, err = s.server.Echo(ctx)
		if !echoes && ctx.Err() == nil && tr.Opened {
			if d, derr := s.server.Diagnose(ctx); derr == nil && d != nil {
				echoes = d.Echoes
			}
		}
		if echoes || ctx.Err() != nil || tr.OpenTimeout || tr.Opened || err != nil && i == len(backoff) {
			return echoes, err
		}
		if service := s.options.Service; service != nil && service.EndedWithin(0) {
			return echoes, err
		}
		pause(ctx, wait)
	}
	return echoes, err
}

// refused reports whether the server answered a standard handshake with an HTTP error, or
// ended the connection without an answer, or there was no room for a connection on our
// side.
func refused(c cases.Case, r harness.Result) bool {
	t := r.Transcript
	switch {
	case t == nil:
		return r.Outcome == harness.HarnessError
	case r.Outcome != harness.Fail || slices.ContainsFunc(c.Conns, func(conn cases.Conn) bool { return len(conn.Head) > 0 }):
		return false
	}
	return !t.Opened && !t.OpenTimeout && !strings.HasPrefix(t.Response, "HTTP/1.1 101")
}

// playBeside plays a part beside others, unless the server takes one connection at a time or
// the case asks to be alone.
func (s *serverRun) playBeside(ctx context.Context, part []cases.Case) []harness.Result {
	if s.serial.Load() || slices.ContainsFunc(part, func(c cases.Case) bool { return c.Load == cases.Alone }) {
		s.beside.Lock()
		defer s.beside.Unlock()
	} else {
		s.beside.RLock()
		defer s.beside.RUnlock()
	}
	return s.playPart(ctx, part)
}

// play plays c once.
func (s *serverRun) play(ctx context.Context, c cases.Case) harness.Result {
	return s.resultOf(ctx, c, s.playPart(ctx, []cases.Case{c}))
}

// resultOf is the result of a case that was played by itself.
func (s *serverRun) resultOf(ctx context.Context, c cases.Case, results []harness.Result) harness.Result {
	if len(results) > 0 {
		return results[0]
	}
	if ctx.Err() != nil || s.failed() {
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: interrupted}
	}
	return harness.Result{Case: c.ID, Outcome: harness.Blocked}
}

// playPart plays the cases of a part once, as far as the server goes along.
func (s *serverRun) playPart(ctx context.Context, part []cases.Case) (results []harness.Result) {
	how := s.how()
	how.OpenTimeout = s.patience()
	service, stopped := s.options.Service, false
	if service != nil {
		how.Stop = func() {
			stopped = true
			service.Stop()
		}
	}
	err := s.server.Play(ctx, part, how, func(r harness.Result) { results = append(results, r) })
	s.mu.Lock()
	defer s.mu.Unlock()
	waited := slices.ContainsFunc(results, func(r harness.Result) bool { return r.Outcome == harness.Timeout })
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.broken = cmp.Or(s.broken, err)
	case stopped:
		s.crash.active, s.crash.known, s.crash.hung = true, true, time.Now()
	case waited && service == nil:
		if s.hangs++; s.hangs > maxHangs {
			s.broken = &harness.UntestableError{Cause: harness.CauseHang, Err: fmt.Errorf("the server hung in %d cases", s.hangs)}
		}
	}
	return results
}

// playAgain plays c again after a server that answered before has refused r: it may have
// too many connections. If it takes one when there is no other, all that follow are played
// one at a time. If not, it does not like what c offers.
func (s *serverRun) playAgain(ctx context.Context, c cases.Case, r harness.Result) harness.Result {
	offers := ""
	if c.Deflate() != nil {
		offers = c.Deflate().Offers
	}
	s.mu.Lock()
	known := s.refuses[offers]
	s.mu.Unlock()
	if known || !s.report.Echoed {
		return r
	}
	for _, wait := range backoff[:2] {
		if pause(ctx, wait); ctx.Err() != nil {
			return r
		}
		if r = s.resultOf(ctx, c, s.playBeside(ctx, []cases.Case{c})); !refused(c, r) {
			return r
		}
	}
	s.beside.Lock()
	defer s.beside.Unlock()
	for _, wait := range persistence {
		if ctx.Err() != nil {
			return r
		}
		r = s.play(ctx, c)
		if !refused(c, r) {
			s.serial.Store(true)
			return r
		}
		pause(ctx, wait)
	}
	if r.Outcome == harness.HarnessError {
		return r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuses == nil {
		s.refuses = map[string]bool{}
	}
	s.refuses[offers] = true
	return r
}

// pause waits, but not beyond ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
