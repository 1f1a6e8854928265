package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/ws"
)

// A relay is the endpoint of clients that reach us at a junction, by a way that may have a
// gateway in it.
type relay struct {
	*endpoint
	junction *junction
	// way is where clients connect to. It is asked before each start of one; an error ends
	// the run.
	way func(context.Context) (*url.URL, error)
}

// Serve offers the cases to one start of the driver.
func (r *relay) Serve(ctx context.Context, d runner.Driver, list []cases.Case, on runner.Events) error {
	u, err := r.way(ctx)
	if err != nil {
		return err
	}
	b := r.junction.branch()
	serving := r.serving(d, list, on)
	serving.prefix = b.prefix
	on.Ready(strings.TrimSuffix(u.String(), "/") + b.prefix)
	return serving.Serve(ctx, b)
}

// A clientGateway is a gateway in front of us, with clients before it. Its methods may be
// called from several goroutines.
type clientGateway struct {
	junction *junction
	url      *url.URL
	service  *agent.Service // nil if somebody else runs it

	mu       sync.Mutex             // guards the rest, and service
	first    map[cases.ID]time.Time // when each case began
	latest   map[cases.ID]time.Time // when it began again, if it did
	deaths   []death
	restarts int // of the gateway
	inRow    int // of these, without a verdict in between
	hangs    int
	over     error // why it cannot be tested any further
}

// A death is the time from which on the gateway forwarded nothing, and what that makes of the
// cases that were under way.
type death struct {
	at      time.Time
	outcome harness.Outcome
	note    string
}

// way is where the gateway is. One that has ended or hangs is started again.
func (g *clientGateway) way(ctx context.Context) (*url.URL, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.look(ctx)
	return g.here(), g.over
}

// look finds out whether the gateway forwards, and starts it again if not. It is called with
// mu held.
func (g *clientGateway) look(ctx context.Context) {
	if g.over != nil {
		return
	}
	begun, s := time.Now(), g.service
	if s == nil || s.Ended() == nil {
		if reaches(ctx, g.junction, g.here()) == nil || ctx.Err() != nil {
			return
		}
	}
	if s != nil && s.EndedWithin(endPatience) { // connections end before their process
		g.deaths = append(g.deaths, death{s.EndedAt(), harness.Crash, fmt.Sprintf("the gateway ended while the case was played: %v", s.Ended())})
		g.inRow++
		g.over = g.again(ctx, s.Ended())
		return
	}
	g.deaths = append(g.deaths, death{begun, harness.Timeout, "the gateway hangs: it forwards neither the case nor a plain message behind it"})
	g.hangs++
	how := errors.New("the gateway forwards nothing any more")
	if g.service == nil {
		g.over = &harness.UntestableError{Cause: harness.CauseHang, Err: how}
		return
	}
	g.over = g.again(ctx, how)
}

// again starts the gateway again. The error is why it cannot be tested any further. It is
// called with mu held.
func (g *clientGateway) again(ctx context.Context, how error) error {
	g.restarts++
	cause := harness.CauseCrash
	if g.hangs > 0 {
		cause = harness.CauseHang
	}
	switch {
	case g.hangs > gatewayHangs:
		return &harness.UntestableError{Cause: cause, Err: how}
	case g.inRow > gatewaysInRow:
		return &harness.UntestableError{Cause: cause, Err: fmt.Errorf("the gateway ended %d times in a row: %w", g.inRow, how)}
	case g.restarts > gatewayRestarts:
		return &harness.UntestableError{Cause: cause, Err: fmt.Errorf("the gateway ended %d times: %w", g.restarts, how)}
	}
	if err := g.service.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &harness.UntestableError{Cause: harness.CauseStart, Err: fmt.Errorf("the gateway ended, and cannot be started again: %w", err)}
	}
	return nil
}

// started notes that a case begins.
func (g *clientGateway) started(c cases.Case) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, again := g.first[c.ID]; !again {
		g.first[c.ID] = time.Now()
	}
	g.latest[c.ID] = time.Now()
}

