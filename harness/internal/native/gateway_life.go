package native

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
)

// A gateway that ends or hangs spoils the case under way, which then fails, or even passes,
// for no reason of its own. So after each case it is asked whether the gateway still
// listens, and after one that is no clean pass, and the last, whether it still forwards a
// message. If it does not, that is the result of the case, and the case is played once
// more through a gateway that works, to see whether it is to blame.

// life is the state of a gateway after a case.
type life int

const (
	lives    life = iota
	shaken        // it forwards again, after a pause in which it did not
	wounded       // one of its processes ended, and others go on
	replaced      // it ended, and something else than we started it again
	gone          // nothing listens
	hanging       // it listens, and forwards nothing
)

const (
	// gatewayRestarts is how often a gateway may be started again, gatewaysInRow how often
	// without a verdict in between, and gatewayHangs how often since it hung, which takes
	// long to notice.
	gatewayRestarts, gatewaysInRow, gatewayHangs = 100, 10, 4
	// deathGrace is how long the command of a gateway may take to end after nothing listens
	// any more: a shell waits for what it started.
	deathGrace = 5 * time.Second
	// calmGrace is how long a gateway may take to forward again, since some restart a
	// worker by themselves.
	calmGrace = 3 * time.Second
)

// settle plays a case, and once more if the gateway did not outlive it. It looks closer at
// the last case of a run, as no other follows that would notice. An error ends the run; the
// result, if it has a case, counts even so.
func (r *gatewayRun) settle(ctx context.Context, c cases.Case, last bool) (harness.Result, error) {
	res, state, err := r.playAndLook(ctx, c, last)
	plays := 1
	if err == nil && state == wounded && ctx.Err() == nil {
		ended := r.ended
		res, state, err = r.playAndLook(ctx, c, last)
		plays++
		switch {
		case err != nil || ctx.Err() != nil || state.over():
		case state == wounded:
			res.Attempts, r.inRow = plays, 0
			return wounds(res, ended), nil
		default: // others end for reasons of their own
			res.Note = joinLines(res.Note, fmt.Sprintf("a process of the gateway ended in an earlier play of the case, and none in this one: %s", ended))
		}
	}
	if err == nil && state == shaken && ctx.Err() == nil {
		res, state, err = r.playAndLook(ctx, c, last)
		plays++
	}
	res.Attempts = plays
	if err != nil || !state.over() || ctx.Err() != nil {
		r.inRow = 0
		return res, err
	}
	res, how := r.blamed(res, state)
	if err := r.revive(ctx, state, how); err != nil {
		return res, err
	}
	again, state, err := r.playAndLook(ctx, c, last)
	if err != nil || ctx.Err() != nil {
		return res, err
	}
	res.Attempts = plays + 1
	if state.over() {
		res.Note = "in each of two plays, " + res.Note
		_, how = r.blamed(again, state)
		return res, r.revive(ctx, state, how)
	}
	r.inRow = 0
	res.Note += fmt.Sprintf("\nplayed again through a new gateway: %s, %s", again.Outcome, again.Behavior)
	return res, nil
}

// wounds is the result of a case in each play of which a process of the gateway ended.
func wounds(res harness.Result, ended string) harness.Result {
	return harness.Result{
		Case: res.Case, Transcript: res.Transcript, Without: res.Without, Duration: res.Duration, Attempts: res.Attempts, Outcome: harness.Crash,
		Note: "in each of two plays, a process of the gateway ended while the case was played, and others went on: " + ended,
	}
}

// workers are the processes with which the gateway listens, nil if it is not ours.
func (r *gatewayRun) workers() map[int]string {
	if r.options.Service == nil {
		return nil
	}
	return r.options.Service.Workers()
}

// over reports whether the gateway that played the case is no more.
func (l life) over() bool { return l == replaced || l == gone || l == hanging }

// playAndLook plays a case and finds out whether the gateway has outlived it.
func (r *gatewayRun) playAndLook(ctx context.Context, c cases.Case, closely bool) (harness.Result, life, error) {
	before, workers := agent.Listeners(r.where()), r.workers()
	res, err := r.play(ctx, c)
	if err != nil || ctx.Err() != nil {
		return res, lives, err
	}
	state := r.look(ctx, res, closely)
	if now := agent.Listeners(r.where()); len(before) > 0 && len(now) > 0 && !slices.ContainsFunc(now, func(id string) bool { return slices.Contains(before, id) }) {
		state = replaced
	}
	if state == lives && res.Outcome == harness.Blocked { // it took no connection, and now it does
		state = shaken
	}
	if !state.over() && len(workers) > 1 {
		r.ended = missing(workers, r.workers())
		switch surplus := c.Heavy() && (res.Outcome == harness.Pass || res.Outcome == harness.Observed); {
		case r.ended == "":
		case surplus: // after load a master ends those that it needs no more
		default:
			state = wounded
		}
	}
	return res, state, nil
}

