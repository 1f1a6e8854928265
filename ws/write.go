package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// writer is the writing side of a Conn.
type writer struct {
	message slot // held from the first frame of a message to its last
	frame   slot // held for one frame; guards the rest
	guard   ctxGuard
	out     []byte // frames that wait to be written, or space for one
	err     error  // why nothing can be written any more

	tcp   bool // writev works
	batch atomic.Bool
	// asked: there may be work for whoever has the frame slot, or is about to give
	// it up.
	asked atomic.Bool
	flush atomic.Bool // the reader wants a flush
	mu    sync.Mutex  // guards pongs
	pongs [][]byte    // answers that found the frame slot taken

	flate flateWriter // guarded by message
}

const (
	// copyLimit is the payload size up to which copying it behind its header is
	// cheaper than a second element for writev.
	copyLimit = 4 << 10
	// batchLimit is how much waits at most in batch mode.
	batchLimit = 64 << 10
	// outSize is the size of the pieces in which a client masks a large payload. A
	// message of 64 KiB goes out in one.
	outSize = batchLimit + MaxHeaderLen
	// maxPongs is how many answers may wait while a write blocks. Then the oldest
	// go: the peer needs only the latest (RFC 6455 §5.5.3).
	maxPongs = 64
)

var errCloseSent = fmt.Errorf("close frame already sent: %w", net.ErrClosed)

func (w *writer) init(c *Conn) {
	w.guard = ctxGuard{c: c, write: true}
	_, w.tcp = c.nc.(*net.TCPConn)
}

// Write sends a message in one frame. A text must be UTF-8.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	return c.WriteFragments(ctx, typ, p, 0)
}

// WriteFragments sends a message in fragments of at most size octets, counted
// after compression. A size of zero or less means one frame.
func (c *Conn) WriteFragments(ctx context.Context, typ MessageType, p []byte, size int) error {
	if err := c.writeMessage(ctx, typ, p, size); err != nil {
		return opError("write", err)
	}
	return nil
}

var errNotUTF8 = errors.New("text is not UTF-8 (RFC 6455 §5.6)")

func checkType(typ MessageType) error {
	if typ != MessageText && typ != MessageBinary {
		return fmt.Errorf("%v is not the type of a message", typ)
	}
	return nil
}

func (c *Conn) writeMessage(ctx context.Context, typ MessageType, p []byte, size int) error {
	if err := checkType(typ); err != nil {
		return err
	}
	if typ == MessageText && !utf8.Valid(p) {
		return errNotUTF8
	}
	if err := c.wr.message.lock(ctx); err != nil {
		return err
	}
	defer c.wr.message.unlock()
	h := Header{Fin: true, Opcode: Opcode(typ)}
	if c.wr.flate.worth(len(p)) {
		z := c.wr.flate.message(p)
		defer c.wr.flate.done(z)
		h.RSV, p = RSV1, *z
	}
	err := c.writeFragments(ctx, h, p, size)
	if err != nil && h.RSV != 0 {
		c.wr.flate.forget() // the peer has not seen what history now holds
	}
	return err
}

func (c *Conn) writeFragments(ctx context.Context, h Header, p []byte, size int) error {
	for size > 0 && len(p) > size {
		h.Fin = false
		if err := c.writeFrame(ctx, h, p[:size]); err != nil {
			return err
		}
		p = p[size:]
		h = Header{Fin: true, Opcode: OpContinuation}
	}
	h.Fin = true
	return c.writeFrame(ctx, h, p)
}

// Writer begins a message. Each Write sends a fragment, Close the last one, which
// is empty. Other messages wait until then; control frames do not. ctx holds for
// all of it. A text may be cut anywhere.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	if err := checkType(typ); err != nil {
		return nil, opError("write", err)
	}
	if err := c.wr.message.lock(ctx); err != nil {
		return nil, opError("write", err)
	}
	w := &messageWriter{c: c, ctx: ctx, typ: typ, header: Header{Opcode: Opcode(typ)}}
	if c.wr.flate.on {
		w.header.RSV = RSV1
		c.wr.flate.begin()
	}
	return w, nil
}

// messageWriter belongs to one goroutine.
type messageWriter struct {
	c      *Conn
	ctx    context.Context //nolint:containedctx // an io.Writer has no other way
	typ    MessageType
	header Header // of the next frame
	utf8   UTF8Validator
	begun  bool // octets were compressed, so a tail is owed
	closed bool
	err    error
}

