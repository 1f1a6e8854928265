package ws

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// closing is how a Conn ends, and who waits for what.
type closing struct {
	count  uint32          // of pings; mu guards it
	cut    atomic.Bool     // the connection below was closed, or handed over
	ctx    context.Context //nolint:containedctx // that ends with the connection
	cancel context.CancelCauseFunc
	err    error // why it ended; set before ctx ends, under mu

	mu    sync.Mutex // guards the rest
	pings []*ping    // in the order of their sending

	sent, received *CloseError // close frames

	latency atomic.Int64 // of the last ping that was answered
}

// maxCloseReason is what fits into a close frame beside the code.
const maxCloseReason = wsproto.MaxControlPayload - 2

// Close sends a close frame, waits for the peer's answer and ends the connection (RFC
// 6455 §7.1.2). The reason is UTF-8 of at most 123 bytes; wsproto.StatusNoStatusRcvd sends a
// frame without a code. What Send has queued goes out first. Messages that arrive before
// the answer are dropped unless another goroutine reads them. All of it takes at most
// CloseTimeout. The error is nil if the peer answered or had closed before.
func (c *Conn) Close(code wsproto.StatusCode, reason string) error {
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

// CloseWrite sends a close frame and returns. Nothing can be written after it; reading
// goes on until the peer's answer, a [*CloseError]. To just end the connection, call
// Close.
func (c *Conn) CloseWrite(ctx context.Context, code wsproto.StatusCode, reason string) error {
	err := c.checkClose(code, reason)
	if err == nil {
		if err = c.sendClose(ctx, code, reason); err != nil && c.writeBroken() {
			c.failed(err)
		}
	}
	if err != nil {
		return opError("close", err)
	}
	return nil
}

// checkClose says why a close frame must not be sent.
func (c *Conn) checkClose(code wsproto.StatusCode, reason string) error {
	switch {
	case code != wsproto.StatusNoStatusRcvd && !code.Valid():
		return fmt.Errorf("%v must not be sent", code)
	case code == wsproto.StatusMandatoryExt && !c.client:
		return fmt.Errorf("%v is a client's to send (RFC 6455 §7.4.1)", code)
	case code == wsproto.StatusNoStatusRcvd && reason != "":
		return errors.New("reason without a code")
	case len(reason) > maxCloseReason:
		return fmt.Errorf("reason of %d bytes exceeds %d", len(reason), maxCloseReason)
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

// CloseNow ends the connection without a close frame, which the peer sees as
// [wsproto.StatusAbnormalClosure] (RFC 6455 §7.1.5). The error is always nil.
func (c *Conn) CloseNow() error {
	c.end(net.ErrClosed)
	return nil
}

// sendClose sends the close frame, once. A reason too long is cut between runes.
func (c *Conn) sendClose(ctx context.Context, code wsproto.StatusCode, reason string) error {
	if len(reason) > maxCloseReason {
		n := maxCloseReason
		for n > 0 && !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	var buf [wsproto.MaxControlPayload]byte
	return c.writeFrame(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpClose}, wsproto.AppendClose(buf[:0], code, reason))
}

// noteSent keeps our close frame, or forgets it if it could not be sent.
func (c *Conn) noteSent(payload []byte, err error) {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	if err != nil {
		c.cl.sent = nil
		return
	}
	code, reason, _ := wsproto.ParseClose(payload) // it is legal
	c.cl.sent = &CloseError{Code: code, Reason: reason, Local: c.cl.received == nil}
}

// noteReceived keeps the peer's close frame.
func (c *Conn) noteReceived(code wsproto.StatusCode, reason string) *CloseError {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	e := &CloseError{Code: code, Reason: reason, Local: c.cl.sent != nil}
	c.cl.received = e
	return e
}

// afterClose is why nothing can be written after our close frame: the peer's if ours is
// the answer, or what went wrong.
func (c *Conn) afterClose() error {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	if e := c.cl.received; e != nil && !e.Local {
		return e
	}
	if c.ended() && CloseStatus(c.cl.err) == 0 {
		return c.cl.err
	}
	return errCloseSent
}

// ended reports whether it has.
func (c *Conn) ended() bool { return c.cl.ctx.Err() != nil }

// finish is the end for all who wait. The first reason counts.
func (c *Conn) finish(err error) {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	if c.ended() {
		return
	}
	c.cl.err = err
	c.cl.cancel(err)
	c.stopKeepalive()
	c.dropPings()
}

// failed is the end after an error of the writing side. What the peer sent before
// can be read for a moment, as it may say why.
func (c *Conn) failed(err error) {
	c.finish(err)
	time.AfterFunc(lingerTime, func() { c.end(err) })
}

// end is the end of the connection below, too.
func (c *Conn) end(err error) {
	c.finish(err) // first: those who find the connection below closed look there
	if !c.cl.cut.CompareAndSwap(false, true) {
		return
	}
	_ = c.nc.Close() // nothing is left to lose
	// Contexts that outlive the connection should not hold on to it. Who has one of
	// the slots now is about to find the connection closed.
	if c.rd.turn.tryLock() {
		c.rd.guard.release()
		if c.rd.err == nil {
			c.rd.err = c.cl.err
		}
		c.rd.turn.unlock()
	}
	if c.wr.frame.tryLock() {
		c.wr.guard.release()
		if c.wr.err == nil {
			c.wr.err = c.cl.err
		}
		c.wr.freeOut()
		c.wr.frame.unlock()
	}
}

// A ping waits for its pong.
type ping struct {
	payload string
	sent    time.Time
	pong    chan struct{}      // closed by its pong, or that of a later one
	took    chan time.Duration // of StartPing; nil otherwise
}

// maxPings is how many pings of StartPing may wait for their pongs.
const maxPings = 256

// newPing registers a ping. Without a payload it gets one that no other has.
func (c *Conn) newPing(payload []byte, took chan time.Duration) (*ping, error) {
	p := &ping{payload: string(payload), pong: make(chan struct{}), took: took}
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	for payload == nil && (p.payload == "" || c.waitsFor(p.payload)) {
		c.cl.count++
		p.payload = string(binary.BigEndian.AppendUint64(nil, uint64(c.cl.count)))
	}
	switch {
	case c.ended():
		return nil, c.cl.err
	case len(payload) > wsproto.MaxControlPayload:
		return nil, fmt.Errorf("payload of %d bytes exceeds 125", len(payload))
	case payload != nil && c.waitsFor(p.payload):
		return nil, fmt.Errorf("a ping with payload %q waits for its pong already", p.payload)
	case took != nil && len(c.cl.pings) >= maxPings:
		return nil, fmt.Errorf("%d pings wait for their pongs already", maxPings)
	}
	c.cl.pings = append(c.cl.pings, p)
	p.sent = time.Now()
	return p, nil
}

// waitsFor needs mu.
func (c *Conn) waitsFor(payload string) bool {
	return slices.ContainsFunc(c.cl.pings, func(p *ping) bool { return p.payload == payload })
}

func (p *ping) answered() bool {
	select {
	case <-p.pong:
		return true
	default:
		return false
	}
}

// Ping sends a ping (RFC 6455 §5.5.2), waits for its pong and returns how long that
// took. The error is the cause of ctx or as in Read and Write.
//
// While no other goroutine reads, Ping does, but it does not read messages: one that
// comes before the pong holds it up until another goroutine has read that message.
// A loop that reads uses [Conn.StartPing].
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	p, err := c.newPing(nil, nil)
	if err == nil {
		if err = c.sendPing(ctx, p); err == nil {
			err = c.awaitPong(ctx, p)
		}
		if err != nil {
			c.forgetPing(p)
		}
	}
	if err != nil {
		return 0, opError("ping", err)
	}
	return time.Since(p.sent), nil
}

// StartPing sends a ping and does not wait. The channel gets how long the pong took,
// once a call that reads has read it; it is closed without a value if the connection
// ends before. The pong of a later ping answers earlier ones, too (RFC 6455 §5.5.3).
//
// The payload is of at most 125 bytes and must differ from those of the pings that
// wait; nil means one of our own.
func (c *Conn) StartPing(ctx context.Context, payload []byte) (pong <-chan time.Duration, err error) {
	p, err := c.newPing(payload, make(chan time.Duration, 1))
	if err != nil {
		return nil, opError("ping", err)
	}
	if err := c.sendPing(ctx, p); err != nil {
		c.forgetPing(p)
		return nil, opError("ping", err)
	}
	return p.took, nil
}

func (c *Conn) sendPing(ctx context.Context, p *ping) error {
	err := c.writeFrame(ctx, wsproto.Header{Fin: true, Opcode: wsproto.OpPing}, []byte(p.payload))
	if err == nil {
		err = c.flush(ctx)
	}
	return err
}

// dropPings is for the end of the connection. It needs mu.
func (c *Conn) dropPings() {
	for _, p := range c.cl.pings {
		if p.took != nil {
			close(p.took)
		}
	}
	c.cl.pings = nil
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
		if c.ext != nil && c.ext.begun {
			return true, nil
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
// §5.5.3). Others belong to no ping; then it is false.
func (c *Conn) gotPong(payload []byte) bool {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	for i, p := range c.cl.pings {
		if p.payload != string(payload) {
			continue
		}
		now := time.Now()
		c.cl.latency.Store(int64(now.Sub(p.sent)))
		for _, q := range c.cl.pings[:i+1] {
			close(q.pong)
			if q.took != nil {
				q.took <- now.Sub(q.sent)
				close(q.took)
			}
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
