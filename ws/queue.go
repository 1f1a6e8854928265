package ws

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// ErrQueueFull says that a message was not queued: as many as the connection's
// QueueLimit and QueueBytes allow wait for its peer, which reads slowly, or it is
// longer than QueueBytes by itself.
var ErrQueueFull = errors.New("queue of messages is full")

// errQueueMemory: others have used up the memory that the server has for messages. To
// wait for room in the queue would not help.
var errQueueMemory = errors.New("the server has no memory for this message")

// defaultQueueLimit is small: what is queued for a slow peer is seldom of use when
// it comes.
const defaultQueueLimit = 64

// queue has the messages that wait to be sent while their senders do not. A
// goroutine sends them, which is there only while there are any.
type queue struct {
	n       int32      // messages that wait, with the one being sent
	mu      sync.Mutex // guards n and the rest
	octets  int64      // of them, before compression
	list    []queued
	waiting *queueWait    // nil until somebody had to wait for room
	sending chan struct{} // closed when the goroutine has ended; nil if there is none
	closed  bool          // nothing more is taken
}

// A queueWait is where senders wait for room, the first in line for the channel.
type queueWait struct {
	turn slot
	room chan struct{} // closed when there is more; nil if no call waits. The queue's mutex guards it
}

// queued is a message, as a frame that is ready to be sent or as what it is made
// of.
type queued struct {
	frame []byte // nil: typ and p
	typ   MessageType
	p     []byte
}

// Send queues a message and returns. It waits only for room in the queue, which is the
// back-pressure of a peer that reads slowly. The error is that of ctx or of the
// connection; a write that fails later ends the connection and shows in [Conn.Err].
// Messages of Send and [Broadcast] go out in order, and Close sends what is queued
// first. p must not change until it has been sent, which is by the end of a Close at
// the latest.
func (c *Conn) Send(ctx context.Context, typ MessageType, p []byte) error {
	err := c.checkMessage(typ, p)
	if err == nil {
		err = c.send(ctx, queued{typ: typ, p: p})
	}
	if errors.Is(err, errQueueMemory) {
		err = fmt.Errorf("%w: %w", ErrQueueFull, err)
	}
	return opError("send", err)
}

func (c *Conn) send(ctx context.Context, m queued) error {
	q := &c.queue
	if size := int64(len(m.p)); c.queueBytes > 0 && size > c.queueBytes {
		return fmt.Errorf("message of %d bytes: %w, of at most %d", size, ErrQueueFull, c.queueBytes)
	}
	q.mu.Lock()
	err := ErrQueueFull
	if q.waiting == nil || q.waiting.turn.free() { // else it would overtake
		err = c.enqueueLocked(m)
	}
	if errors.Is(err, ErrQueueFull) && q.waiting == nil {
		q.waiting = new(queueWait)
	}
	w := q.waiting
	q.mu.Unlock()
	if !errors.Is(err, ErrQueueFull) {
		return err
	}
	if err := w.turn.lock(ctx); err != nil {
		return err
	}
	defer w.turn.unlock()
	for {
		q.mu.Lock()
		err := c.enqueueLocked(m)
		if errors.Is(err, ErrQueueFull) && w.room == nil {
			w.room = make(chan struct{})
		}
		room := w.room
		q.mu.Unlock()
		if !errors.Is(err, ErrQueueFull) {
			return err
		}
		select {
		case <-room:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.Done():
			return c.Err()
		}
	}
}

// enqueue queues a message. The error is ErrQueueFull if there is no room.
func (c *Conn) enqueue(m queued) error {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	return c.enqueueLocked(m)
}

func (c *Conn) enqueueLocked(m queued) error {
	q := &c.queue
	switch {
	case c.ended():
		return c.cl.err
	case q.closed:
		return errCloseSent
	}
	size := int64(len(m.p))
	if int(q.n) >= c.queueLimit || c.queueBytes > 0 && q.octets+size > c.queueBytes {
		return ErrQueueFull
	}
	if m.frame == nil && !c.budget.take(size) { // that of a broadcast is in memory once
		return errQueueMemory
	}
	q.n++
	q.octets += size
	if q.list = append(q.list, m); q.sending == nil {
		q.sending = make(chan struct{})
		go c.sendQueue()
	}
	return nil
}