// missing names the processes that are no more.
func missing(before, now map[int]string) string {
	var names []string
	for _, pid := range slices.Sorted(maps.Keys(before)) {
		if _, ok := now[pid]; !ok {
			names = append(names, fmt.Sprintf("%s (process %d)", before[pid], pid))
		}
	}
	return strings.Join(names, ", ")
}

// look finds out whether the gateway has outlived a case.
func (r *gatewayRun) look(ctx context.Context, res harness.Result, closely bool) life {
	switch {
	case !r.listens(ctx):
		return gone
	case clean(res) && !closely:
		return lives
	}
	how := manner{streams: r.streams}
	state := lives
	for begun := time.Now(); ; state = shaken {
		tr, err := r.through(ctx, throughCase, r.target(), how)
		switch {
		case ctx.Err() != nil:
			return lives
		case err == nil && (throughCase.Judge(tr).Behavior == cases.OK || r.silent && asked(tr)):
			return state
		case !r.listens(ctx):
			return gone
		case tr.OpenTimeout || time.Since(begun) > calmGrace:
			return hanging
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// clean reports whether nothing in a result may come from the end of a gateway.
func clean(res harness.Result) bool {
	return res.Outcome == harness.Pass || res.Outcome == harness.Observed && res.Behavior == cases.OK
}

// listens reports whether something listens where the gateway does.
func (r *gatewayRun) listens(ctx context.Context) bool {
	t := r.target()
	if t.Socket == "" && t.URL.Port() != "" {
		return agent.Listening(ctx, t.URL.Host)
	}
	nc, err := t.dialPlain(ctx)
	if err == nil {
		nc.Close()
	}
	return !errors.Is(err, errRefused)
}

// blamed is the result of a case that the gateway did not outlive, and why it is none.
func (r *gatewayRun) blamed(res harness.Result, state life) (harness.Result, error) {
	when := "while the case was played"
	if res.Outcome == harness.Blocked {
		when = "before the case could be played"
	}
	out := harness.Result{Case: res.Case, Transcript: res.Transcript, Without: res.Without, Duration: res.Duration}
	switch state {
	case lives, shaken, wounded:
		return res, nil
	case hanging:
		out.Outcome, out.Note = harness.Timeout, "the gateway hangs: it forwards neither the case nor a plain message behind it"
		return out, errors.New("the gateway forwards nothing any more")
	case replaced:
		out.Outcome, out.Note = harness.Crash, fmt.Sprintf("the gateway ended %s, and was started again by something else", when)
		return out, errors.New("the gateway ended, and was started again by something else")
	case gone:
	}
	how := fmt.Errorf("nothing listens on %s any more", r.where())
	if s := r.options.Service; s != nil {
		if s.EndedWithin(deathGrace) {
			how = s.Ended()
		} else {
			how = fmt.Errorf("%w, though its command runs", how)
		}
	}
	out.Outcome, out.Note = harness.Crash, fmt.Sprintf("the gateway ended %s: %v", when, how)
	return out, how
}

// where is the address of the gateway.
func (r *gatewayRun) where() string {
	t := r.target()
	if t.Socket != "" {
		return t.Socket
	}
	if t.URL.Port() == "" {
		return net.JoinHostPort(t.URL.Hostname(), map[string]string{"ws": "80", "wss": "443"}[t.URL.Scheme])
	}
	return t.URL.Host
}

// revive starts a gateway again that has ended or hangs; one that somebody else runs is
// waited for. The error ends the run.
func (r *gatewayRun) revive(ctx context.Context, state life, how error) error {
	s := r.options.Service
	r.restarts++
	r.inRow++
	cause := harness.CauseCrash
	if state == hanging {
		cause = harness.CauseHang
		r.hangs++
	}
	switch {
	case r.hangs > gatewayHangs, state == hanging && s == nil:
		return &harness.UntestableError{Cause: cause, Err: how}
	case r.inRow > gatewaysInRow:
		return &harness.UntestableError{Cause: cause, Err: fmt.Errorf("the gateway ended %d times in a row: %w", r.inRow, how)}
	case r.restarts > gatewayRestarts:
		return &harness.UntestableError{Cause: cause, Err: fmt.Errorf("the gateway ended %d times: %w", r.restarts, how)}
	}
	if s != nil && state != replaced {
		if err := s.Start(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return &harness.UntestableError{Cause: harness.CauseStart, Err: fmt.Errorf("the gateway ended, and cannot be started again: %w", err)}
		}
	} else if agent.WaitListening(ctx, nil, r.where(), greetPatience) != nil {
		return &harness.UntestableError{Cause: cause, Err: how}
	}
	return r.greet(ctx)
}
