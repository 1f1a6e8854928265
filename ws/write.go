package ws

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/wsconform/wsconform/ws/internal/mask"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// writer is the writing side of a Conn.
type writer struct {
	message slot // held from the first frame of a message to its last
	frame   slot // held for one frame; guards the rest
	guard   ctxGuard
	buf     *outBuffer
	out     []byte // of buf: frames that wait to be written, or space for one
	err     error  // why nothing can be written any more

	// counts: a write that a deadline ends says how much of it was written.
	counts bool
	// byReader: it is a call that reads which writes, and its ReadTimeout holds.
	byReader bool
	last     bool // the close frame is being written, or was
	batch    atomic.Bool
	// asked: there may be work for the holder of the frame slot, or one that is about to give
	// it up.
	asked atomic.Bool
	flush atomic.Bool // the reader wants a flush
	mu    sync.Mutex  // guards pongs
	pongs *[][]byte   // answers that found the frame slot taken; nil if none did

	flate flateWriter // guarded by message
}

const (
	// batchLimit is how much waits at most in batch mode.
	batchLimit = 64 << 10
	// outSize is the space for what one write takes: a message of 64 KiB goes out in
	// one. largeSize is that for longer ones. Writing them in pieces of 64 KiB would
	// wake the peer for each, which costs more than all the rest.
	outSize   = batchLimit + wsproto.MaxHeaderLen
	largeSize = 256 << 10
	// outSkew is where in a page of memory that space begins. The kernel copies to
	// the start of pages, and processors that have its copy instruction in hardware
	// (AMD Zen 3) take four times as long if the destination is up to 31 bytes
	// ahead of the source, modulo the size of a page. Between a message that is
	// written from where it lies, mostly the start of a page too, and its place
	// behind a header the distance is 4 or 10.
	outSkew = 2 << 10
	// maxPongs is how many answers may wait while a write blocks. Then the oldest
	// go: the peer needs only the latest (RFC 6455 §5.5.3).
	maxPongs = 64
)

var errCloseSent = fmt.Errorf("close frame already sent: %w", net.ErrClosed)

func (w *writer) init(c *Conn) {
	w.guard = ctxGuard{c: c, write: true}
	_, w.counts = c.nc.(*net.TCPConn)
}

// Write sends a message in one frame (RFC 6455 §5.6). A text must be UTF-8:
// else the error is for the caller, and nothing was sent. Any other error is
// the cause of ctx, an [os.ErrDeadlineExceeded], net.ErrClosed behind a close frame of
// our own, or what the connection below says. p may be used again when Write
// returns.
func (c *Conn) Write(ctx context.Context, typ MessageType, p []byte) error {
	if err := c.writeMessage(ctx, typ, p, 0); err != nil {
		return opError("write", err)
	}
	return nil
}

// WriteFragments sends a message in fragments (RFC 6455 §5.4) of at most size
// bytes, counted after compression. A size of zero or less means one frame. The
// error is as in Write.
func (c *Conn) WriteFragments(ctx context.Context, typ MessageType, p []byte, size int) error {
	if err := c.writeMessage(ctx, typ, p, size); err != nil {
		return opError("write", err)
	}
	return nil
}

var errNotUTF8 = errors.New("text is not UTF-8 (RFC 6455 §5.6)")

// plainType reports whether it is a type of RFC 6455.
func plainType(typ MessageType) bool { return typ == MessageText || typ == MessageBinary }

func checkType(typ MessageType) error {
	if !plainType(typ) {
		return fmt.Errorf("%v is not the type of a message", typ)
	}
	return nil
}

func (c *Conn) writeMessage(ctx context.Context, typ MessageType, p []byte, size int) error {
	if err := c.checkMessage(typ, p); err != nil {
		return err
	}
	if typ.Control() {
		return c.writeControl(ctx, typ, p)
	}
	if size <= 0 && c.gather(ctx, typ, p) {
		return nil
	}
	if err := c.wr.message.lock(ctx); err != nil {
		return err
	}
	defer c.wr.message.unlock()
	h := wsproto.Header{Fin: true, Opcode: typ}
	if c.wr.flate.worth(len(p)) && plainType(typ) {
		z := c.wr.flate.message(p)
		defer c.wr.flate.done(z)
		h.RSV, p = wsproto.RSV1, *z
	}
	err := c.writeFragments(ctx, h, p, size)
	if err != nil && h.RSV != 0 {
		c.wr.flate.forget() // the peer has not seen what history now holds
	}
	return err
}

