package ws

import (
	"cmp"
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Server hands each connection to its Handler. It takes them from listeners, by
// [Server.Serve], and from HTTP servers, as an [http.Handler]. A listener decides
// what its connections are: TCP, TLS ([crypto/tls.NewListener]), a unix socket. Each may
// speak HTTP/2, where each stream can be a WebSocket (RFC 8441).
//
// The zero value is a server that echoes. Its fields must not change once it is in
// use.
type Server struct {
	// Handler runs in its own goroutine for each connection. When it returns nil, the
	// connection is closed with StatusNormalClosure if it is still open. When it
	// returns an error or panics, it is closed with StatusInternalError, and the
	// error, or the panic with its stack, is logged, to slog.Default if there is no
	// Accept.Logger. An error after the connection has ended is not logged, nor is a panic
	// with [http.ErrAbortHandler].
	//
	// The context ends when the connection does. It has the values of the context
	// that Accept.Check returned. The request is in [Conn.Handshake]. Nil means Echo.
	Handler func(context.Context, *Conn) error
	// Accept configures the handshake and the connections.
	Accept AcceptOptions
	// MaxConns bounds the connections, those in their handshake included. One more
	// gets status 503. Zero means no bound.
	MaxConns int
	// MaxHandshakes bounds the handshakes that Serve has in flight, and with them the
	// cost of clients that dribble: each at most Accept.MaxHeaderBytes for
	// Accept.HandshakeTimeout. One more ends the oldest, with status 408 if its request
	// has begun, so that dribblers do not keep real clients out. Zero means 1024, a
	// negative value no bound.
	MaxHandshakes int
	// MemoryLimit bounds the bytes of messages that all connections together hold: of
	// each message that arrives, inflated, from 64 KiB on until the program reads the next
	// one, and of those queued by Send. A message beyond it ends its connection with
	// [wsproto.StatusTryAgainLater] and [ErrTooLarge]; a Send beyond it gets ErrQueueFull. What
	// [Conn.Reader] streams is not counted, nor is a broadcast, which is in memory once.
	// The process takes about twice as much, as the garbage collector does. Zero means
	// 256 MiB, a negative value no bound.
	MemoryLimit int64
	mu          sync.Mutex // guards the rest
	closed      bool
	listeners   map[net.Listener]struct{}
	shaking     int // connections in their handshake
	conns       map[*Conn]struct{}
	ctx         context.Context //nolint:containedctx // of all handshakes
	cancel      context.CancelCauseFunc
	opts        AcceptOptions // Accept, completed
	pending     *list.List    // of *visit: the handshakes of Serve, the oldest first
	wg          sync.WaitGroup
}

const (
	defaultMaxHandshakes = 1024
	defaultMemoryLimit   = 256 << 20
)

// init needs mu.
func (s *Server) init() {
	if s.ctx != nil {
		return
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.listeners = make(map[net.Listener]struct{})
	s.conns = make(map[*Conn]struct{})
	s.pending = list.New()
	s.opts = s.Accept
	var b *budget
	if s.MemoryLimit >= 0 {
		b = &budget{limit: cmp.Or(s.MemoryLimit, defaultMemoryLimit)}
	}
	s.opts.conn = s.opts.newConnOptions(b)
}

// Serve accepts connections until the listener fails or Shutdown or Close is
// called, and closes the listener. It does not wait for handlers: Shutdown does.
// Options that are not valid are an error at once. After Shutdown or Close the error
// is [http.ErrServerClosed].
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if err := s.Accept.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	s.init()
	if s.closed {
		s.mu.Unlock()
		return http.ErrServerClosed
	}
	s.listeners[l] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.listeners, l)
		s.mu.Unlock()
	}()
	var pause time.Duration
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.ctx.Err() != nil {
				return http.ErrServerClosed
			}
			// Out of file descriptors, for example: others will end.
			var ne net.Error
			if errors.As(err, &ne) && ne.Temporary() { //nolint:staticcheck // net/http does so too
				pause = min(max(2*pause, 5*time.Millisecond), time.Second)
				s.logger().Warn("accept failed for now", "error", err, "retry", pause)
				select {
				case <-time.After(pause):
				case <-s.ctx.Done():
				}
				continue
			}
			return err
		}
		pause = 0
		v, reject := s.enter()
		if v == nil {
			_ = nc.Close()
			return http.ErrServerClosed
		}
		ctx := v.queue()
		go v.serve(ctx, nc, reject)
	}
}

// errCrowdedOut ends the oldest handshake when there are too many.
var errCrowdedOut = errors.New("too many handshakes, and this was the oldest")

// queue lists a handshake of Serve, at the cost of the oldest if there are too many.
func (v *visit) queue() context.Context {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithCancelCause(s.ctx)
	v.cancel = cancel
	v.place = s.pending.PushBack(v)
	limit := s.MaxHandshakes
	if limit == 0 {
		limit = defaultMaxHandshakes
	}
	if limit > 0 && s.pending.Len() > limit {
		oldest := s.pending.Front().Value.(*visit) //nolint:forcetypeassert // nothing else is in it
		oldest.unqueue()
		oldest.cancel(errCrowdedOut)
	}
	return ctx
}

// unqueue needs mu.
func (v *visit) unqueue() {
	if v.place != nil {
		v.s.pending.Remove(v.place)
		v.place = nil
	}
}

