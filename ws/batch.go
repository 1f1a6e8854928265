package ws

import (
	"context"
	"encoding/binary"

	"github.com/wsconform/wsconform/ws/internal/mask"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// SetBatch gathers frames instead of writing each at once. They go out when 64
// KiB have gathered, when a read would have to wait for the peer, when the
// connection closes, and at each call of SetBatch, whether it turns batches on or off.
// A loop that answers what it reads is many times faster so. The error is as in Write.
func (c *Conn) SetBatch(ctx context.Context, on bool) error {
	if err := c.wr.frame.lock(ctx); err != nil {
		return opError("batch", err)
	}
	c.wr.batch.Store(on)
	err := c.flushLocked(ctx)
	c.unlockFrame(ctx)
	return opError("batch", err)
}

// flush writes what gathered in batch mode. The error is as in Write.
func (c *Conn) flush(ctx context.Context) error {
	if err := c.wr.frame.lock(ctx); err != nil {
		return opError("flush", err)
	}
	err := c.flushLocked(ctx)
	c.unlockFrame(ctx)
	return opError("flush", err)
}

// gather is the way of a message that needs nothing but to be put behind others,
// in batch mode. It is false if there is more to do. Who has the frame slot and
// sees that the message slot is free is between two messages.
func (c *Conn) gather(ctx context.Context, typ MessageType, p []byte) bool {
	w := &c.wr
	if !w.batch.Load() || w.flate.on || c.onFrame != nil || c.ext != nil || !w.frame.tryLock() {
		return false
	}
	fits := len(w.out)+len(p)+wsproto.MaxHeaderLen < batchLimit && w.message.free() && w.err == nil && ctx.Err() == nil
	if fits {
		w.startOut(len(p))
		c.putFrame(typ, p)
	}
	c.unlockFrame(ctx)
	return fits
}

// putFrame gathers a message of less than 64 KiB, for which there is space. It is
// what AppendHeader and put do, but takes 10 ns less, which shows at 64 bytes.
func (c *Conn) putFrame(typ MessageType, p []byte) {
	w := &c.wr
	out, n := w.out[len(w.out):cap(w.out)], 2
	out[0] = 0x80 | byte(typ)
	if len(p) <= 125 {
		out[1] = byte(len(p))
	} else {
		out[1] = 126
		binary.BigEndian.PutUint16(out[2:], uint16(len(p)))
		n = 4
	}
	if c.client {
		out[1] |= 0x80
		key := c.nextKey()
		binary.LittleEndian.PutUint32(out[n:], key)
		n += 4
		mask.To(out[n:n+len(p)], p, key)
	} else {
		copy(out[n:], p)
	}
	w.out = w.out[:len(w.out)+n+len(p)]
}

// flushBatch is the reader's flush before it waits. If others write just now they
// flush when they are done.
func (c *Conn) flushBatch(ctx context.Context) {
	w := &c.wr
	if !w.batch.Load() {
		return
	}
	if !w.frame.tryLock() {
		w.flush.Store(true)
		w.asked.Store(true)
		if w.frame.tryLock() { // the slot came free in between
			w.byReader = true
			c.unlockFrame(ctx)
		}
		return
	}
	w.byReader = true
	if ctx.Err() == nil {
		_ = c.flushLocked(ctx) // an error ends the writing side, and the next write returns it
	}
	c.unlockFrame(ctx)
}
