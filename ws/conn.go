package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A MessageType says what a message holds. It is the opcode of its first frame.
type MessageType = wsproto.Opcode

// The types of RFC 6455 §5.6.
const (
	MessageText   = wsproto.OpText // UTF-8, which the reading side has checked
	MessageBinary = wsproto.OpBinary
)

// A Conn is one end of an open WebSocket connection. One goroutine may read
// while any number write, ping and close. Further readers wait their turn.
//
// A context that ends during a read loses nothing: what arrived of the message
// comes with the next read. A context that ends during a write, with a part of a
// frame already out, ends the connection.
type Conn struct {
	nc     net.Conn
	client bool
	*connOptions
	info    packedInfo
	onFrame func(c *Conn, sent bool, f wsproto.Frame) // nil means no callback
	alive   *keepalive                                // nil without pings
	ext     *extended                                 // nil without extensions but permessage-deflate
	id      uint64
	logger  *slog.Logger // nil means silence

	rd    reader
	wr    writer
	queue queue
	cl    closing
}

// connOptions are the options of a connection, which those of one server share.
type connOptions struct {
	client       bool
	deflate      *Deflate
	maskKey      func() [4]byte // nil means the keys of the buffer a frame is made in
	readLimit    int64
	readTimeout  time.Duration // of each call; zero means none
	writeTimeout time.Duration // of each piece; zero means none
	closeTimeout time.Duration
	queueLimit   int
	queueBytes   int64 // zero means no bound
	pingInterval time.Duration
	pingTimeout  time.Duration
	budget       *budget // of the server; nil without one

	// What these get is completed for each connection.
	hook  func(c *Conn, sent bool, f wsproto.Frame)
	logTo *slog.Logger
}

// newConn starts with the bytes that came right behind the handshake.
func newConn(nc net.Conn, early []byte, info *handshakeInfo, o *connOptions) *Conn {
	c := &Conn{nc: nc, client: o.client, connOptions: o, id: lastID.Add(1), logger: o.logTo}
	if c.logger != nil {
		c.logger = c.logger.With("conn", c.ID(), "remote", addrString(nc.RemoteAddr()))
	}
	c.onFrame = frameHook(c.logger, o.hook)
	c.info, c.ext = packInfo(info), info.ext
	c.cl.ctx, c.cl.cancel = context.WithCancelCause(context.Background()) //nolint:fatcontext // nothing is nested
	c.rd.init(c, early)
	c.wr.init(c)
	if info.deflate != nil {
		c.setDeflate(*info.deflate, o.deflate)
	}
	return c
}

// withDefaults replaces values that stand for a default.
func (o connOptions) withDefaults() *connOptions {
	switch {
	case o.readLimit == 0:
		o.readLimit = defaultReadLimit
	case o.readLimit < 0:
		o.readLimit = wsproto.MaxLength - 1
	}
	if o.queueLimit <= 0 {
		o.queueLimit = defaultQueueLimit
	}
	o.queueBytes = max(o.queueBytes, 0)
	if o.closeTimeout <= 0 {
		o.closeTimeout = defaultCloseTimeout
	}
	if o.pingInterval == 0 {
		o.pingInterval = defaultPingInterval
	}
	if o.pingTimeout == 0 {
		o.pingTimeout = defaultPingTimeout
	}
	return &o
}

// setDeflate sizes both directions by what was agreed.
func (c *Conn) setDeflate(p wsproto.DeflateParams, o *Deflate) {
	bits := func(n int) int {
		if n <= 0 {
			return 15
		}
		return n
	}
	ours, theirs := bits(p.ServerMaxWindowBits), bits(p.ClientMaxWindowBits)
	oursFresh, theirsFresh := p.ServerNoContextTakeover, p.ClientNoContextTakeover
	if c.client {
		ours, theirs = theirs, ours
		oursFresh, theirsFresh = theirsFresh, oursFresh
	}
	c.wr.flate = flateWriter{on: true, windowBits: uint8(ours), fresh: oursFresh, threshold: int32(max(min(o.Threshold, math.MaxInt32), -1))}
	if o.Threshold == 0 {
		c.wr.flate.threshold = 16
		if oursFresh {
			c.wr.flate.threshold = 64
		}
	}
	c.rd.deflate, c.rd.windowBits, c.rd.fresh = true, uint8(theirs), theirsFresh
}

// Handshake returns the response of the opening handshake and, as its Request, the
// request: on the server as received, on the client as sent, with URL (path and query),
// Host, Header, RemoteAddr (the peer, on both sides) and TLS. On the server the context
// of the Request has the values of the one that Check returned. Each call makes a new
// response.
func (c *Conn) Handshake() *http.Response { return c.info.unpack(c.nc.RemoteAddr()) }

// Subprotocol is the agreed one, or empty.
func (c *Conn) Subprotocol() string { return c.info.subprotocol() }

