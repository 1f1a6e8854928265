package ws

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// A Server accepts connections from listeners and hands each to its Handler. The
// listener decides what they are: TCP, TLS, a unix socket.
type Server struct {
	// Handler runs in a goroutine of its own for each connection. When it returns,
	// the connection is closed with StatusNormalClosure if it is still open. Its
	// context ends with the connection's, or when Shutdown gives up waiting. Nil
	// means Echo.
	Handler func(context.Context, *Conn)
	// Accept configures the handshake.
	Accept AcceptOptions
	// Logger hears of refused handshakes and of listeners that fail for a moment.
	// Nil means silence.
	Logger *slog.Logger

	mu        sync.Mutex // guards the rest
	closed    bool
	listeners map[net.Listener]struct{}
	shaking   map[net.Conn]struct{} // in their handshake
	conns     map[*Conn]struct{}
	ctx       context.Context //nolint:containedctx // of all handlers
	cancel    context.CancelFunc
	wg        sync.WaitGroup
}

// ErrServerClosed is what Serve returns after Shutdown.
var ErrServerClosed = errors.New("ws: server closed")

// init needs mu.
func (s *Server) init() {
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		s.listeners = make(map[net.Listener]struct{})
		s.shaking = make(map[net.Conn]struct{})
		s.conns = make(map[*Conn]struct{})
	}
}

// Serve accepts connections until the listener fails or Shutdown is called, and
// closes the listener. It does not wait for handlers: Shutdown does.
func (s *Server) Serve(l net.Listener) error {
	defer l.Close()
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
			if s.isClosed() {
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
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			_ = nc.Close()
			return ErrServerClosed
		}
		s.shaking[nc] = struct{}{}
		s.wg.Go(func() { s.serve(nc) })
		s.mu.Unlock()
	}
}

func (s *Server) serve(nc net.Conn) {
	c, err := AcceptNet(s.ctx, nc, &s.Accept)
	s.mu.Lock()
	delete(s.shaking, nc)
	closed := s.closed
	if err == nil {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	if err != nil {
		s.logger().Info("handshake failed", "remote", nc.RemoteAddr(), "error", err)
		return
	}
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	defer c.CloseNow() //nolint:errcheck // it has nothing to say
	if closed {
		_ = c.Close(StatusGoingAway, "")
		return
	}
	if s.Handler == nil {
		_ = Echo(c.Context(), c) // ends as the peer wants
	} else {
		s.Handler(c.Context(), c)
	}
	select {
	case <-c.Done():
	default:
		_ = c.Close(StatusNormalClosure, "") // the handler has gone: no one to tell
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func (s *Server) logger() *slog.Logger {
	if s.Logger != nil {
		return s.Logger
	}
	return slog.New(slog.DiscardHandler)
}

// Shutdown stops the listeners, drops those in their handshake, closes open
// connections with StatusGoingAway and waits for all handlers. When ctx ends
// first, it cuts the connections and the handlers' contexts, waits for the
// handlers to return, and says so.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.init()
	s.closed = true
	for l := range s.listeners {
		_ = l.Close() // Serve is about to say so
	}
	for nc := range s.shaking {
		_ = nc.Close()
	}
	for c := range s.conns {
		s.wg.Go(func() { _ = c.Close(StatusGoingAway, "") })
	}
	s.mu.Unlock()

	stop := context.AfterFunc(ctx, func() {
		s.cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.conns {
			_ = c.CloseNow()
		}
	})
	s.wg.Wait()
	s.cancel()
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// maxEcho is the largest buffer that an echo keeps for the next message.
const maxEcho = 4 << 20

// Echo sends back each message until the connection ends, and says why it did.
// It answers in batches, and reads into one buffer as long as that stays below 4 MiB.
func Echo(ctx context.Context, c *Conn) error {
	if err := c.SetBatch(ctx, true); err != nil {
		return err
	}
	var buf []byte
	for {
		typ, p, err := c.ReadAppend(ctx, buf[:0])
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			// The peer may have said why before it stopped listening.
			return c.Discard(ctx)
		}
		if buf = p; cap(buf) > maxEcho {
			buf = nil
		}
	}
}
