package ws

import (
	"context"
	"errors"
	"os"
	"time"
)

// defaultWriteTimeout is a server's bound for a peer that takes nothing.
const defaultWriteTimeout = 20 * time.Second

// boundedPiece is how much goes to a connection at a time that loses what it wrote
// when a deadline comes, as TLS does.
const boundedPiece = 64 << 10

// writeBounded writes as long as the peer takes something in each writeTimeout. If
// it does not, the connection ends.
func (c *Conn) writeBounded(ctx context.Context, p []byte) error {
	w := &c.wr
	for len(p) > 0 {
		due := time.Now().Add(c.writeTimeout)
		if err := w.guard.bound(ctx, due, c.writeTimeout/4); err != nil {
			return err
		}
		piece := p
		if !w.counts {
			piece = p[:min(len(p), boundedPiece)]
		}
		n, err := c.nc.Write(piece)
		p = p[n:]
		switch {
		case err == nil:
		case ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n == 0 || !w.counts:
			err = &TimeoutError{"write", c.writeTimeout}
			w.err = err // before others look for the reason
			c.end(err)
			return err
		}
	}
	return nil
}

// bound has calls that block end at due, or later by at most slack, which saves
// setting a deadline for each. watch has seen to ctx.
func (g *ctxGuard) bound(ctx context.Context, due time.Time, slack time.Duration) error {
	at := int64(due.Sub(guardStart))
	if d := time.Duration(g.due - at); d >= 0 && d <= slack {
		return nil
	}
	g.due = at + int64(slack)
	if err := g.set(due.Add(slack)); err != nil {
		return err
	}
	if ctx.Err() != nil { // its watcher may have come first
		return g.set(longAgo)
	}
	return nil
}
