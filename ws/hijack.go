package ws

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"
)

// errHijacked: the connection belongs to the caller of Hijack.
var errHijacked = errors.New("connection was hijacked")

// Hijack takes the connection below out of the Conn, to exchange frames that a Conn
// would not send or accept; see package wsproto. early has arrived already and comes
// before what nc reads. The Conn cannot be used any more, and the caller closes nc.
// Hijack fails while another call reads or writes.
func (c *Conn) Hijack() (nc net.Conn, early []byte, err error) {
	for _, s := range []*slot{&c.rd.turn, &c.wr.message, &c.wr.frame} {
		if !s.tryLock() {
			return nil, nil, opError("hijack", errors.New("connection is being read from or written to"))
		}
		defer s.unlock()
	}
	r, w := &c.rd, &c.wr
	if r.err != nil {
		return nil, nil, opError("hijack", r.err)
	}
	if w.err == nil {
		if err := c.flushLocked(context.Background()); err != nil {
			return nil, nil, opError("hijack", err)
		}
	}
	r.guard.release()
	w.guard.release()
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return nil, nil, opError("hijack", err)
	}
	r.err, w.err = errHijacked, errHijacked
	early = slices.Clone(r.buf[r.r:r.w])
	c.releaseInflater(true)
	c.finish(errHijacked)
	c.cl.cut.Store(true) // the connection below is the caller's
	return c.nc, early, nil
}
