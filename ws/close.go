package ws

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// closing is how a Conn ends, and who waits for what.
type closing struct {
	once   sync.Once
	count  uint32          // of pings; mu guards it
	ctx    context.Context //nolint:containedctx // that ends with the connection
	cancel context.CancelCauseFunc
	err    error // why it ended; set before ctx ends

	mu    sync.Mutex // guards the rest
	pings []*ping    // in the order of their sending

	sent, received *CloseError // close frames

	latency atomic.Int64 // of the last ping that was answered
}

// maxCloseReason is what fits into a close frame beside the code.
const maxCloseReason = wsproto.MaxControlPayload - 2

// Close says code and reason to the peer, waits for its answer and ends the
// connection (RFC 6455 §7.1.2). The reason is UTF-8 of at most 123 octets.
// Messages that come before the answer are dropped unless another goroutine
// reads them. StatusNoStatusRcvd sends a close frame without a code. All of it
// takes at most CloseTimeout. The error is nil if the peer answered, or had
// closed before.
func (c *Conn) Close(code StatusCode, reason string) error {
	if err := c.checkClose(code, reason); err != nil {
		return opError("close", err)
	}
	ctx, cancel := withTimeout(context.Background(), "close", c.closeTimeout)
	defer cancel()
	c.closeQueue(ctx)
	if err := c.sendClose(ctx, code, reason); err != nil && !errors.Is(err, errCloseSent) {
		c.end(err)
	}
	err := c.awaitClose(ctx)
	c.end(err)
	if _, ok := errors.AsType[*CloseError](err); ok {
		return nil
	}
	return opError("close", err)
}

// CloseWrite says code and reason to the peer, after which nothing can be written,
// and returns. Reading goes on, with all the peer still has to say, up to its
// answer, a [*CloseError]. Who wants no more than the end calls Close.
func (c *Conn) CloseWrite(ctx context.Context, code StatusCode, reason string) error {
	err := c.checkClose(code, reason)
	if err == nil {
		err = c.sendClose(ctx, code, reason)
	}
	if err != nil {
		return opError("close", err)
	}
	return nil
}

// checkClose says why a close frame must not be sent.
func (c *Conn) checkClose(code StatusCode, reason string) error {
	switch {
	case code != StatusNoStatusRcvd && !code.Valid():
		return fmt.Errorf("%v must not be sent", code)
	case code == StatusMandatoryExt && !c.client:
		return fmt.Errorf("%v is a client's to send (RFC 6455 §7.4.1)", code)
	case code == StatusNoStatusRcvd && reason != "":
		return errors.New("reason without a code")
	case len(reason) > maxCloseReason:
		return fmt.Errorf("reason of %d octets exceeds %d", len(reason), maxCloseReason)
	case !utf8.ValidString(reason):
		return errors.New("reason is not UTF-8")
	}
	return nil
}

