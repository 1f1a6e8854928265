package autobahn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/docker"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	// windDown is how long Autobahn may take to write its reports once the server was
	// stopped. Its next connection is refused, which ends the part.
	windDown = 10 * time.Second
	// startTime is how long an Autobahn process may take until its first case, on a busy
	// machine.
	startTime = time.Minute

	noReport = "Autobahn left no report of this case"
	haltNote = "Autobahn hung in this case: its timers do not cover an agent that keeps the connection open"
)

// A server is one under test, as the runner sees it.
type server struct {
	*run
	url *url.URL
}

func (s *server) String() string { return s.url.String() }

// Move says where the server is.
func (s *server) Move(u *url.URL) { s.url = u }

// Parts are the sections.
func (s *server) Parts(list []cases.Case) [][]cases.Case { return split(list, serverPart) }

// Concurrent is true; but Autobahn plays one case at a time.
func (s *server) Concurrent(context.Context) bool { return true }

// Diagnose finds nothing out: Autobahn's cases say what is wrong with a server.
func (s *server) Diagnose(context.Context) (*runner.Diagnosis, error) { return nil, nil }

// Echo asks for a plain echo.
func (s *server) Echo(ctx context.Context) (echoes bool, t transcript.Transcript, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	c, err := ws.Dial(ctx, s.url.String(), &ws.DialOptions{
		Proxy: http.ProxyURL(nil), TLS: &tls.Config{InsecureSkipVerify: true}, Options: ws.Options{ReadLimit: 1 << 10}, //nolint:gosec // as Autobahn does
	})
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false, t, err
	}
	if err != nil {
		return false, transcript.Transcript{OpenTimeout: ctx.Err() != nil}, nil
	}
	defer c.CloseNow()
	const text = "wsconform"
	if err := c.Write(ctx, ws.MessageText, []byte(text)); err == nil {
		_, answer, err := c.Read(ctx)
		echoes = err == nil && string(answer) == text
	}
	_ = c.Close(wsproto.StatusNormalClosure, "") // however it answers that
	return echoes, transcript.Transcript{Opened: true}, nil
}

// Play has Autobahn play the cases of a part.
func (s *server) Play(ctx context.Context, list []cases.Case, how runner.How, emit func(harness.Result)) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	b, err := s.open(ctx, "fuzzingclient", clientSpec{
		OutDir: reportDir, Servers: []serverTarget{{Agent: s.name, URL: s.target()}}, specCases: selected(list),
	}, nil)
	if err != nil {
		return err
	}
	defer b.close(ctx, &err)
	p := &part{server: s, list: list, how: how, out: b}
	exited := p.follow(ctx)
	if !exited {
		p.lose(emit)
		return nil
	}
	return p.collect(ctx, emit)
}

// target is the URL of the agent as the container sees it.
func (s *server) target() string {
	u := *s.url
	if ip := net.ParseIP(u.Hostname()); s.Network == "bridge" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		u.Host = net.JoinHostPort("host.docker.internal", u.Port())
	}
	return u.String()
}

// A part is the list of cases that one Autobahn process plays.
type part struct {
	*server
	list    []cases.Case
	how     runner.How
	out     *box
	last    cases.ID // announced
	cut     ending
	refused bool // the agent refused a connection, which ends the part
}

// An ending says what cut a part short. The case under way then has a report, but it
// does not show what the agent does in that case.
type ending uint8

const (
	inOrder     ending = iota
	halted             // no more progress
	interrupted        // by the context
)

// follow returns when the container has exited, or will not.
func (p *part) follow(ctx context.Context) (exited bool) {
	watch := time.NewTimer(p.bound(p.list[0]) + startTime)
	defer watch.Stop()
	stop := ctx.Done()
	for {
		why := halted
		select {
		case l, open := <-p.out.lines:
			if !open {
				return true
			}
			if c, ok := p.heed(l); ok && p.cut == inOrder {
				watch.Reset(p.bound(c))
			}
			continue
		case <-stop:
			why, stop = interrupted, nil
		case <-watch.C:
		}
		if p.cut != inOrder || p.how.Stop == nil {
			p.cut = max(p.cut, why)
			return false
		}
		p.cut = why
		p.how.Stop() // Autobahn's next connection is refused, and it writes its reports
		watch.Reset(windDown)
	}
}

// heed handles a line of output. It returns the case that it says begins.
func (p *part) heed(l line) (cases.Case, bool) {
	switch l.kind { //nolint:exhaustive // the others say nothing of a server under test
	case caseBegins:
		p.last = l.id
		i := slices.IndexFunc(p.list, func(c cases.Case) bool { return c.ID == l.id })
		if i < 0 {
			return cases.Case{}, false
		}
		if p.how.Started != nil {
			p.how.Started(p.list[i])
		}
		return p.list[i], true
	case unreachable:
		p.refused = true
		p.out.keep(l.text)
	case otherLine:
		p.out.keep(l.text)
	}
	return cases.Case{}, false
}

// lose ends a part that writes no reports.
func (p *part) lose(emit func(harness.Result)) {
	if p.cut == halted {
		emit(p.timeout())
	}
}

// timeout is the result of the case that the part hangs in.
func (p *part) timeout() harness.Result {
	id := p.last
	if id == "" { // no handshake was completed
		id = p.list[0].ID
	}
	return harness.Result{Case: id, Outcome: harness.Timeout, Note: haltNote}
}

// collect hands on what Autobahn has reported.
func (p *part) collect(ctx context.Context, emit func(harness.Result)) error {
	status, err := p.out.exit(ctx)
	if err != nil {
		return err
	}
	parcel, err := p.run.collect(ctx, p.out.Container, nil)
	defer p.keep(parcel)
	if errors.Is(err, docker.ErrNoEngine) {
		return err
	}
	got := map[cases.ID]bool{}
	for _, r := range parcel.results {
		if p.cut != inOrder && (r.Case == p.last || p.last == "") {
			break // it and those after it ended with the server
		}
		got[r.Case] = true
		emit(r)
	}
	switch {
	case p.cut == halted:
		emit(p.timeout())
	case p.cut == interrupted, p.refused:
	default:
		p.without(got, status, err, emit)
	}
	return nil
}

// without gives the cases a result that Autobahn left no report of, though nothing kept it
// from that.
func (p *part) without(got map[cases.ID]bool, status int, err error, emit func(harness.Result)) {
	if status != 0 {
		err = errors.Join(fmt.Errorf("Autobahn ended with status %d", status), err)
	}
	outcome, note := harness.NotRun, noReport
	if err != nil {
		outcome, note = harness.HarnessError, err.Error()+p.out.said()
	}
	for _, c := range p.list {
		if !got[c.ID] {
			emit(harness.Result{Case: c.ID, Outcome: outcome, Note: note})
		}
	}
}
