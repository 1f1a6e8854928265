package native

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A Gateway is something between our client and our origin.
type Gateway struct {
	Target              // how our client reaches it
	Origin net.Listener // where it reaches our origin; [TestGateway] closes it
}

// originGrace is how long our origin may take to see the end of a connection after our
// client is done with it.
const originGrace = 3 * time.Second

// TestGateway plays the cases through a gateway, each after it was played without it, one
// at a time. With HTTP2 our client speaks that to the gateway, and our origin HTTP/1.1: cases
// that make no sense so are unsupported. Each result lists what the gateway changed. An error means that nothing was
// tested, that the gateway ended or hung too often (an [*harness.UntestableError]), or that
// ctx ended.
func TestGateway(ctx context.Context, g Gateway, list []cases.Case, o Options, emit func(harness.Result)) error {
	origin := newOrigin(g.Origin, o)
	defer origin.close()
	run := &gatewayRun{gateway: g, origin: origin, options: o, streams: origin.streams}
	if err := run.greet(ctx); err != nil {
		return err
	}
	if g.HTTP2 {
		list = slices.DeleteFunc(slices.Clone(list), func(c cases.Case) bool {
			why := c.OverStream()
			if why != "" {
				emit(harness.Result{
					Case: c.ID, Outcome: harness.Unsupported, Note: why, Unplayed: true,
					Verdict: cases.Verdict{Behavior: cases.Unimplemented, Reason: why},
				})
			}
			return why != ""
		})
	}
	for i, c := range list {
		if o.Started != nil {
			o.Started(c)
		}
		r, err := run.settle(ctx, c, i+1 == len(list))
		if r.Case != "" {
			emit(r)
		}
		if err = cmp.Or(err, ctx.Err()); err != nil {
			return err
		}
	}
	return nil
}

// A gatewayRun is a run through one gateway.
type gatewayRun struct {
	gateway Gateway
	origin  *origin
	options Options
	streams *Streams
	// silent is set if the gateway forwards no message even before the first case, so that
	// this says nothing later.
	silent   bool
	ended    string // the processes of the gateway that ended in the last play, if any
	restarts int    // of the gateway, by us or by somebody else
	inRow    int    // of these, without a verdict in between
	hangs    int    // of these, since it hung
}

// greet sends a message through the gateway and back. The error says why no case can be
// played.
func (r *gatewayRun) greet(ctx context.Context) error {
	deadline := time.Now().Add(greetPatience)
	for {
		tr, err := r.through(ctx, throughCase, r.target(), manner{streams: r.streams})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, errRefused):
			err = fmt.Errorf("no gateway at %s: %w", r.gateway.String(), err)
		case err != nil:
			return err
		case throughCase.Judge(tr).Behavior == cases.OK:
			r.silent = false
			return nil
		case asked(tr) && time.Now().After(deadline.Add(-greetPatience/2)):
			r.silent = true
			return nil
		default:
			err = fmt.Errorf("the gateway at %s cannot be tested: %s", r.gateway.String(), noWay(tr))
		}
		if s := r.options.Service; s != nil && s.EndedWithin(endPatience) {
			return &harness.UntestableError{Cause: harness.CauseCrash, Err: fmt.Errorf("at a plain message %w", s.Ended())}
		}
		if time.Now().After(deadline) || tr.OpenTimeout {
			return &harness.UntestableError{Cause: harness.CauseEcho, Err: err}
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond): // some listen before they have read who is behind them
		}
	}
}

const (
	greetPatience = 5 * time.Second
	endPatience   = 200 * time.Millisecond
)

// noWay says why a message did not come through.
func noWay(tr transcript.Transcript) string {
	answer := "it does not answer"
	if line, _, _ := strings.Cut(tr.Response, "\r\n"); line != "" {
		answer = fmt.Sprintf("it answers %q", line)
	}
	return fmt.Sprintf("it forwards no request to the origin; %s", answer)
}

// asked reports whether a request came to the origin, so that the cases can say what is
// wrong.
func asked(tr transcript.Transcript) bool {
	conns := tr.Conns()
	return len(conns) > 1 && conns[1].Request != ""
}

// throughCase is the sanity check: a message each way, and a clean close.
var throughCase = cases.Case{
	ID: "through", Title: "a message each way", Expect: "both, and a clean close", Roles: []cases.Role{cases.Gateway},
	Conns: []cases.Conn{
		{Steps: []cases.Step{cases.Probe{Text: "wsconform"}}},
		{Origin: true, Steps: []cases.Step{
			cases.Await{For: 5 * time.Second, Until: []transcript.EventKind{transcript.GotMessage}}, cases.Text("wsconform"), cases.Await{For: 5 * time.Second},
		}},
	},
	Want: cases.Clauses{{Grade: cases.OK, Checks: cases.Every{cases.Echoed{Text: "wsconform"}}}},
}

// target is the gateway, where it is now.
func (r *gatewayRun) target() Target {
	t := r.gateway.Target
	if s := r.options.Service; s != nil {
		t.URL = s.URL
	}
	return t
}

