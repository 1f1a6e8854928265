package ws

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// BroadcastOptions configures [Broadcast]. The zero value, and nil, mean the
// defaults.
type BroadcastOptions struct {
	// CutSlow ends connections whose queue is full, with ErrQueueFull. Otherwise
	// they just miss the message.
	CutSlow bool
	// Collect waits until each connection was sent the message or failed, and
	// returns what failed. Otherwise Broadcast waits for nobody and nothing is
	// known of failures, which the readers of those connections will see.
	Collect bool
}

// A BroadcastError says which connection a broadcast did not reach.
type BroadcastError struct {
	Conn *Conn
	Err  error // ErrQueueFull, the cause of the context, or as in Write
}

func (e *BroadcastError) Error() string {
	return fmt.Sprintf("ws: broadcast to connection %d: %v", e.Conn.ID(), e.Err)
}

func (e *BroadcastError) Unwrap() error { return e.Err }

// Broadcast sends a message to many connections. Those that are closing or closed
// are passed over. The message is framed once, and compressed once for each window
// size that was agreed on; with context takeover such a message makes no use of
// earlier ones, nor later ones of it. A client's connection, which masks, takes a
// frame of its own.
//
// Nobody waits for a slow peer: what its socket does not take at once waits in the
// queue of its connection, in order with [Conn.Send], for at most WriteTimeout.
// The queue takes QueueLimit messages and QueueBytes octets, beside the one of which
// the socket took a part; see CutSlow for what comes then.
//
// The error is of a message that cannot be sent, or with Collect the
// [*BroadcastError] of each connection, joined; ctx bounds the waiting then.
func Broadcast(ctx context.Context, to iter.Seq[*Conn], typ MessageType, p []byte, opts *BroadcastOptions) error {
	if opts == nil {
		opts = &BroadcastOptions{}
	}
	if err := checkMessage(typ, p); err != nil {
		return opError("broadcast", err)
	}
	b := broadcast{typ: typ, p: slices.Clone(p)}
	if !opts.Collect {
		for c := range to {
			_ = b.send(c, opts.CutSlow, nil) // nobody wants to know
		}
		return nil
	}
	var (
		mu   sync.Mutex // guards errs and left
		errs []error
		left = make(map[*Conn]struct{})
		wg   sync.WaitGroup
	)
	fail := func(c *Conn, err error) {
		mu.Lock()
		defer mu.Unlock()
		delete(left, c)
		if err != nil {
			errs = append(errs, &BroadcastError{c, err})
		}
	}
	for c := range to {
		if c.State() != ConnOpen {
			continue
		}
		mu.Lock()
		left[c] = struct{}{}
		mu.Unlock()
		wg.Add(1)
		if err := b.send(c, opts.CutSlow, func(err error) { fail(c, err); wg.Done() }); err != nil {
			fail(c, err)
			wg.Done()
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }() // ends when the connections have sent or ended
	select {
	case <-done:
	case <-ctx.Done():
		mu.Lock()
		defer mu.Unlock()
		for c := range left {
			errs = append(errs, &BroadcastError{c, context.Cause(ctx)})
		}
		return errors.Join(slices.Clone(errs)...)
	}
	return errors.Join(errs...)
}

// Broadcast is [Broadcast] to all connections of the server.
func (s *Server) Broadcast(ctx context.Context, typ MessageType, p []byte, opts *BroadcastOptions) error {
	return Broadcast(ctx, s.Conns(), typ, p, opts)
}

// checkMessage is for messages of which each octet is there.
func checkMessage(typ MessageType, p []byte) error {
	if err := checkType(typ); err != nil {
		return err
	}
	if typ == MessageText && !utf8.Valid(p) {
		return errNotUTF8
	}
	return nil
}

// A broadcast is a message and its frames.
type broadcast struct {
	typ    MessageType
	p      []byte
	frames [16][]byte // by window bits; 0 is not compressed
}

// send sends or queues the message. done is told of the end, unless there is an
// error.
func (b *broadcast) send(c *Conn, cut bool, done func(error)) error {
	if c.State() != ConnOpen {
		return errCloseSent
	}
	m := queued{typ: b.typ, p: b.p, done: done}
	if !c.client {
		m.frame = b.frame(&c.wr.flate)
		if c.tryReady(m) {
			return nil
		}
	}
	err := c.enqueue(m)
	if cut && errors.Is(err, ErrQueueFull) {
		c.end(ErrQueueFull)
	}
	return err
}

// frame is the message as a server sends it to a connection that compresses so.
func (b *broadcast) frame(w *flateWriter) []byte {
	var bits uint8
	if w.worth(len(b.p)) {
		bits = w.windowBits
	}
	if b.frames[bits] == nil {
		f := wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.Opcode(b.typ)}, Payload: b.p}
		if bits > 0 {
			alone := flateWriter{on: true, windowBits: bits, fresh: true}
			z := alone.message(b.p)
			defer alone.done(z)
			f.RSV, f.Payload = wsproto.RSV1, *z
		}
		b.frames[bits] = wsproto.AppendFrame(make([]byte, 0, wsproto.MaxHeaderLen+len(f.Payload)), f)
	}
	return b.frames[bits]
}