// awaitClose reads until the peer's close frame, or has another reader do it.
func (c *Conn) awaitClose(ctx context.Context) error {
	r := &c.rd
	turn := r.turn.queue()
	defer r.turn.leave(turn)
	select {
	case <-turn:
	case <-c.cl.ctx.Done():
		return c.cl.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if r.err != nil {
		return r.err
	}
	r.skip, r.compressed, r.in = true, false, nil
	scratch := readBuffers.Get().(*[readBuffer]byte)
	defer readBuffers.Put(scratch)
	for {
		var err error
		if r.open {
			_, err = c.some(ctx, scratch[:])
		} else {
			err = c.frame(ctx)
		}
		if err != nil && err != io.EOF {
			return err
		}
	}
}

// CloseNow ends the connection without a word to the peer, which is
// StatusAbnormalClosure to it (RFC 6455 §7.1.5). The error is always nil.
func (c *Conn) CloseNow() error {
	c.end(net.ErrClosed)
	return nil
}

// sendClose sends the close frame, once. A reason too long is cut between runes.
func (c *Conn) sendClose(ctx context.Context, code StatusCode, reason string) error {
	if len(reason) > maxCloseReason {
		n := maxCloseReason
		for n > 0 && !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	var buf [wsproto.MaxControlPayload]byte
	err := c.writeFrame(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpClose}, wsproto.AppendClose(buf[:0], code, reason))
	if err == nil {
		c.cl.mu.Lock()
		defer c.cl.mu.Unlock()
		c.cl.sent = &CloseError{Code: code, Reason: reason}
	}
	return err
}

// ended reports whether it has.
func (c *Conn) ended() bool { return c.cl.ctx.Err() != nil }

// end is the end of the connection below and of all who wait. The first reason
// counts.
func (c *Conn) end(err error) {
	c.cl.once.Do(func() {
		c.cl.err = err
		c.cl.cancel(err) // first: those who find the connection below closed look there
		c.stopKeepalive()
		_ = c.nc.Close() // nothing is left to lose
		// Contexts that outlive the connection should not hold on to it. Who has
		// one of the slots now is about to find the connection closed.
		if c.rd.turn.tryLock() {
			c.rd.guard.release()
			if c.rd.err == nil {
				c.rd.err = err
			}
			c.rd.turn.unlock()
		}
		if c.wr.frame.tryLock() {
			c.wr.guard.release()
			if c.wr.err == nil {
				c.wr.err = err
			}
			c.wr.freeOut()
			c.wr.frame.unlock()
		}
	})
}

// A ping waits for its pong.
type ping struct {
	payload [8]byte
	sent    time.Time
	pong    chan struct{} // closed by its pong, or that of a later one
}

func (c *Conn) newPing() *ping {
	p := &ping{pong: make(chan struct{})}
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	c.cl.count++
	binary.BigEndian.PutUint64(p.payload[:], uint64(c.cl.count))
	c.cl.pings = append(c.cl.pings, p)
	p.sent = time.Now()
	return p
}

func (p *ping) answered() bool {
	select {
	case <-p.pong:
		return true
	default:
		return false
	}
}

// Ping sends a ping (RFC 6455 §5.5.2), waits for its pong and returns how long
// that took. The error is the cause of ctx or as in Read and Write. While no
// other goroutine reads, it does; but it does not read messages. One that comes
// before the pong holds it up until another goroutine has read it, and the pong
// behind it.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	p := c.newPing()
	err := c.writeFrame(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpPing}, p.payload[:])
	if err == nil {
		err = c.Flush(ctx)
	}
	if err == nil {
		err = c.awaitPong(ctx, p)
	}
	if err != nil {
		c.forgetPing(p)
		return 0, opError("ping", err)
	}
	return time.Since(p.sent), nil
}

func (c *Conn) awaitPong(ctx context.Context, p *ping) error {
	turn := c.rd.turn.queue()
	defer func() {
		if turn != nil {
			c.rd.turn.leave(turn)
		}
	}()
	for {
		select {
		case <-p.pong:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.cl.ctx.Done():
			return c.cl.err
		case <-turn:
			message, err := c.readControl(ctx, p)
			c.rd.turn.leave(turn)
			turn = nil // never ready: if there is a message, another goroutine has to read
			if err != nil || !message {
				return err
			}
		}
	}
}

// readControl reads control frames until the pong. It stops in front of a
// message.
func (c *Conn) readControl(ctx context.Context, p *ping) (message bool, err error) {
	r := &c.rd
	for {
		if p.answered() {
			return false, nil
		}
		if r.err != nil {
			return false, r.err
		}
		if r.open && (r.left > 0 || r.fin || len(r.in) > 0) {
			return true, nil // in is in the buffer, so nothing can be read to there
		}
		h, n, err := c.header(ctx)
		if err != nil {
			return false, err
		}
		if !h.Opcode.Control() {
			return true, nil
		}
		if err := c.control(ctx, h, n); err != nil {
			return false, err
		}
	}
}

// gotPong ends the wait for the ping it answers and for all before it (RFC 6455
// §5.5.3). Others are nobody's; then it is false.
func (c *Conn) gotPong(payload []byte) bool {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	for i, p := range c.cl.pings {
		if string(p.payload[:]) != string(payload) {
			continue
		}
		c.cl.latency.Store(int64(time.Since(p.sent)))
		for _, q := range c.cl.pings[:i+1] {
			close(q.pong)
		}
		c.cl.pings = append(c.cl.pings[:0], c.cl.pings[i+1:]...)
		return true
	}
	return false
}

func (c *Conn) forgetPing(p *ping) {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	for i, q := range c.cl.pings {
		if p == q {
			c.cl.pings = append(c.cl.pings[:i], c.cl.pings[i+1:]...)
			return
		}
	}
}
