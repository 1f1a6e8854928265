package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wsconform/wsconform/ws"
)

// A Client opens WebSockets over HTTP/3. Those to one server with the same TLS, a pointer,
// share a connection, up to the number that the server allows. A connection without a
// WebSocket is closed after 10 s. The zero value is ready to use.
type Client struct {
	mu     sync.Mutex // guards the rest
	hosts  map[hostKey]*host
	closed bool
}

// hostKey is what connections are alike in.
type hostKey struct {
	addr string
	tls  *tls.Config
}

// A host is a server.
type host struct {
	conns   []*conn
	dialing chan struct{} // closed once a connection is open, or is not; nil if none is on its way
}

// A conn is a connection. The Client's mu guards its fields that change.
type conn struct {
	quic  *quic.Conn
	http  *http3.ClientConn
	used  int         // streams that are open or asked for
	full  bool        // the server took no more streams
	over  bool        // it takes none any more: the server leaves, or may be dead
	idle  *time.Timer // closes the connection; nil while it is used
	ended bool
}

const (
	// fullAfter is how long a connection has to allow another stream.
	fullAfter = 200 * time.Millisecond
	// maxInterim is how many 1xx responses may come before the final one.
	maxInterim = 16
	// attempts is how many connections are tried for a WebSocket that servers which are
	// about to close them reject.
	attempts = 3
)

var errNotAnnounced = errors.New("server does not announce WebSockets over HTTP/3 (RFC 9220)")

// Dial opens a WebSocket, whose URL is wss. Options are as in [ws.Dial], but HTTP2, NetDial
// and the proxy of the environment are ignored, and a Proxy that gives one is an error.
func (cl *Client) Dial(ctx context.Context, rawURL string, opts *ws.DialOptions) (*ws.Conn, error) {
	var own ws.DialOptions
	if opts != nil {
		own = *opts
	}
	own.HTTP3 = cl.Open
	return ws.Dial(ctx, rawURL, &own)
}

// Open is for the HTTP3 of [ws.DialOptions].
func (cl *Client) Open(ctx context.Context, r *http.Request, config *tls.Config) (*http.Response, net.Conn, error) {
	addr := r.URL.Host
	if r.URL.Port() == "" {
		addr = net.JoinHostPort(r.URL.Hostname(), "443")
	}
	key := hostKey{addr, config}
	for over := 0; ; {
		c, err := cl.take(ctx, key)
		if err != nil {
			return nil, nil, err
		}
		resp, nc, err := cl.ask(ctx, c, r)
		if errors.Is(err, errFull) {
			continue
		}
		leaving, ok := errors.AsType[*leavingError](err)
		if !ok {
			return resp, nc, err
		}
		if over++; over == attempts {
			return nil, nil, &net.OpError{Op: "dial", Net: "udp", Addr: c.quic.RemoteAddr(), Err: leaving.error} // may be gone at the next attempt
		}
	}
}

// Close closes the connections, with the WebSockets on them. Later calls of Dial and Open
// fail with [net.ErrClosed].
func (cl *Client) Close() error {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.closed = true
	for _, h := range cl.hosts {
		for _, c := range h.conns {
			c.close()
		}
	}
	return nil
}

// take reserves a place on a connection.
func (cl *Client) take(ctx context.Context, key hostKey) (*conn, error) {
	for {
		cl.mu.Lock()
		if cl.closed {
			cl.mu.Unlock()
			return nil, net.ErrClosed
		}
		if cl.hosts == nil {
			cl.hosts = make(map[hostKey]*host)
		}
		h := cl.hosts[key]
		if h == nil {
			h = new(host)
			cl.hosts[key] = h
		}
		for _, c := range h.conns {
			if !c.full && !c.over && !c.ended {
				c.use()
				cl.mu.Unlock()
				return c, nil
			}
		}
		if wait := h.dialing; wait != nil {
			cl.mu.Unlock()
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		h.dialing = make(chan struct{})
		cl.mu.Unlock()
		c, err := connect(ctx, key)
		cl.mu.Lock()
		close(h.dialing)
		h.dialing = nil
		if err != nil {
			if len(h.conns) == 0 {
				delete(cl.hosts, key)
			}
			cl.mu.Unlock()
			return nil, err
		}
		if cl.closed {
			c.close()
		}
		c.use()
		h.conns = append(h.conns, c)
		cl.mu.Unlock()
		context.AfterFunc(c.quic.Context(), func() { cl.forget(key, h, c) })
		return c, nil
	}
}

// forget takes a connection that has ended out of those of its host, and a host without any
// out of the client.
func (cl *Client) forget(key hostKey, h *host, c *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c.ended = true
	if c.idle != nil {
		c.idle.Stop()
	}
	h.conns = slices.DeleteFunc(h.conns, func(other *conn) bool { return other == c })
	if len(h.conns) == 0 && h.dialing == nil {
		delete(cl.hosts, key)
	}
}

// use needs mu.
func (c *conn) use() {
	c.used++
	if c.idle != nil {
		c.idle.Stop()
		c.idle = nil
	}
}

// close ends a connection with all that is on it.
func (c *conn) close() {
	c.ended = true
	_ = c.quic.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "") // it never fails
}

