package native

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A server may turn connections away without an answer, whatever is asked of it: it is short
// of room, or something in front of it drops some. That says nothing of the case. But a
// request that a case has edited may earn the same treatment for what it is. So a connection
// that was turned away is opened again, and the end of one with an edited request counts if the
// server does it settled times and has let enoughTaken standard ones in, or if it does it
// reopenings times.

const (
	// reopenings is how often a connection is opened again at most: a server that turns
	// half of them away at random does that once in 100,000 times.
	reopenings = 16
	// settled ends of an edited request count if enoughTaken standard connections were let in,
	// and none was turned away: a server that turns one in ten away at random does that once
	// in 10,000 times.
	settled, enoughTaken = 3, 24
	// firstReopening is the wait before the first of them; each is twice as long as the one
	// before, up to lastReopening.
	firstReopening, lastReopening = 10 * time.Millisecond, 80 * time.Millisecond
)

// An acceptance is what a run knows of how a server takes connections.
type acceptance struct {
	turnsAway atomic.Bool  // also connections with a standard request, at least one
	taken     atomic.Int64 // connections with a standard request that were let in
}

// fickle reports whether the server was seen to turn a standard connection away.
func (t *Target) fickle() bool { return t.accepts != nil && t.accepts.turnsAway.Load() }

// heed notes whether a connection was let in or turned away, if it was a standard one.
func (t *Target) heed(it cases.Conn, letIn bool) {
	switch {
	case t.accepts == nil || len(it.Head) > 0 || it.Deflate != nil || it.TLS != nil:
	case letIn:
		t.accepts.taken.Add(1)
	default:
		t.accepts.turnsAway.Store(true)
	}
}

// turnedAway reports whether the server ended a connection without any answer, and before we
// had ended ours. It is asked right after that.
func turnedAway(t transcript.Transcript) bool {
	return t.Response == "" && !t.OpenTimeout && time.Since(t.Started) < finAfter
}

// openSettled opens connection n of a case, as often as it takes to know what the server does
// at it. The note is for a result that chance had a part in. The runner, not this, plays a case
// of a single standard connection again.
func (t *Target) openSettled(ctx context.Context, c cases.Case, n int) (nc conn, failed transcript.Transcript, note string, err error) {
	it := c.Conns[n]
	edited := len(it.Head) > 0 || it.TLS != nil
	nc, failed, err = t.open(ctx, c, n)
	if len(c.Conns) == 1 && !edited || it.TLS != nil && !t.fickle() {
		return nc, failed, "", err
	}
	wait := firstReopening
	for i := 1; i <= reopenings && err == nil && nc.Conn == nil && turnedAway(failed); i++ {
		if edited && i == settled && t.welcomes(ctx) {
			break
		}
		if !sleep(ctx, wait) {
			return nc, failed, note, ctx.Err()
		}
		wait = min(2*wait, lastReopening)
		again, last, lastErr := t.open(ctx, c, n)
		if errors.Is(lastErr, errRefused) { // it has gone meanwhile
			break
		}
		nc, failed, err = again, last, lastErr
		if t.fickle() {
			note = fmt.Sprintf("the server turns connections away at times, also standard ones; this one was opened %d times", i+1)
		}
	}
	return nc, failed, note, err
}

// welcomes reports whether the server has let in standard connections only, and enough of
// them. It opens those that are missing.
func (t *Target) welcomes(ctx context.Context) bool {
	left := int64(enoughTaken)
	if t.accepts != nil {
		left -= t.accepts.taken.Load()
	}
	for ; left > 0 && !t.fickle(); left-- {
		nc, _, err := t.open(ctx, echoCase, 0)
		if err != nil || nc.Conn == nil {
			return false
		}
		nc.Close()
	}
	return !t.fickle()
}