func (c *Conn) writeFragments(ctx context.Context, h wsproto.Header, p []byte, size int) error {
	for size > 0 && len(p) > size {
		h.Fin = false
		if err := c.writeFrame(ctx, h, p[:size]); err != nil {
			return err
		}
		p = p[size:]
		h = wsproto.Header{Fin: true, Opcode: wsproto.OpContinuation}
	}
	h.Fin = true
	return c.writeFrame(ctx, h, p)
}

// Pong sends a pong that answers no ping (RFC 6455 §5.5.3), of at most 125
// bytes; more are an error. Pings are answered without it.
func (c *Conn) Pong(ctx context.Context, payload []byte) error {
	if len(payload) > wsproto.MaxControlPayload {
		return opError("pong", fmt.Errorf("payload of %d bytes exceeds 125", len(payload)))
	}
	if err := c.writeFrame(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpPong}, payload); err != nil {
		return opError("pong", err)
	}
	return nil
}

// writeFrame sends one frame.
func (c *Conn) writeFrame(ctx context.Context, h wsproto.Header, payload []byte) error {
	if err := c.wr.frame.lock(ctx); err != nil {
		return err
	}
	err := c.frameLocked(ctx, h, payload)
	c.unlockFrame(ctx)
	return err
}

// unlockFrame does what others found the slot taken for, then gives it up. What
// they leave after that is seen by the next holder of the slot, or by the last look.
func (c *Conn) unlockFrame(ctx context.Context) {
	w := &c.wr
	byReader := w.byReader
	if !w.asked.Load() {
		w.byReader = false
		w.frame.unlock()
		if !w.asked.Load() || !w.frame.tryLock() {
			return
		}
	}
	for {
		w.byReader = byReader
		over := false
		if w.asked.Load() && w.asked.Swap(false) {
			c.doAsked(ctx)
			over = w.err != nil || ctx.Err() != nil
		}
		w.byReader = false
		w.frame.unlock()
		if over || !w.asked.Load() || !w.frame.tryLock() {
			return
		}
	}
}

// doAsked sends the pongs that wait and flushes if the reader wants it. An error
// ends the writing side, and the next write returns it.
func (c *Conn) doAsked(ctx context.Context) {
	w := &c.wr
	for {
		if ctx.Err() != nil {
			w.asked.Store(true) // the next writer sends the rest
			break
		}
		p := w.nextPong()
		if p == nil {
			break
		}
		_ = c.frameLocked(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpPong}, p)
	}
	if w.flush.Swap(false) {
		_ = c.flushLocked(ctx)
	}
}

func (w *writer) nextPong() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pongs == nil || len(*w.pongs) == 0 {
		return nil
	}
	p := (*w.pongs)[0]
	*w.pongs = (*w.pongs)[1:]
	return p
}

// answerPing never waits for another write: the peer may be one that reads only
// after it was read from.
func (c *Conn) answerPing(ctx context.Context, payload []byte) {
	if c.wr.frame.tryLock() {
		c.wr.byReader = true
		// An error ends the writing side; reading goes on, for the peer's close.
		_ = c.frameLocked(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpPong}, payload)
		c.unlockFrame(ctx)
		return
	}
	c.wr.mu.Lock()
	if c.wr.pongs == nil {
		c.wr.pongs = new([][]byte)
	}
	if len(*c.wr.pongs) == maxPongs {
		*c.wr.pongs = (*c.wr.pongs)[1:]
	}
	*c.wr.pongs = append(*c.wr.pongs, bytes.Clone(payload))
	c.wr.mu.Unlock()
	c.wr.asked.Store(true)
	if c.wr.frame.tryLock() { // the slot came free in between
		c.wr.byReader = true
		c.unlockFrame(ctx)
	}
}