func (w *messageWriter) Write(p []byte) (int, error) {
	if w.closed {
		return 0, opError("write", io.ErrClosedPipe)
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.typ == MessageText {
		if _, ok := w.utf8.Feed(p); !ok {
			return 0, w.fail(errNotUTF8)
		}
	}
	payload := p
	if w.compressed() {
		z := w.c.wr.flate.piece(p, w.begun)
		defer w.c.wr.flate.done(z)
		payload, w.begun = *z, true
	}
	if err := w.c.writeFrame(w.ctx, w.header, payload); err != nil {
		return 0, w.fail(err)
	}
	w.header = Header{Opcode: OpContinuation}
	return len(p), nil
}

func (w *messageWriter) compressed() bool { return w.c.wr.flate.on }

// fail ends the message half-way. As nothing else may be sent then, so does the
// connection, unless no frame of it was sent.
func (w *messageWriter) fail(err error) error {
	w.err = opError("write", err)
	if w.header.Opcode == OpContinuation {
		w.c.end(w.err)
	}
	w.c.wr.flate.forget()
	return w.err
}

func (w *messageWriter) Close() error {
	if w.closed {
		return opError("write", io.ErrClosedPipe)
	}
	w.closed = true
	defer w.c.wr.message.unlock()
	defer w.c.wr.flate.finish()
	if w.err != nil {
		return w.err
	}
	if w.typ == MessageText && !w.utf8.Complete() {
		return w.fail(errNotUTF8)
	}
	var last []byte
	if w.compressed() && !w.begun {
		last = []byte{0} // the empty message (RFC 7692 §7.2.3.6)
	}
	w.header.Fin = true
	if err := w.c.writeFrame(w.ctx, w.header, last); err != nil {
		return w.fail(err)
	}
	return nil
}

// Pong sends a pong that answers no ping (RFC 6455 §5.5.3), of at most 125
// octets.
func (c *Conn) Pong(ctx context.Context, payload []byte) error {
	if len(payload) > MaxControlPayload {
		return opError("pong", fmt.Errorf("payload of %d octets exceeds 125", len(payload)))
	}
	if err := c.writeFrame(ctx, Header{Fin: true, Opcode: OpPong}, payload); err != nil {
		return opError("pong", err)
	}
	return nil
}

// SetBatch gathers frames instead of writing each at once. They go out when 64
// KiB have gathered, when a read would have to wait for the peer, when the
// connection closes, and by Flush. A loop that answers what it reads is many
// times faster so. Turning it off flushes.
func (c *Conn) SetBatch(ctx context.Context, on bool) error {
	if err := c.wr.frame.lock(ctx); err != nil {
		return opError("batch", err)
	}
	c.wr.batch.Store(on)
	err := c.flushLocked(ctx)
	c.unlockFrame(ctx)
	if err != nil {
		return opError("batch", err)
	}
	return nil
}

// Flush writes what gathered in batch mode.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.wr.frame.lock(ctx); err != nil {
		return opError("flush", err)
	}
	err := c.flushLocked(ctx)
	c.unlockFrame(ctx)
	if err != nil {
		return opError("flush", err)
	}
	return nil
}

// writeFrame sends one frame.
func (c *Conn) writeFrame(ctx context.Context, h Header, payload []byte) error {
	if err := c.wr.frame.lock(ctx); err != nil {
		return err
	}
	err := c.frameLocked(ctx, h, payload)
	c.unlockFrame(ctx)
	return err
}

// unlockFrame does what others found the slot taken for, then gives it up. What
// they leave after that is seen by whoever gets the slot, or by the last look.
func (c *Conn) unlockFrame(ctx context.Context) {
	w := &c.wr
	for {
		over := false
		if w.asked.Swap(false) {
			c.doAsked(ctx)
			over = w.err != nil || ctx.Err() != nil
		}
		w.frame.unlock()
		if over || !w.asked.Load() || !w.frame.tryLock() {
			return
		}
	}
}

// doAsked sends the pongs that wait and flushes if the reader wants it. An error
// ends the writing side, and whoever writes next hears of it.
func (c *Conn) doAsked(ctx context.Context) {
	w := &c.wr
	for {
		if ctx.Err() != nil {
			w.asked.Store(true) // whoever comes next sends the rest
			break
		}
		p := w.nextPong()
		if p == nil {
			break
		}
		_ = c.frameLocked(ctx, Header{Fin: true, Opcode: OpPong}, p)
	}
	if w.flush.Swap(false) {
		_ = c.flushLocked(ctx)
	}
}

func (w *writer) nextPong() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.pongs) == 0 {
		return nil
	}
	p := w.pongs[0]
	w.pongs = w.pongs[1:]
	return p
}

// flushBatch is the reader's flush before it waits.
func (c *Conn) flushBatch(ctx context.Context) {
	w := &c.wr
	if !w.batch.Load() {
		return
	}
	w.flush.Store(true)
	w.asked.Store(true)
	if w.frame.tryLock() {
		c.unlockFrame(ctx)
	}
}