// RemoteAddr is the address of the peer's end of the connection below.
func (c *Conn) RemoteAddr() net.Addr { return c.nc.RemoteAddr() }

// Done is closed when the connection has ended, in whatever way.
func (c *Conn) Done() <-chan struct{} { return c.cl.ctx.Done() }

// longAgo as a deadline ends a call that blocks.
var longAgo = time.Unix(1, 0)

// A ctxGuard makes one direction of a connection obey contexts. It keeps watching
// the last context until another comes, so that a loop of reads under one
// context costs nothing. Its holder has the lock of that direction.
type ctxGuard struct {
	c       *Conn
	write   bool          // the direction
	dirty   bool          // a deadline is set
	watched *watch        // the context; nil if there is nothing to watch
	due     time.Duration // the deadline of bound, since guardStart; 0 if there is none
}

// guardStart is what times that bound calls count from.
var guardStart = time.Now()

// A watch has the end of a context set a deadline that is over.
type watch struct {
	done  <-chan struct{} // of the context
	stop  func() bool
	fired chan struct{} // closed once the deadline is set
}

func (g *ctxGuard) set(deadline time.Time) error {
	if g.write {
		return g.c.nc.SetWriteDeadline(deadline)
	}
	return g.c.nc.SetReadDeadline(deadline)
}

// watch has ctx end calls that block from now on.
func (g *ctxGuard) watch(ctx context.Context) error {
	if v, ok := ctx.(valueContext); ok {
		ctx = v.Context
	}
	var done <-chan struct{}
	if ctx != g.c.cl.ctx { // whose end ends calls by itself, and whose channel takes memory
		done = ctx.Done()
	}
	if !g.dirty {
		switch {
		case g.watched == nil && done == nil:
			return nil
		case g.watched != nil && done == g.watched.done:
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return nil
		}
	}
	g.release()
	if g.dirty {
		g.dirty, g.due = false, 0
		if err := g.set(time.Time{}); err != nil {
			return err
		}
	}
	if done == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w := &watch{done: done, fired: make(chan struct{})}
	w.stop = context.AfterFunc(ctx, func() {
		_ = g.set(longAgo) // fails only on a closed connection
		close(w.fired)
	})
	g.watched = w
	return nil
}

// release ends the watching.
func (g *ctxGuard) release() {
	if w := g.watched; w != nil && !w.stop() {
		<-w.fired
		g.dirty = true
	}
	g.watched = nil
}

// until bounds calls that block by a time instead of a context.
func (g *ctxGuard) until(t time.Time) {
	g.release()
	g.dirty = true
	_ = g.set(t) // fails only on a closed connection
}

// bindDeadline has ctx end all calls that block on nc. The function it returns
// undoes that, and is false if the context came first.
func bindDeadline(ctx context.Context, nc net.Conn) (release func() bool) {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = nc.SetDeadline(longAgo) // fails only on a closed connection
		close(fired)
	})
	return sync.OnceValue(func() bool {
		if stop() {
			return true
		}
		<-fired
		_ = nc.SetDeadline(time.Time{})
		return false
	})
}

func handshakeContext(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout < 0 {
		return context.WithCancel(ctx)
	}
	if timeout == 0 {
		timeout = defaultHandshakeTimeout
	}
	return withTimeout(ctx, "handshake", timeout)
}

// ctxError is why a call that the context may have ended has failed.
func ctxError(ctx context.Context, err error) error {
	if ctx.Err() != nil && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ctx.Err())) {
		return context.Cause(ctx)
	}
	return err
}

// lingerTime is how long the end of a connection may take after the last frame:
// time for the peer to read it and close its side. Autobahn gives a server one
// second.
const lingerTime = time.Second

// closeWrite ends our direction, if the connection has directions.
func closeWrite(nc net.Conn) bool {
	if tc, ok := nc.(*tls.Conn); ok {
		_ = tc.CloseWrite() // close_notify is not what peers wait for
		nc = tc.NetConn()
	}
	half, ok := nc.(interface{ CloseWrite() error })
	return ok && half.CloseWrite() == nil
}

// hangUp ends our direction and reads until the peer ends its own. Closing at
// once would reset a TCP connection with unread input, and the reset destroys
// what the peer has not read: our last frames.
func hangUp(nc net.Conn, bound time.Duration) {
	if closeWrite(nc) {
		drain(nc, bound)
	}
}

// drain reads and discards until the peer ends its direction.
func drain(nc net.Conn, bound time.Duration) {
	if nc.SetReadDeadline(time.Now().Add(bound)) == nil {
		_, _ = io.Copy(io.Discard, struct{ io.Reader }{nc})
	}
}

func opError(op string, err error) error {
	if err == nil {
		return nil
	}
	var pe *wsproto.ProtocolError
	var ce *CloseError
	if errors.As(err, &pe) || errors.As(err, &ce) {
		return err
	}
	return fmt.Errorf("ws: %s: %w", op, err)
}
