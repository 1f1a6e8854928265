package ws

import (
	"context"
	"errors"
	"net"
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
func (c *Conn) writeBounded(ctx context.Context, p, more []byte) error {
	w := &c.wr
	v := newVector(p, more)
	defer v.free()
	for len(v.bufs) > 0 {
		due := time.Now().Add(c.writeTimeout)
		if err := w.guard.bound(ctx, due, c.writeTimeout/4); err != nil {
			return err
		}
		n, err := writeSome(c.nc, &v.bufs, w.tcp)
		switch {
		case err == nil:
		case ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case n == 0 || !w.tcp:
			err = &TimeoutError{"write", c.writeTimeout}
			w.err = err // before others look for the reason
			c.end(err)
			return err
		}
	}
	return nil
}

// writeSome writes all there is to a socket, which knows how far it came when a
// deadline ends it, and a piece to anything else.
func writeSome(nc net.Conn, bufs *net.Buffers, socket bool) (int64, error) {
	if socket {
		if len(*bufs) > 1 {
			return bufs.WriteTo(nc)
		}
		n, err := nc.Write((*bufs)[0])
		if (*bufs)[0] = (*bufs)[0][n:]; err == nil {
			*bufs = nil
		}
		return int64(n), err
	}
	b := &(*bufs)[0]
	n, err := nc.Write((*b)[:min(len(*b), boundedPiece)])
	if *b = (*b)[n:]; len(*b) == 0 {
		*bufs = (*bufs)[1:]
	}
	return int64(n), err
}

// bound has calls that block end at due, or later by at most slack, which saves
// setting a deadline for each. watch has seen to ctx.
func (g *ctxGuard) bound(ctx context.Context, due time.Time, slack time.Duration) error {
	if d := g.due.Sub(due); d >= 0 && d <= slack {
		return nil
	}
	g.due = due.Add(slack)
	if err := g.set(g.due); err != nil {
		return err
	}
	if ctx.Err() != nil { // its watcher may have come first
		return g.set(longAgo)
	}
	return nil
}
