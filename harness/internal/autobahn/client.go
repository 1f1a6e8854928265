package autobahn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/ws"
)

// portAttempts is how often a free port is chosen: it may be taken before it is used.
const portAttempts = 3

// errInUse means that another program listens at the chosen port.
var errInUse = errors.New("address in use")

// An endpoint serves cases to clients under test.
type endpoint struct {
	*run
}

// Parts are groups of sections: each needs a new start of the driver.
func (e *endpoint) Parts(list []cases.Case) [][]cases.Case { return split(list, clientPart) }

// Late is true: Autobahn tells results only in its reports.
func (e *endpoint) Late() bool { return true }

// Serve has Autobahn serve the cases.
func (e *endpoint) Serve(ctx context.Context, d runner.Driver, list []cases.Case, on runner.Events) (err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for range portAttempts {
		if err = e.serve(ctx, d, list, on); !errors.Is(err, errInUse) {
			break
		}
	}
	return err
}

func (e *endpoint) serve(ctx context.Context, d runner.Driver, list []cases.Case, on runner.Events) (err error) {
	port := d.Port
	if port == 0 {
		if port, err = agent.FreePort(); err != nil {
			return err
		}
	}
	s := &serving{endpoint: e, list: list, on: on, base: "ws://" + net.JoinHostPort(cmp.Or(d.Host, "127.0.0.1"), strconv.Itoa(port))}
	// The port is the same inside and outside: Autobahn refuses requests with another
	// port in Host.
	publish := []docker.Port{{Container: uint16(port), Host: uint16(port)}}
	s.out, err = e.open(ctx, "fuzzingserver", serverSpec{URL: s.base, OutDir: reportDir, specCases: selected(list)}, publish)
	if err != nil {
		return err
	}
	defer s.out.close(ctx, &err)
	if err := s.ready(ctx); err != nil {
		return err
	}
	on.Ready(s.base)
	for {
		select {
		case l, open := <-s.out.lines:
			if !open {
				return s.early(ctx)
			}
			s.heed(l)
		case <-ctx.Done():
			return s.finish(ctx)
		}
	}
}

// A serving is one container that serves the cases of a list.
type serving struct {
	*endpoint
	list  []cases.Case
	on    runner.Events
	base  string // URL of the container
	out   *box
	begun []cases.ID
}

// ready waits until Autobahn listens. Another program may have taken the port meanwhile, even
// a second Autobahn, so the container itself has to say that we knocked: it does for a
// resource that is none, which leaves no trace in the reports. That works with every kind of
// network.
func (s *serving) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, cmp.Or(s.Patience, defaultPatience), errors.New("Autobahn did not start in time"))
	defer cancel()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case l, open := <-s.out.lines:
			if !open {
				err := s.early(ctx)
				if strings.Contains(s.out.said(), "Address already in use") {
					err = fmt.Errorf("%w: %w", errInUse, err)
				}
				return err
			}
			if l.kind == knocked {
				return s.complete(ctx)
			}
			s.out.keep(l.text)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-poll.C:
			if s.knock(ctx) {
				poll.Reset(time.Second)
			}
		}
	}
}

// knockBound is how long the listener may take to answer before we look what the container
// says.
const knockBound = 5 * time.Second

// knock connects, and reports whether anybody answered.
func (s *serving) knock(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, knockBound)
	defer cancel()
	c, err := s.dial(ctx, "/")
	if err != nil {
		return false
	}
	c.CloseNow()
	return true
}

// complete checks that Autobahn knows all the selected cases.
func (s *serving) complete(ctx context.Context) error {
	answer, err := s.ask(ctx, "/getCaseCount")
	if err != nil {
		return fmt.Errorf("ask Autobahn for its cases: %w", err)
	}
	if want := strconv.Itoa(len(s.list)); answer != want {
		return fmt.Errorf("Autobahn has %.20q of the %s cases selected", answer, want)
	}
	return nil
}

// early is the error of a container that should not have exited.
func (s *serving) early(ctx context.Context) error {
	status, err := s.out.exit(ctx)
	if err != nil {
		return err
	}
	return fmt.Errorf("the container ended with status %d%s", status, s.out.said())
}