// play plays a case without the gateway, then through it. An error means that it could not
// be played without.
func (r *gatewayRun) play(ctx context.Context, c cases.Case) (harness.Result, error) {
	how := manner{faithful: r.options.Faithful, streams: r.streams}
	direct, err := r.through(ctx, c, r.origin.target(), how)
	if err != nil {
		return harness.Result{}, fmt.Errorf("case %s without the gateway: %w", c.ID, err)
	}
	via, err := r.through(ctx, c, r.target(), how)
	switch {
	case ctx.Err() != nil:
		return harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "the run was interrupted"}, nil //nolint:nilerr // it is in the result
	case errors.Is(err, errRefused):
		return harness.Result{Case: c.ID, Outcome: harness.Blocked, Note: netReason(err)}, nil
	case err != nil:
		return harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error()}, nil //nolint:nilerr // it is in the result
	}
	res := judged(c, via)
	res.Without = c.Judge(direct).Behavior
	res.Changes = c.Changes(direct, via)
	res.Note = joinLines(changedWords(res.Changes), crowdWords(via), memoryWords(res, via))
	return lossFails(res, via.Opened), nil
}

// lossFails has a case fail that passes though the gateway lost what an end sent: what came
// late, in answer to the end of TCP, did not come.
func lossFails(res harness.Result, opened bool) harness.Result {
	lost := func(c transcript.Change) bool { return c.Kind == transcript.ChangeLost && !c.Legal }
	if res.Outcome == harness.Pass && opened && slices.ContainsFunc(res.Changes, lost) {
		res.Outcome, res.Behavior = harness.Fail, cases.Failed
		res.Reason = "the gateway did not pass on what an end sent"
	}
	return res
}

// joinLines leaves out what is empty.
func joinLines(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), "\n")
}

// memoryWords says how much memory the gateway took in a case that fails, if any was seen.
func memoryWords(res harness.Result, tr transcript.Transcript) string {
	for _, t := range tr.Conns() {
		if res.Outcome == harness.Fail && t.Grown > 0 {
			return fmt.Sprintf("the gateway took %d MiB more memory while the case was played", t.Grown>>20)
		}
	}
	return ""
}

// crowdWords says how many of many connections worked, unless all did.
func crowdWords(tr transcript.Transcript) string {
	for _, t := range tr.Conns() {
		c := t.Crowd
		switch {
		case c == nil:
		case c.Sound < c.Tried:
			return joinLines(c.Bounded, fmt.Sprintf("%d of %d connections opened at once, %d were refused, %d worked to the end: %s", c.Opened, c.Tried, c.Refused, c.Sound, c.Trouble))
		default:
			return c.Bounded
		}
	}
	return ""
}

// changedWords says in a line what the gateway did: what it may not do first.
func changedWords(list []transcript.Change) string {
	const most = 8
	var wrong, legal []string
	for _, c := range list {
		if c.Legal {
			legal = append(legal, c.String())
		} else {
			wrong = append(wrong, c.String())
		}
	}
	words := slices.Concat(wrong, legal)
	if len(words) == 0 {
		return ""
	}
	if len(words) > most {
		words = append(words[:most:most], fmt.Sprintf("and %d more", len(words)-most))
	}
	return "the gateway: " + strings.Join(words, "; ")
}

// through plays the connections of a case with our origin behind the target: each of our
// client with the one at the origin that follows it.
func (r *gatewayRun) through(ctx context.Context, c cases.Case, t Target, how manner) (transcript.Transcript, error) {
	t.readsBody = true
	t.beside = playPath(t.URL, 0)
	t.URL = r.origin.path(t.URL)
	if len(t.Subprotocols) == 0 {
		t.Subprotocols = offered
	}
	list := make([]transcript.Transcript, len(c.Conns))
	for n := 0; n < len(c.Conns); n++ {
		behind := n+1 < len(c.Conns) && c.Conns[n+1].Origin
		var beside *crowd
		if size := c.Conns[n].Crowd; size > 0 {
			beside = gather(ctx, t, size)
		}
		weighed := r.weigh(c)
		var wait func(opened bool) transcript.Transcript
		if behind {
			wait = r.origin.expect(ctx, c, n+1, how)
		}
		tr, err := t.half(ctx, c, n, how)
		list[n] = tr
		first := n
		if behind {
			n++
			list[n] = wait(tr.Opened)
		}
		list[first].Grown = weighed()
		if beside != nil {
			list[first].Crowd = beside.leave(ctx)
		}
		if err != nil {
			return joined(list), err
		}
	}
	return joined(list), ctx.Err()
}

// weigh watches the memory of the gateway, where the case is about load and the gateway is
// ours to look at. It returns what ends that, and says by how many bytes it grew.
func (r *gatewayRun) weigh(c cases.Case) (grown func() int64) {
	s := r.options.Service
	if s == nil || !c.Heavy() {
		return func() int64 { return 0 }
	}
	before := s.Memory()
	most := before
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(weighEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				most = max(most, s.Memory())
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-done
		if before == 0 {
			return 0
		}
		return most - before
	}
}

const weighEvery = 25 * time.Millisecond

// offered are the subprotocols that a case may let our origin choose.
var offered = []string{"chat", "superchat"}

// half plays connection n of our client.
func (t *Target) half(ctx context.Context, c cases.Case, n int, how manner) (transcript.Transcript, error) {
	nc, failed, err := t.open(ctx, c, n)
	if err != nil || nc.Conn == nil {
		if nc.Conn != nil {
			nc.Close()
		}
		return failed, err
	}
	return play(ctx, nc, c, n, cases.Server, how)
}
