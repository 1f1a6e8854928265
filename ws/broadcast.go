package ws

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// BroadcastOptions configures [Broadcast]. The zero value, and nil, mean the
// defaults.
type BroadcastOptions struct {
	// CutSlow ends connections whose queue is full, with ErrQueueFull. Otherwise they
	// just miss the message.
	CutSlow bool
	// Wait waits until the message has been sent to each connection, or failed to be.
	// Otherwise Broadcast does not wait, and a write that fails later is seen only
	// in the end of its connection.
	Wait bool
	// OnMiss is called for each connection that misses the message, one at a time, with
	// ErrQueueFull, the cause of the context, or an error as in Write.
	OnMiss func(*Conn, error)
}

// Broadcast sends a message to many connections and returns how many of them missed
// it. Those that are closing or closed are passed over. The message is framed once,
// and compressed once for each window size in use; with context takeover it neither
// uses nor becomes history. A client's connection, which masks, gets its own frame.
//
// A slow peer delays no other: what its socket does not take at once waits in the
// queue of its connection, in order with [Conn.Send], for at most WriteTimeout. A
// connection whose queue is full, by QueueLimit or QueueBytes, misses the message; see
// CutSlow. The error is that of a message that cannot be sent, or the cause of ctx,
// which bounds Wait.
func Broadcast(ctx context.Context, to iter.Seq[*Conn], typ MessageType, p []byte, opts *BroadcastOptions) (missed int, err error) {
	if opts == nil {
		opts = &BroadcastOptions{}
	}
	if err := checkMessage(typ, p); err != nil {
		return 0, opError("broadcast", err)
	}
	b := &broadcast{typ: typ, p: slices.Clone(p), onMiss: opts.OnMiss}
	if !opts.Wait {
		for c := range to {
			b.ended(c, b.send(c, opts.CutSlow, nil))
		}
		return b.missed, nil
	}
	b.left = make(map[*Conn]struct{})
	var wg sync.WaitGroup
	for c := range to {
		if c.state() != connOpen {
			continue
		}
		b.begin(c)
		wg.Add(1)
		if err := b.send(c, opts.CutSlow, func(err error) { b.ended(c, err); wg.Done() }); err != nil {
			b.ended(c, err)
			wg.Done()
		}
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }() // ends when the connections have sent or ended
	select {
	case <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return b.giveUp(err), opError("broadcast", err)
}

// Broadcast is [Broadcast] to all connections of the server.
func (s *Server) Broadcast(ctx context.Context, typ MessageType, p []byte, opts *BroadcastOptions) (missed int, err error) {
	return Broadcast(ctx, s.Conns(), typ, p, opts)
}

// checkMessage checks a complete message of a type that the connection takes.
func (c *Conn) checkMessage(typ MessageType, p []byte) error {
	if err := c.checkType(typ); err != nil || typ != MessageText {
		return err
	}
	return checkMessage(typ, p)
}

// checkMessage checks a complete message.
func checkMessage(typ MessageType, p []byte) error {
	if err := checkType(typ); err != nil {
		return err
	}
	if typ == MessageText && !utf8.Valid(p) {
		return errNotUTF8
	}
	return nil
}

// A broadcast is a message, its frames, and who missed it.
type broadcast struct {
	typ    MessageType
	p      []byte
	frames [16][]byte // by window bits; 0 is not compressed

	mu     sync.Mutex // guards the rest
	onMiss func(*Conn, error)
	missed int
	left   map[*Conn]struct{} // with Wait: those without a result yet
	over   bool               // the caller has its answer
}

func (b *broadcast) begin(c *Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left[c] = struct{}{}
}

// ended notes the result for one connection.
func (b *broadcast) ended(c *Conn, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.left, c)
	if err == nil || errors.Is(err, errNotOpen) || b.over {
		return
	}
	b.missed++
	if b.onMiss != nil {
		b.onMiss(c, err)
	}
}

// giveUp counts those that have not ended by now as missed.
func (b *broadcast) giveUp(err error) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	for c := range b.left {
		b.missed++
		if b.onMiss != nil {
			b.onMiss(c, err)
		}
	}
	return b.missed
}

// errNotOpen: the connection is closing or closed, and passed over.
var errNotOpen = errors.New("connection is not open")

// send sends or queues the message. done is told of the end, unless there is an
// error.
func (b *broadcast) send(c *Conn, cut bool, done func(error)) error {
	if c.state() != connOpen {
		return errNotOpen
	}
	m := queued{typ: b.typ, p: b.p, done: done}
	if !c.client && c.ext == nil {
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