// refuse ends a connection with all that is on it, because of what the server has sent.
func (c *conn) refuse(code http3.ErrCode) {
	_ = c.quic.CloseWithError(quic.ApplicationErrorCode(code), "") // it never fails
}

// leave gives a place back, on which a connection that was full has room.
func (cl *Client) leave(c *conn) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c.used--
	c.full = false
	switch {
	case c.used > 0 || c.ended:
	case c.over:
		c.close()
	default:
		c.idle = time.AfterFunc(idleTime, func() {
			cl.mu.Lock()
			defer cl.mu.Unlock()
			if c.used == 0 {
				c.close()
			}
		})
	}
}

// failed is what a request that failed, and has given its place back, says of its connection.
func (cl *Client) failed(c *conn, full, over bool) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	c.full = full && c.used > 0
	c.over = c.over || over
	if c.over && c.used == 0 {
		c.close()
	}
}

// connect opens a connection and waits for the server to announce WebSockets, without which
// none may be asked for (RFC 8441 §3).
func connect(ctx context.Context, key hostKey) (*conn, error) {
	conf := key.tls.Clone()
	if conf == nil {
		conf = &tls.Config{}
	}
	if conf.ServerName == "" {
		conf.ServerName, _, _ = net.SplitHostPort(key.addr) // the address has a port
	}
	conf.NextProtos = []string{http3.NextProtoH3}
	qc, err := quic.DialAddr(ctx, key.addr, conf, config(-1))
	if err != nil {
		return nil, fmt.Errorf("QUIC with %s: %w", key.addr, ctxCause(ctx, err))
	}
	c := &conn{quic: qc, http: (&http3.Transport{MaxResponseHeaderBytes: maxHeaderBytes, DisableCompression: true}).NewClientConn(qc)}
	select {
	case <-c.http.ReceivedSettings():
	case <-qc.Context().Done():
		return nil, fmt.Errorf("HTTP/3: %w", context.Cause(qc.Context()))
	case <-ctx.Done():
		c.close()
		return nil, fmt.Errorf("HTTP/3: wait for the server's settings: %w", context.Cause(ctx))
	}
	if !c.http.Settings().EnableExtendedConnect {
		c.close()
		return nil, errNotAnnounced
	}
	return c, nil
}

// errFull says that a connection takes no more streams for now.
var errFull = errors.New("connection is full")

// A leavingError says that the server did not look at the request, since it is about to
// close the connection (RFC 9114 §5.2), or has done so.
type leavingError struct{ error }

// ask sends a request and waits for the response. It gives the place back, then or when the
// stream is closed.
func (cl *Client) ask(ctx context.Context, c *conn, r *http.Request) (resp *http.Response, nc net.Conn, err error) {
	received := c.quic.ConnectionStats().PacketsReceived
	leave := sync.OnceFunc(func() { cl.leave(c) })
	defer func() {
		if err == nil {
			return
		}
		leave()
		_, over := errors.AsType[*leavingError](err)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			over = c.quic.ConnectionStats().PacketsReceived == received // not even an acknowledgment
		}
		cl.failed(c, errors.Is(err, errFull), over)
	}()
	soon, cancel := context.WithTimeout(ctx, fullAfter)
	st, err := c.http.OpenRequestStream(soon)
	full := soon.Err() != nil
	cancel()
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, nil, fmt.Errorf("HTTP/3: %w", context.Cause(ctx))
	case err != nil && full:
		return nil, nil, errFull
	case err != nil:
		return nil, nil, &leavingError{fmt.Errorf("HTTP/3: %w", err)}
	}
	s := &stream{framed: st, local: c.quic.LocalAddr(), remote: c.quic.RemoteAddr(), release: func(bool) { leave() }}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer func() {
		if !stop() && err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			resp, nc = nil, nil
			if st, ok := errors.AsType[*http3.Error](err); ok && st.Remote && st.ErrorCode == http3.ErrCodeRequestRejected {
				err = &leavingError{err}
			}
			_ = s.Close()
		}
	}()
	if err = st.SendRequestHeader(r); err != nil {
		return nil, nil, fmt.Errorf("HTTP/3: send the request: %w", ctxCause(ctx, err))
	}
	for range maxInterim + 1 {
		if resp, err = st.ReadResponse(); err != nil {
			return nil, nil, fmt.Errorf("wait for the response: %w", ctxCause(ctx, err))
		}
		if resp.StatusCode >= 200 {
			state := c.quic.ConnectionState().TLS
			resp.TLS = &state
			resp.Trailer = nil // those it has announced
			s.trailers, s.refuse = &resp.Trailer, c.refuse
			return resp, s, nil
		}
	}
	return nil, nil, errors.New("too many interim responses")
}

// ctxCause is why a call that the context may have ended has failed.
func ctxCause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
