package agent

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"time"
)

// A Service is a server under test that we start, and start again when it has
// ended by itself. Its methods are for one goroutine at a time, but for Ended and
// Done.
type Service struct {
	Command []string // {host}, {port} and {url} stand for where it has to listen
	URL     *url.URL // where that is
	// AnyPort gives the server a free port at every start, and puts it into URL.
	AnyPort  bool
	Patience time.Duration // how long it may take to listen
	// Origin is where a gateway forwards to: {origin} in its command. It is empty for a
	// server.
	Origin string
	Log    io.Writer // gets what it prints; nil discards it
	// MostMemory is how many bytes of memory it may take beyond those that it has when it
	// listens, with what it starts, where the system tells. Then it is ended, and
	// [Service.Ended] says why. 0 is no bound.
	MostMemory int64
	// Launch, if set, starts the server in place of Command, and returns when it listens,
	// and where. Of the other fields, only MostMemory means anything then.
	Launch func(context.Context) (*Process, *url.URL, error)

	process *Process
}

// Start starts the server and waits until it listens, without connecting where
// that can be avoided. What is left of an earlier start is ended first.
func (s *Service) Start(ctx context.Context) error {
	s.Stop()
	err := s.start(ctx)
	if err == nil && s.MostMemory > 0 {
		s.process.bound(s.MostMemory)
	}
	return err
}

func (s *Service) start(ctx context.Context) error {
	if s.Launch != nil {
		var err error
		s.process, s.URL, err = s.Launch(ctx)
		return err
	}
	if !s.AnyPort {
		return s.startHere(ctx)
	}
	var err error
	for range startTries {
		var port int
		if port, err = FreePort(); err != nil {
			return err
		}
		u := *s.URL
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
		s.URL = &u
		if err = s.startHere(ctx); err == nil || ctx.Err() != nil || !Listening(ctx, s.URL.Host) {
			break
		}
		s.Stop() // somebody else took the port meanwhile
	}
	return err
}

// startTries is how many ports are tried for a server.
const startTries = 3

// startHere starts the server where its URL says.
func (s *Service) startHere(ctx context.Context) error {
	if Listening(ctx, s.URL.Host) {
		return fmt.Errorf("%w: something else listens on %s already", ErrNotStarted, s.URL.Host)
	}
	vars := map[string]string{"host": s.URL.Hostname(), "port": s.URL.Port(), "url": s.URL.String()}
	if s.Origin != "" {
		vars["listen"], vars["origin"] = s.URL.Host, s.Origin
		vars["origin_host"], vars["origin_port"], _ = net.SplitHostPort(s.Origin)
	}
	var err error
	if s.process, err = Start(s.Command, vars, s.Log); err != nil {
		return err
	}
	return WaitListening(ctx, s.process, s.URL.Host, s.Patience)
}

// Stop ends the server and all that it has started.
func (s *Service) Stop() {
	if s.process != nil {
		s.process.Stop()
	}
}

// Forced reports whether the server had to be ended by force; see
// [Process.Forced].
func (s *Service) Forced() bool { return s.process.Forced() }

// Ended says how the server exited on its own, as an [*ExitError]. Nil
// means that it runs.
func (s *Service) Ended() error { return s.process.Ended() }

// EndedWithin waits until the server has ended, but no longer than d. It reports
// whether it has.
func (s *Service) EndedWithin(d time.Duration) bool { return s.process.EndedWithin(d) }

// EndedAt is when the server ended; see [Service.Ended].
func (s *Service) EndedAt() time.Time { return s.process.EndedAt() }