// blamed is the result of a case, in which the client is not to blame for what the gateway
// did.
func (g *clientGateway) blamed(ctx context.Context, r harness.Result) harness.Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	if clean(r) {
		g.inRow, g.hangs = 0, 0
		return r
	}
	g.look(ctx)
	begun, ok := g.latest[r.Case]
	if !ok || ctx.Err() != nil {
		return r
	}
	if !r.Outcome.Ran() { // a client that ends with the gateway is played again, to see whether it is to blame
		begun = g.first[r.Case]
	}
	for _, d := range g.deaths {
		if d.at.After(begun) {
			return harness.Result{Case: r.Case, Transcript: r.Transcript, Duration: r.Duration, Attempts: r.Attempts, Outcome: d.outcome, Note: d.note}
		}
	}
	if r.Outcome == harness.NotRun {
		r.Outcome, r.Note = harness.Timeout, "the client has ended, and the gateway kept its connection to the origin"
	}
	return r
}

// here is where the gateway is now.
func (g *clientGateway) here() *url.URL {
	if g.service != nil {
		return g.service.URL
	}
	return g.url
}

// reaches returns nil if a message comes to the junction and back on this way.
func reaches(ctx context.Context, j *junction, way *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, greetPatience)
	b := j.branch()
	serving := &Endpoint{prefix: b.prefix}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { serving.Serve(ctx, b) }) //nolint:errcheck // it ends with ctx
	c, err := ws.Dial(ctx, strings.TrimSuffix(way.String(), "/")+b.prefix+"/getCaseCount", nil)
	if err != nil {
		return err
	}
	defer c.CloseNow()
	_, _, err = c.Read(ctx)
	return err
}

// greet waits until the gateway forwards. The error says why no case can be played.
func (g *clientGateway) greet(ctx context.Context) error {
	for deadline := time.Now().Add(greetPatience); ; {
		err := reaches(ctx, g.junction, g.here())
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case g.service != nil && g.service.EndedWithin(endPatience):
			return &harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("at a plain message %w", g.service.Ended())}
		case time.Now().After(deadline):
			return &harness.UntestableError{Cause: harness.CauseEcho, Err: fmt.Errorf("the gateway at %s cannot be tested: it forwards no client to the origin: %w", g.here().Host, err)}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond): // some listen before they have read who is behind them
		}
	}
}

// clients are the plays of a client without and with a gateway before us.
func (p Passage) clients(ctx context.Context, o Options) (direct, through passing, end func(), err error) {
	j := newJunction(p.Origin)
	here := &url.URL{Scheme: "ws", Host: p.Origin.Addr().String()}
	g := &clientGateway{junction: j, url: p.Gateway.URL, service: o.Service}
	if err := g.greet(ctx); err != nil {
		j.close()
		return nil, nil, nil, err
	}
	o.Service = nil
	play := func(ctx context.Context, list []cases.Case, o Options, way func(context.Context) (*url.URL, error), each func(harness.Result) harness.Result) (map[cases.ID]harness.Result, error) {
		results := map[cases.ID]harness.Result{}
		e := &endpoint{Streams: NewStreams(o.Originals), faithful: o.Faithful}
		defer e.Close() //nolint:errcheck // temporary files
		o.Service, o.Provisional = nil, nil
		_, err := runner.TestClient(ctx, &relay{e, j, way}, p.Client, list, o.Options, func(r harness.Result) { results[r.Case] = each(r) })
		return results, err
	}
	direct = func(ctx context.Context, list []cases.Case, o Options) (map[cases.ID]harness.Result, error) {
		at := func(context.Context) (*url.URL, error) { return here, nil }
		return play(ctx, list, o, at, func(r harness.Result) harness.Result { return r })
	}
	through = func(ctx context.Context, list []cases.Case, o Options) (map[cases.ID]harness.Result, error) {
		g.mu.Lock()
		g.first, g.latest, g.deaths = map[cases.ID]time.Time{}, map[cases.ID]time.Time{}, nil
		g.mu.Unlock()
		told := o.Started
		o.Started = func(c cases.Case) {
			g.started(c)
			if told != nil {
				told(c)
			}
		}
		results, err := play(ctx, list, o, g.way, func(r harness.Result) harness.Result { return g.blamed(ctx, r) })
		g.mu.Lock()
		defer g.mu.Unlock()
		return results, cmp.Or(g.over, err)
	}
	return direct, through, j.close, nil
}