// ask opens a resource and returns the message that it sends, if any, once the
// connection is closed.
func (s *serving) ask(ctx context.Context, resource string) (string, error) {
	c, err := s.dial(ctx, resource)
	if err != nil {
		return "", err
	}
	defer c.CloseNow()
	var answer string
	for {
		_, msg, err := c.Read(ctx)
		var closed *ws.CloseError
		switch {
		case errors.As(err, &closed):
			return answer, nil
		case err != nil:
			return answer, err
		}
		answer = string(msg)
	}
}

// dial opens a resource. Autobahn does not answer while it writes reports; ctx bounds the wait.
func (s *serving) dial(ctx context.Context, resource string) (*ws.Conn, error) {
	return ws.Dial(ctx, s.base+resource, &ws.DialOptions{Proxy: http.ProxyURL(nil), Options: ws.Options{ReadLimit: 1 << 10, HandshakeTimeout: reportTime}})
}

// heed handles a line of Autobahn's output.
func (s *serving) heed(l line) {
	i := slices.IndexFunc(s.list, func(c cases.Case) bool { return c.ID == l.id })
	if l.kind != caseBegins || i < 0 {
		s.out.keep(l.text)
		return
	}
	s.begun = append(s.begun, l.id)
	s.on.Started(l.agent, s.list[i])
}

// lineDelay is how long a line of the container may take to reach us.
const lineDelay = 300 * time.Millisecond

// catchUp handles the lines that are still on their way.
func (s *serving) catchUp() {
	quiet := time.NewTimer(lineDelay)
	defer quiet.Stop()
	for len(s.begun) < len(s.list) {
		select {
		case l, open := <-s.out.lines:
			if !open {
				return
			}
			s.heed(l)
		case <-quiet.C:
			return
		}
	}
}

// finish makes Autobahn write its reports, and hands on the results.
func (s *serving) finish(ctx context.Context) error {
	s.catchUp()
	parcel, err := s.fetch(ctx)
	defer s.keep(parcel)
	got := map[cases.ID]bool{}
	for _, r := range parcel.results {
		got[r.Case] = true
		s.on.Result(parcel.agent, r)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, docker.ErrNoEngine):
		return err
	case len(s.begun) == 0 && (errors.Is(err, ErrNoReport) || errors.Is(err, docker.ErrNotFound)):
		return nil // the driver asked for no case
	}
	for _, id := range s.begun {
		if !got[id] {
			s.on.Result(parcel.agent, harness.Result{Case: id, Outcome: harness.HarnessError, Note: err.Error()})
		}
	}
	return nil
}

// fetch asks for the reports until they exist. The last case ends with its connection,
// which Autobahn may notice after our request.
func (s *serving) fetch(ctx context.Context) (got parcel, err error) {
	patience := cleanupTime // the user is waiting
	if errors.Is(context.Cause(ctx), runner.ErrEnded) {
		patience = reportTime
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	retry := time.NewTicker(300 * time.Millisecond)
	defer retry.Stop()
	for range 5 {
		// The answer comes when the files are written.
		if _, err = s.ask(ctx, "/updateReports?agent=wsconform"); err == nil {
			os.RemoveAll(got.dir)
			got, err = s.collect(ctx, s.out.Container, s.choose)
		}
		if err == nil && !slices.ContainsFunc(s.begun, func(id cases.ID) bool {
			return !slices.ContainsFunc(got.results, func(r harness.Result) bool { return r.Case == id })
		}) {
			return got, nil
		}
		if s.out.ended() {
			return got, s.early(ctx)
		}
		select {
		case <-ctx.Done():
			return got, errors.Join(err, context.Cause(ctx))
		case <-retry.C:
		}
	}
	return got, err
}

// choose picks the agent's name in the reports: the only one there is, otherwise the
// name that we gave it.
func (s *serving) choose(names []string) (string, error) {
	switch {
	case len(names) == 1:
		return names[0], nil
	case slices.Contains(names, s.name):
		return s.name, nil
	case len(names) == 0:
		return "", ErrNoReport
	}
	return "", fmt.Errorf("the agent used %d names; select one of them: %.200q", len(names), names)
}
