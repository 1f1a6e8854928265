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
// it does not, the connection ends. A call that reads and has something to write
// does so no longer than its own bound allows.
func (c *Conn) writeBounded(ctx context.Context, p []byte) error {
	w := &c.wr
	for len(p) > 0 {
		byRead, err := c.boundWrite(ctx)
		if err != nil {
			return err
		}
		piece := p
		if !w.counts && w.guard.due != 0 {
			piece = p[:min(len(p), boundedPiece)]
		}
		n, err := c.nc.Write(piece)
		p = p[n:]
		switch {
		case err == nil:
		case ctx.Err() != nil || w.guard.due == 0 || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case byRead:
			return &timeoutError{"read", c.readTimeout}
		case n == 0 || !w.counts:
			return &timeoutError{"write", c.writeTimeout}
		}
	}
	return nil
}

// boundWrite has the connection below end the next write in time, or later by a
// quarter: that saves setting a deadline for each. byRead: it is the bound of the
// call that reads.
func (c *Conn) boundWrite(ctx context.Context) (byRead bool, err error) {
	w := &c.wr
	due, slack := time.Duration(0), c.writeTimeout/4
	if c.writeTimeout > 0 {
		due = sinceStart() + c.writeTimeout
	}
	if w.byReader && c.rd.due != 0 && (due == 0 || c.rd.due < due) {
		due, slack, byRead = c.rd.due, c.readTimeout/4, true
	}
	return byRead, w.guard.bound(ctx, due, due+slack)
}

// bound has calls that block end between from and to, where it sets a deadline if
// there is none. Zero for both means no bound. watch has seen to ctx.
func (g *ctxGuard) bound(ctx context.Context, from, to time.Duration) error {
	if from <= g.due && g.due <= to {
		return nil
	}
	g.due = to
	var deadline time.Time
	if to != 0 {
		now := time.Now()
		deadline = now.Add(to - now.Sub(guardStart))
	}
	if err := g.set(deadline); err != nil {
		return err
	}
	if ctx.Err() != nil { // its watcher may have come first
		return g.set(longAgo)
	}
	return nil
}
