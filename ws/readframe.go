package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/wsconform/wsconform/ws/internal/flate"
	"github.com/wsconform/wsconform/ws/internal/h2"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// frame gets to the next frame of data, past control frames, and opens a message
// with it if none is.
func (c *Conn) frame(ctx context.Context) error {
	r := &c.rd
	if c.ext != nil {
		return c.extendedFrame(ctx)
	}
	for {
		h, n, err := c.header(ctx)
		if err != nil {
			return err
		}
		if h.Opcode.Control() {
			if err := c.control(ctx, h, n); err != nil {
				return err
			}
			continue
		}
		r.r += n
		if c.onFrame != nil {
			c.traceReceived(h, r.buf[r.r:r.w])
		}
		return c.openFrame(h)
	}
}

// openFrame begins a frame of data, and a message if none is open.
func (c *Conn) openFrame(h wsproto.Header) error {
	r := &c.rd
	if !r.open {
		r.open, r.typ, r.seq = true, h.Opcode, r.seq+1
		r.size, r.empty, r.frames, r.utf8 = 0, 0, 0, wsproto.UTF8Validator{}
		r.compressed, r.tail, r.more = h.RSV != 0 && !r.skip, false, false
		if r.compressed && r.inf == nil {
			r.inf = inflaters.Get().(*flate.Inflater)
			r.inf.Reset(1 << r.windowBits)
		}
	}
	r.fin, r.left, r.bulky = h.Fin, h.Length, h.Length >= bulk
	r.mask, r.key, r.pos = h.Masked, h.MaskKey, 0
	if !r.compressed && !r.skip {
		if h.Length > uint64(c.readLimit-r.size) {
			return c.failTooLarge()
		}
		r.size += int64(h.Length)
	}
	if r.frames++; r.skip {
		return nil
	}
	if h.Length == 0 && !h.Fin {
		r.empty++
	}
	if r.empty > maxEmpty || r.frames > maxFragments {
		return c.failTooMany()
	}
	return nil
}

// receiving is what the rules for the next header depend on.
func (c *Conn) receiving() wsproto.State {
	s := wsproto.State{Server: !c.client, Open: c.rd.open, Deflate: c.rd.deflate}
	if c.ext != nil {
		s.RSV, s.Opcodes = c.ext.rsv, c.ext.opcodes
	}
	return s
}

// header waits for a header and checks it, without using it up. What is wrong in
// the first two bytes does not wait for the rest.
func (c *Conn) header(ctx context.Context) (wsproto.Header, int, error) {
	r := &c.rd
	state := c.receiving()
	for {
		p := r.buf[r.r:r.w]
		h, n, err := wsproto.ParseHeader(p)
		switch {
		case n > 0:
			if err == nil {
				err = wsproto.CheckHeader(h, state)
			}
		case len(p) >= 2:
			err = wsproto.CheckStart(p[0], p[1], state)
		}
		if err != nil {
			return h, n, c.fail(err)
		}
		if n > 0 {
			return h, n, nil
		}
		if err := c.fill(ctx); err != nil {
			return h, 0, err
		}
	}
}

// control waits for all of a control frame and acts on it.
func (c *Conn) control(ctx context.Context, h wsproto.Header, n int) error {
	r := &c.rd
	for r.w-r.r < n+int(h.Length) {
		if err := c.fill(ctx); err != nil {
			return err
		}
	}
	p := r.buf[r.r+n : r.r+n+int(h.Length)]
	r.r += n + len(p)
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, p)
	}
	if c.onFrame != nil {
		c.onFrame(c, false, wsproto.Frame{Header: h, Payload: p})
	}
	switch h.Opcode {
	case wsproto.OpPing:
		c.answerPing(ctx, p)
	case wsproto.OpPong:
		if c.gotPong(p) && r.inf != nil {
			r.inf.Idle()
		}
	case wsproto.OpClose:
		return c.gotClose(p)
	default:
		return c.extendedControl(wsproto.Frame{Header: h, Payload: p})
	}
	return nil
}

// fill waits for more bytes in the buffer.
func (c *Conn) fill(ctx context.Context) error {
	n, err := c.readNet(ctx, nil)
	c.rd.w += n
	return err
}

// maxLate is how often is read after the writing side failed: what the peer sent
// before has mostly arrived, and a peer that goes on and on is not waited for.
const maxLate = 64