// enter counts a connection that begins its handshake; leave must follow. It is nil
// when the server is closed. A connection too many is to be rejected.
func (s *Server) enter() (v *visit, reject *RejectError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	if s.closed {
		return nil, nil
	}
	s.wg.Add(1)
	s.shaking++
	if s.MaxConns > 0 && s.shaking+len(s.conns) > s.MaxConns {
		reject = refuse(http.StatusServiceUnavailable, "too many connections")
	}
	return &visit{s: s}, reject
}

// A visit is one connection's stay, from enter to leave.
type visit struct {
	s      *Server
	c      *Conn                   // nil during the handshake
	cancel context.CancelCauseFunc // of a handshake of Serve
	place  *list.Element           // among those; nil once it is not one any more
}

// opened is for [AcceptOptions.open].
func (v *visit) opened(c *Conn) bool {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	v.c = c
	v.unqueue()
	s.shaking--
	s.conns[c] = struct{}{}
	return true
}

// done ends the context of a handshake of Serve.
func (v *visit) done() {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	v.cancel(nil)
	v.cancel = nil // which takes memory
	v.unqueue()
}

// leave ends it.
func (v *visit) leave() {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	v.unqueue()
	if v.c == nil {
		s.shaking--
	} else {
		delete(s.conns, v.c)
	}
	s.wg.Done()
}

// serve is a connection of Serve.
func (v *visit) serve(ctx context.Context, nc net.Conn, reject *RejectError) {
	opts := &v.s.opts // of enter
	var c *Conn
	var err error = reject
	if reject == nil {
		c, err = opts.acceptNet(ctx, nc, v.opened)
		if e, ok := errors.AsType[*prefaceError](err); ok {
			v.serveHTTP2(ctx, nc, e.early)
			return
		}
	} else {
		opts.rejectNet(nc, reject, false)
		_ = nc.Close()
	}
	v.done()
	// The stack that a handshake takes would stay as long as the connection.
	go v.run(nil, c, addrString(nc.RemoteAddr()), err) //nolint:staticcheck // no values
}

// ServeHTTP answers a handshake that came through an HTTP server and runs the
// Handler, which gets the values of the request's context. The HTTP server knows
// nothing of the connection from then on: its Shutdown should be followed by ours.
// MaxHandshakes and Accept.MaxHeaderBytes are the HTTP server's to bound.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, reject := s.enter()
	opts := &s.opts
	if v == nil {
		opts.reject(w, shuttingDown())
		return
	}
	var c *Conn
	var err error = reject
	if reject == nil {
		c, err = opts.accept(w, r, v.opened)
	} else {
		opts.reject(w, reject)
	}
	if c != nil && r.ProtoMajor == 3 {
		if _, ok := c.nc.(*handlerConn); !ok { // the stream is ours, and need not hold the stack of the handshake
			go v.run(r.Context(), c, r.RemoteAddr, nil)
			return
		}
	}
	v.run(r.Context(), c, r.RemoteAddr, err)
}

func shuttingDown() *RejectError {
	return refuse(http.StatusServiceUnavailable, "server is shutting down")
}

// run is what follows a handshake. The handler gets the values, if there are some.
func (v *visit) run(values context.Context, c *Conn, remote string, err error) {
	defer v.leave()
	s := v.s
	if err != nil {
		s.refused(remote, err)
		return
	}
	defer c.CloseNow()
	start := time.Now()
	c.log().Info("connection opened", "target", c.info.target(), "subprotocol", c.info.subprotocol())
	ctx := c.cl.ctx
	if more := c.info.more; more != nil && more.values != nil {
		values = more.values
	}
	if values != nil {
		ctx = valueContext{ctx, values}
	}
	code := s.handle(ctx, c)
	if c.rd.turn.tryLock() { // otherwise the reading call does it
		c.unhold()
		c.rd.turn.unlock()
	}
	_ = c.Close(code, "") // unless it has ended
	c.log().Info("connection closed", "error", c.Err(), "after", time.Since(start))
}

// A valueContext ends like one context and has the values of two.
type valueContext struct {
	context.Context
	values context.Context //nolint:containedctx // it is one itself
}

func (c valueContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.values.Value(key)
}

// handle runs the handler and returns what to close with.
func (s *Server) handle(ctx context.Context, c *Conn) (code wsproto.StatusCode) {
	defer func() {
		if v := recover(); v != nil {
			code = StatusInternalError
			if v == http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				return
			}
			c.errorLogger().Error("handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	if s.Handler == nil {
		_ = Echo(ctx, c) // ends as the peer wants
		return StatusNormalClosure
	}
	if err := s.Handler(ctx, c); err != nil {
		if !c.ended() {
			c.errorLogger().Error("handler failed", "error", err)
		}
		return StatusInternalError
	}
	return StatusNormalClosure
}

// refused logs a handshake that failed.
func (s *Server) refused(remote string, err error) {
	level := slog.LevelInfo
	var reject *RejectError
	if errors.As(err, &reject) && reject.Status < http.StatusBadRequest {
		level = slog.LevelDebug // a health check, for example
	}
	s.logger().Log(context.Background(), level, "no connection opened", "remote", remote, "error", err)
}

func (s *Server) logger() *slog.Logger {
	if s.Accept.Logger != nil {
		return s.Accept.Logger
	}
	return slog.New(slog.DiscardHandler)
}