// answerPing never waits for another write: the peer may be one that reads only
// after it was read from.
func (c *Conn) answerPing(ctx context.Context, payload []byte) {
	if c.wr.frame.tryLock() {
		// An error ends the writing side; reading goes on, for the peer's close.
		_ = c.frameLocked(ctx, Header{Fin: true, Opcode: OpPong}, payload)
		c.unlockFrame(ctx)
		return
	}
	c.wr.mu.Lock()
	if len(c.wr.pongs) == maxPongs {
		c.wr.pongs = c.wr.pongs[1:]
	}
	c.wr.pongs = append(c.wr.pongs, append([]byte{}, payload...))
	c.wr.mu.Unlock()
	c.wr.asked.Store(true)
	if c.wr.frame.tryLock() { // the slot came free in between
		c.unlockFrame(ctx)
	}
}

// frameLocked sends one frame, or gathers it. Its holder has the frame slot.
func (c *Conn) frameLocked(ctx context.Context, h Header, payload []byte) error {
	w := &c.wr
	if w.err != nil {
		return w.err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	h.Length = uint64(len(payload))
	if c.client {
		h.Masked, h.MaskKey = true, c.maskKey()
	}
	if c.onFrame != nil {
		c.traceSent(h, payload)
	}
	if len(w.out) > 0 && len(w.out)+len(payload)+MaxHeaderLen > batchLimit {
		if err := c.flushLocked(ctx); err != nil {
			return err
		}
	}
	if w.out == nil {
		w.out = outBuffers.Get().(*outBuffer)[:0]
	}
	w.out = AppendHeader(w.out, h)
	large := len(payload) > copyLimit
	switch {
	case !large || c.client || !w.tcp || w.batch.Load() && len(payload) < batchLimit/4:
		pos := 0
		for {
			n := min(len(payload), outSize-len(w.out))
			start := len(w.out)
			w.out = append(w.out, payload[:n]...)
			if h.Masked {
				pos = Mask(h.MaskKey, pos, w.out[start:])
			}
			if payload = payload[n:]; len(payload) == 0 {
				break
			}
			if err := c.flushLocked(ctx); err != nil {
				return err
			}
			if !h.Masked { // no copy is needed, only the header's write was to be saved
				if err := c.writeOut(ctx, payload, nil); err != nil {
					return err
				}
				break
			}
			w.out = outBuffers.Get().(*outBuffer)[:0]
		}
	default:
		if err := c.writeOut(ctx, w.out, payload); err != nil {
			return err
		}
		c.freeOut()
	}
	if h.Opcode == OpClose {
		err := c.flushLocked(ctx)
		if w.err == nil {
			w.err = errCloseSent
		}
		return err
	}
	if w.batch.Load() && len(w.out) < batchLimit {
		return nil
	}
	return c.flushLocked(ctx)
}

// flushLocked writes what waits. Its holder has the frame slot.
func (c *Conn) flushLocked(ctx context.Context) error {
	w := &c.wr
	if len(w.out) == 0 {
		c.freeOut()
		return nil
	}
	if w.err != nil {
		return w.err
	}
	err := c.writeOut(ctx, w.out, nil)
	c.freeOut()
	return err
}

// An outBuffer takes what one write takes. An idle connection has none.
type outBuffer [outSize]byte

var outBuffers = sync.Pool{New: func() any { return new(outBuffer) }}

func (c *Conn) freeOut() {
	if c.wr.out != nil {
		outBuffers.Put((*outBuffer)(c.wr.out[:outSize]))
		c.wr.out = nil
	}
}

// A vector is what writev takes.
type vector struct {
	pair [2][]byte
	bufs net.Buffers // pair
}

var vectors = sync.Pool{New: func() any { return new(vector) }}

// newVector leaves more out if there is none.
func newVector(p, more []byte) *vector {
	v := vectors.Get().(*vector)
	v.pair = [2][]byte{p, more}
	if v.bufs = v.pair[:]; more == nil {
		v.bufs = v.pair[:1]
	}
	return v
}

func (v *vector) free() {
	*v = vector{}
	vectors.Put(v)
}

// writeOut writes octets that are part of a frame. If it fails there may be half
// a frame on the wire, and nothing can follow.
func (c *Conn) writeOut(ctx context.Context, p, more []byte) error {
	w := &c.wr
	err := w.guard.watch(ctx)
	switch {
	case err != nil:
	case c.writeTimeout > 0:
		err = c.writeBounded(ctx, p, more)
	case more == nil:
		_, err = c.nc.Write(p)
	default:
		v := newVector(p, more)
		_, err = v.bufs.WriteTo(c.nc)
		v.free()
	}
	if err != nil {
		w.err = ctxError(ctx, err)
		w.guard.release()
	}
	return w.err
}