// readNet waits for bytes, in the buffer if p is nil. An error other than the
// context's is the end of the connection.
func (c *Conn) readNet(ctx context.Context, p []byte) (int, error) {
	r := &c.rd
	if c.ended() {
		if r.late++; r.late > maxLate {
			return 0, c.lost(c.cl.err)
		}
	}
	c.flushBatch(ctx)
	err := r.guard.watch(ctx)
	if err == nil {
		err = c.boundNet(ctx)
	}
	if err != nil {
		if c.ended() {
			err = c.lost(err)
		}
		return 0, err
	}
	for range 100 {
		n, err := r.read(c.nc, p)
		if n > 0 {
			if c.alive != nil {
				c.alive.arrivals.Add(1)
			}
			return n, nil
		}
		if err == nil {
			continue // allowed to an io.Reader, discouraged
		}
		again, timeout := c.timedOut(ctx, err)
		if timeout != nil {
			return 0, timeout
		}
		if again {
			continue
		}
		if cause := ctxError(ctx, err); cause != err { //nolint:errorlint // the very same: ctx has not ended
			return 0, cause
		}
		if err == io.EOF { //nolint:errorlint // as an io.Reader says it
			err = io.ErrUnexpectedEOF
		}
		return 0, c.lost(err)
	}
	return 0, c.lost(io.ErrNoProgress)
}

// read is one call of Read of the connection below.
func (r *reader) read(nc net.Conn, p []byte) (int, error) {
	if r.poll != nil {
		return r.poll.read(p)
	}
	if p == nil {
		if err := r.await(nc); err != nil {
			return 0, err
		}
		p = r.space()
	}
	return nc.Read(p)
}

// await waits for data on a stream of HTTP/2 or HTTP/3, without a buffer. One of HTTP/3 cannot
// tell whether there is something: the buffer is kept inside a frame.
func (r *reader) await(nc net.Conn) error {
	var err error
	switch st := nc.(type) {
	case *h2.Stream:
		if !st.Ready() {
			r.rest()
		}
		err = st.Await()
	case interface{ Await() error }: // of package h3
		if r.left > 0 || r.r < r.w {
			return nil
		}
		r.rest()
		err = st.Await()
	default:
		return nil
	}
	if err == nil && len(r.buf) < readBuffer {
		r.borrow()
	}
	return err
}

// lost is the end without a close frame.
func (c *Conn) lost(err error) error {
	if c.ended() { // by our own hand
		err = c.cl.err
	}
	c.rd.err = err
	c.rd.guard.release()
	c.releaseInflater(true)
	c.unhold()
	c.rd.rest()
	c.end(err)
	return err
}

// fail tells the peer what it did wrong and ends the connection (RFC 6455
// §7.1.7). The error is a *ProtocolError.
func (c *Conn) fail(err error) error {
	if pe, ok := errors.AsType[*wsproto.ProtocolError](err); ok {
		c.failWith(pe.Code, pe.Reason, err)
	}
	return err
}

func (c *Conn) failTooLarge() error {
	err := fmt.Errorf("%w of %d bytes", ErrTooLarge, c.readLimit)
	c.failWith(wsproto.StatusMessageTooBig, err.Error(), err)
	return err
}

const (
	// maxEmpty and maxFragments bound the fragments of a message, of which a program
	// that waits for it sees nothing.
	maxEmpty     = 1 << 14
	maxFragments = 1 << 20
)

func (c *Conn) failTooMany() error {
	err := fmt.Errorf("%w: more than %d fragments, or %d empty ones", ErrTooLarge, maxFragments, maxEmpty)
	c.failWith(wsproto.StatusMessageTooBig, "too many fragments", err)
	return err
}

func (c *Conn) failWith(code wsproto.StatusCode, reason string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lingerTime)
	defer cancel()
	// If it cannot be sent, the peer has gone or does not read.
	_ = c.sendClose(ctx, code, reason)
	c.hangUp(err)
}

// gotClose ends the connection as the peer asks (RFC 6455 §5.5.1, §7.1).
func (c *Conn) gotClose(payload []byte) error {
	code, reason, err := wsproto.ParseClose(payload)
	if err != nil {
		return c.fail(err)
	}
	ce := c.noteReceived(code, reason)
	ctx, cancel := context.WithTimeout(context.Background(), c.closeTimeout)
	defer cancel()
	// If ours is out already this does nothing; if it cannot be sent, the peer has
	// gone, and what it said still counts.
	_ = c.sendClose(ctx, code, "")
	c.hangUp(ce)
	return ce
}

// hangUp ends the connection below, for the reader, after the last frame. A
// server ends it first; a client gives the server time to (RFC 6455 §7.1.1).
func (c *Conn) hangUp(err error) {
	r := &c.rd
	r.err = err
	r.guard.until(time.Now().Add(lingerTime))
	if c.client {
		drain(c.nc, lingerTime)
	} else {
		hangUp(c.nc, lingerTime)
	}
	c.releaseInflater(true)
	r.rest()
	c.unhold() // what there was of a message was alive until now
	c.end(err)
}