// frameLocked sends one frame, or gathers it. Its holder has the frame slot.
func (c *Conn) frameLocked(ctx context.Context, h wsproto.Header, payload []byte) error {
	w := &c.wr
	if w.err != nil {
		if w.last {
			return c.afterClose()
		}
		return w.err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if c.ext != nil && !passesCodecs(h.Opcode) {
		f, err := c.ext.encode(wsproto.Frame{Header: h, Payload: payload})
		if err != nil {
			w.err = err
			c.failed(err)
			return err
		}
		h, payload = f.Header, f.Payload
		h.Form = wsproto.FormMinimal
	}
	if h.Opcode == wsproto.OpClose {
		w.last = true
		c.noteSent(payload, nil) // the answer may come before the write returns
	}
	if len(w.out) > 0 && len(w.out)+len(payload)+wsproto.MaxHeaderLen > batchLimit {
		if err := c.flushLocked(ctx); err != nil {
			return err
		}
	}
	w.startOut(len(payload))
	h.Length = uint64(len(payload))
	if c.client {
		h.Masked = true
		binary.LittleEndian.PutUint32(h.MaskKey[:], c.nextKey())
	}
	if c.onFrame != nil {
		c.traceSent(h, payload)
	}
	w.out = wsproto.AppendHeader(w.out, h)
	for pos := 0; ; {
		n := min(len(payload), cap(w.out)-len(w.out))
		pos = w.put(h, pos, payload[:n])
		if payload = payload[n:]; len(payload) == 0 {
			break
		}
		if err := c.flushLocked(ctx); err != nil {
			return err
		}
		w.startOut(len(payload))
	}
	if h.Opcode == wsproto.OpClose {
		err := c.flushLocked(ctx)
		if err != nil {
			c.noteSent(nil, err)
			w.last = false
		} else if w.err == nil {
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
		w.freeOut()
		return nil
	}
	if w.err != nil {
		return w.err
	}
	err := c.writeOut(ctx, w.out)
	w.freeOut()
	return err
}

// An outBuffer is where frames are made, for one write. An idle connection has
// none.
type outBuffer struct {
	p    []byte
	pool *sync.Pool
	keys keySource // for a client's frames; here, as an idle connection has none
}

func newOutBuffers(size int) *sync.Pool {
	pool := new(sync.Pool)
	pool.New = func() any { return &outBuffer{p: make([]byte, outSkew+size)[outSkew:outSkew], pool: pool} }
	return pool
}

var outBuffers, largeBuffers = newOutBuffers(outSize), newOutBuffers(largeSize)

// startOut makes space for a frame, unless some wait already.
func (w *writer) startOut(payload int) {
	if w.buf != nil {
		return
	}
	pool := outBuffers
	if payload > batchLimit {
		pool = largeBuffers
	}
	w.buf = pool.Get().(*outBuffer)
	w.out = w.buf.p
}

// nextKey is the masking key of the next frame, first byte lowest. startOut was
// called for it.
func (c *Conn) nextKey() uint32 {
	if c.maskKey != nil {
		return mask.At(c.maskKey(), 0)
	}
	return c.wr.buf.keys.next()
}

// put appends a payload, for which there is space, as it goes on the wire. pos and
// newpos are as in [Mask].
func (w *writer) put(h wsproto.Header, pos int, p []byte) (newpos int) {
	start := len(w.out)
	w.out = w.out[:start+len(p)]
	if h.Masked {
		mask.To(w.out[start:], p, mask.At(h.MaskKey, pos))
		return (pos + len(p)) & 3
	}
	copy(w.out[start:], p)
	return 0
}

func (w *writer) freeOut() {
	if w.buf != nil {
		w.buf.pool.Put(w.buf)
		w.buf, w.out = nil, nil
	}
}

// writeOut writes bytes that are part of a frame. If it fails there may be half
// a frame on the wire, and nothing can follow.
func (c *Conn) writeOut(ctx context.Context, p []byte) error {
	w := &c.wr
	err := w.guard.watch(ctx)
	if err == nil {
		err = c.writeBounded(ctx, p)
	}
	if err != nil {
		if w.err = ctxError(ctx, err); c.ended() {
			w.err = c.cl.err // which has closed the connection below
		}
		w.guard.release()
		if !w.last { // a close frame has its own end, and reason
			c.failed(w.err)
		}
	}
	return w.err
}

// writeBroken reports whether the writing side has failed, rather than been closed.
func (c *Conn) writeBroken() bool {
	if c.wr.frame.lock(c.cl.ctx) != nil {
		return false // the connection has ended
	}
	defer c.unlockFrame(c.cl.ctx)
	return c.wr.err != nil && !c.wr.last
}
