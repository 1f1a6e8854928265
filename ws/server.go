package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"time"
)

// A Server hands each connection to its Handler. It takes them from listeners, by
// [Server.Serve], and from HTTP servers, as an [http.Handler]. A listener decides
// what its connections are: TCP, TLS ([crypto/tls.NewListener]), a unix socket.
//
// The zero value is a server that echoes. Its fields must not change once it is in
// use.
type Server struct {
	// Handler runs in its own goroutine for each connection. When it returns nil, the
	// connection is closed with StatusNormalClosure if it is still open. When it
	// returns an error or panics, it is closed with StatusInternalError, and the
	// error, or the panic with its stack, is logged, to slog.Default if there is no
	// Logger. An error after the connection has ended is not logged.
	//
	// The context ends when the connection does. It has the values of the context
	// that Accept.Check returned. The request is in [Conn.Handshake]. Nil means Echo.
	Handler func(context.Context, *Conn) error
	// Accept configures the handshake and the connections.
	Accept AcceptOptions
	// MaxConns bounds the connections, those in their handshake included. One more
	// gets status 503. Zero means no bound.
	MaxConns int
	// MaxHandshakes bounds the handshakes that Serve has in flight, and with them
	// what clients cost that dribble: each at most Accept.MaxHeaderBytes for
	// Accept.HandshakeTimeout. Further connections wait, in the end in the queue of
	// the listener. Zero means 1024, a negative value no bound.
	MaxHandshakes int
	// Logger gets connections that open and close and refused handshakes at Info,
	// listeners that fail for a moment at Warn, and handlers that panic or return an
	// error at Error. It is also that of Accept, unless that has one. Nil discards all
	// but the errors.
	Logger *slog.Logger

	mu        sync.Mutex // guards the rest
	closed    bool
	listeners map[net.Listener]struct{}
	shaking   int // connections in their handshake
	conns     map[*Conn]struct{}
	ctx       context.Context //nolint:containedctx // of all handshakes
	cancel    context.CancelCauseFunc
	turns     chan struct{} // has one for each handshake of Serve; nil without a bound
	wg        sync.WaitGroup
}

const defaultMaxHandshakes = 1024

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("ws: server closed")

// init needs mu.
func (s *Server) init() {
	if s.ctx != nil {
		return
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.listeners = make(map[net.Listener]struct{})
	s.conns = make(map[*Conn]struct{})
	switch {
	case s.MaxHandshakes == 0:
		s.turns = make(chan struct{}, defaultMaxHandshakes)
	case s.MaxHandshakes > 0:
		s.turns = make(chan struct{}, s.MaxHandshakes)
	}
}

// Serve accepts connections until the listener fails or Shutdown or Close is
// called, and closes the listener. It does not wait for handlers: Shutdown does.
// Options that are not valid are an error at once.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
	if err := s.Accept.Validate(); err != nil {
		return err
	}
	s.mu.Lock()
	s.init()
	if s.closed {
		s.mu.Unlock()
		return ErrServerClosed
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
				return ErrServerClosed
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
		if s.turns != nil {
			select {
			case s.turns <- struct{}{}:
			case <-s.ctx.Done():
			}
		}
		reject, ok := s.enter()
		if !ok {
			_ = nc.Close()
			return ErrServerClosed
		}
		go s.serve(nc, reject)
	}
}

// enter counts a connection that begins its handshake; leave must follow. It is
// false when the server is closed. A connection too many is to be rejected.
func (s *Server) enter() (reject *RejectError, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	if s.closed {
		return nil, false
	}
	s.wg.Add(1)
	s.shaking++
	if s.MaxConns > 0 && s.shaking+len(s.conns) > s.MaxConns {
		reject = refuse(http.StatusServiceUnavailable, "too many connections")
	}
	return reject, true
}

// A visit is one connection's stay, from enter to leave.
type visit struct {
	s *Server
	c *Conn // nil during the handshake
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
	s.shaking--
	s.conns[c] = struct{}{}
	return true
}

// leave ends it.
func (v *visit) leave() {
	s := v.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.c == nil {
		s.shaking--
	} else {
		delete(s.conns, v.c)
	}
	s.wg.Done()
}

// serve is a connection of Serve.
func (s *Server) serve(nc net.Conn, reject *RejectError) {
	opts := s.acceptOptions()
	v := &visit{s: s}
	var c *Conn
	var err error = reject
	if reject == nil {
		c, err = opts.acceptNet(s.ctx, nc, v.opened)
	} else {
		opts.rejectNet(nc, reject, false)
		_ = nc.Close()
	}
	if s.turns != nil {
		<-s.turns
	}
	// The stack that a handshake takes would stay as long as the connection.
	go v.run(nil, c, addrString(nc.RemoteAddr()), err) //nolint:staticcheck // no values
}

// ServeHTTP answers a handshake that came through an HTTP server and runs the
// Handler, which gets the values of the request's context. The HTTP server knows
// nothing of the connection from then on: its Shutdown should be followed by ours.
// MaxHandshakes, Accept.MaxHeaderBytes and Accept.HandshakeTimeout are the HTTP
// server's to bound.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	opts := s.acceptOptions()
	reject, ok := s.enter()
	if !ok {
		opts.reject(w, shuttingDown())
		return
	}
	v := &visit{s: s}
	var c *Conn
	var err error = reject
	if reject == nil {
		c, err = opts.accept(w, r, v.opened)
	} else {
		opts.reject(w, reject)
	}
	v.run(r.Context(), c, r.RemoteAddr, err)
}

func shuttingDown() *RejectError {
	return refuse(http.StatusServiceUnavailable, "server is shutting down")
}

func (s *Server) acceptOptions() AcceptOptions {
	opts := s.Accept
	if opts.Logger == nil {
		opts.Logger = s.Logger
	}
	return opts
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
	c.Logger().Info("connection opened", "target", c.info.target(), "subprotocol", c.info.subprotocol())
	ctx := c.cl.ctx
	if more := c.info.more; more != nil && more.values != nil {
		values = more.values
	}
	if values != nil {
		ctx = valueContext{ctx, values}
	}
	_ = c.Close(s.handle(ctx, c), "") // unless it has ended
	c.Logger().Info("connection closed", "error", c.Err(), "after", time.Since(start))
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
func (s *Server) handle(ctx context.Context, c *Conn) (code StatusCode) {
	defer func() {
		if v := recover(); v != nil {
			c.errorLogger().Error("handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			code = StatusInternalError
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
	if s.Logger != nil {
		return s.Logger
	}
	return slog.New(slog.DiscardHandler)
}