// leaveQueue makes room again.
func (c *Conn) leaveQueue(m queued) {
	if m.frame == nil {
		c.budget.give(int64(len(m.p)))
	}
	q := &c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n--
	q.octets -= int64(len(m.p))
	if w := q.waiting; w != nil && w.room != nil {
		close(w.room)
		w.room = nil
	}
}

// sendQueue sends what is queued and ends. An error is the end of the connection, so
// that the rest fails alike.
func (c *Conn) sendQueue() {
	q := &c.queue
	for {
		q.mu.Lock()
		if len(q.list) == 0 {
			q.list = nil
			close(q.sending)
			q.sending = nil
			q.mu.Unlock()
			return
		}
		m := q.list[0]
		q.list[0] = queued{}
		q.list = q.list[1:]
		last := len(q.list) == 0
		q.mu.Unlock()
		if m.frame == nil {
			_ = c.writeMessage(c.cl.ctx, m.typ, m.p, 0)
			if last {
				_ = c.flush(c.cl.ctx) // in batch mode nothing else might
			}
		} else if c.wr.message.lock(c.cl.ctx) == nil {
			_ = c.writeReady(m.frame)
			c.wr.message.unlock()
		}
		c.leaveQueue(m)
	}
}

// closeQueue takes nothing more and waits until what is queued was sent.
func (c *Conn) closeQueue(ctx context.Context) {
	q := &c.queue
	q.mu.Lock()
	q.closed = true
	sending := q.sending
	q.mu.Unlock()
	if sending == nil {
		return
	}
	select {
	case <-sending:
	case <-ctx.Done():
	case <-c.Done():
	}
}

// writeReady sends a message that is one frame of a server already. Its caller has
// the message slot.
func (c *Conn) writeReady(frame []byte) error {
	ctx := c.cl.ctx
	if err := c.wr.frame.lock(ctx); err != nil {
		return err
	}
	err := c.readyLocked(ctx, frame)
	c.unlockFrame(ctx)
	return err
}

func (c *Conn) readyLocked(ctx context.Context, frame []byte) error {
	if err := c.flushLocked(ctx); err != nil {
		return err
	}
	if c.wr.err != nil {
		return c.wr.err
	}
	c.beforeReady(frame)
	return c.writeOut(ctx, frame)
}

// beforeReady accounts for a frame that did not come by way of frameLocked. The
// peer's window gets a message that our history does not have, so that starts over.
func (c *Conn) beforeReady(frame []byte) {
	h, n, _ := wsproto.ParseHeader(frame)
	if c.onFrame != nil {
		c.traceSent(h, frame[n:])
	}
	c.wr.flate.forget()
}

// tryReady writes a frame without waiting for anything. It is false if that cannot
// be: then nothing was written. What the socket does not take at once is sent by
// the goroutine of the queue.
func (c *Conn) tryReady(m queued) bool {
	w, q := &c.wr, &c.queue
	socket, ok := rawSocket(c.nc)
	if !ok {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sending != nil || q.closed || !w.message.tryLock() {
		return false
	}
	if !w.frame.tryLock() {
		w.message.unlock()
		return false
	}
	if len(w.out) > 0 {
		w.frame.unlock()
		w.message.unlock()
		return false
	}
	n, err := 0, w.err
	if err == nil { // a deadline of an earlier write may be over
		err = w.guard.watch(c.cl.ctx)
	}
	if err == nil {
		_, err = c.boundWrite(c.cl.ctx)
	}
	if err == nil {
		c.beforeReady(m.frame)
		n, err = writeNow(socket, m.frame)
	}
	if err == nil && n < len(m.frame) {
		q.sending = make(chan struct{})
		go func() {
			_ = c.writeOut(c.cl.ctx, m.frame[n:]) // an error ends the connection
			c.unlockFrame(c.cl.ctx)
			w.message.unlock()
			c.sendQueue()
		}()
		return true
	}
	w.frame.unlock()
	w.message.unlock()
	if w.asked.Load() { // a pong, while the slot was ours; its write may block
		go func() { _ = c.flush(c.cl.ctx) }()
	}
	return true
}
