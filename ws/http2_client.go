package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/ws/internal/h2"
)

// HTTP2 makes [Dial] open WebSockets over HTTP/2 (RFC 8441), where those to one server
// share a connection, up to the number that the server allows. A connection without a
// WebSocket is closed after 10 s.
//
// For wss the server agrees to HTTP/2 by ALPN. One that does not, or does not announce
// WebSockets over it, gets a handshake of HTTP/1.1, as does each ws URL, where there is
// nothing to agree by.
//
// The zero value is ready to use. DialOptions with the same HTTP2 and the same TLS, a
// pointer, share connections: their NetDial and Proxy should do the same. A copy of the
// tls.Config for each Dial means a connection for each.
type HTTP2 struct {
	// Only refuses to open a WebSocket in another way. For ws it takes for granted that
	// the server speaks HTTP/2 (RFC 9113 §3.3).
	Only bool

	mu    sync.Mutex // guards the rest
	hosts map[http2Key]*http2Host
}

// http2Key is what connections are alike in.
type http2Key struct {
	scheme, addr, socket string
	tls                  *tls.Config
}

// An http2Host is a server.
type http2Host struct {
	conns   []*h2.Conn
	dialing chan struct{} // closed once a connection is open, or is not; nil if none is on its way
	opening *h2.Conn      // the one that waits for the server's settings; nil if none does
	without bool          // it has no WebSockets over HTTP/2
}

const (
	// idleHTTP2 is how long a connection may be without a WebSocket.
	idleHTTP2 = 10 * time.Second
	// http2Attempts is how many connections are tried for a WebSocket that servers refuse
	// which are about to close them, or allow no stream.
	http2Attempts = 3
)

var (
	errNotHTTP2  = errors.New("server does not offer WebSockets over HTTP/2 (RFC 8441)")
	errNoStreams = errors.New("HTTP/2: server allows no streams on new connections")
)

// Close closes the connections, with the WebSockets on them, and waits for that: a
// second if a server does not close its side. A later [Dial] opens a new connection.
func (p *HTTP2) Close() error {
	p.mu.Lock()
	var conns []*h2.Conn
	for _, host := range p.hosts {
		conns = append(conns, host.conns...)
		if host.opening != nil {
			conns = append(conns, host.opening)
		}
	}
	p.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	for _, c := range conns {
		<-c.Closed()
	}
	return nil
}

// forget takes a connection that has ended out of those of its host. It needs mu, as does
// forgetHost.
func (p *HTTP2) forget(key http2Key, host *http2Host, c *h2.Conn) {
	host.conns = slices.DeleteFunc(host.conns, func(other *h2.Conn) bool { return other == c })
	if host.opening == c {
		host.opening = nil
	}
	p.forgetHost(key, host)
}

// forgetHost removes a host from the pool if the pool has no state for it.
func (p *HTTP2) forgetHost(key http2Key, host *http2Host) {
	if len(host.conns) == 0 && host.opening == nil && host.dialing == nil && !host.without && p.hosts[key] == host {
		delete(p.hosts, key)
	}
}

// dialHTTP2 opens a WebSocket over HTTP/2, or a connection for the handshake of HTTP/1.1.
func (o *DialOptions) dialHTTP2(ctx context.Context, t target, req *dialRequest) (*Conn, net.Conn, error) {
	if t.url.Scheme == "ws" && !o.HTTP2.Only {
		nc, err := o.connect(ctx, t)
		return nil, nc, err
	}
	own, fields := o.requestHTTP2(t, req)
	for attempt := 1; ; attempt++ {
		st, nc, err := o.HTTP2.open(ctx, o, t, fields)
		if st == nil {
			return nil, nc, err
		}
		c, err := o.handshakeHTTP2(ctx, st, t, own, fields)
		if err == nil {
			return c, nil, nil
		}
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			st.Unanswered()
		}
		_ = st.Close()
		reset := (*h2.ResetError)(nil)
		if !errors.As(err, &reset) || reset.Code != http2.ErrCodeRefusedStream || attempt == http2Attempts {
			return nil, nil, err
		}
	}
}

// open sends a request on a connection that has room, or on a new one. Without a stream
// it gives a connection for HTTP/1.1, or the error.
func (p *HTTP2) open(ctx context.Context, o *DialOptions, t target, fields []hpack.HeaderField) (*h2.Stream, net.Conn, error) {
	key := http2Key{t.url.Scheme, t.addr(), t.socket, o.TLS}
	for opened := 0; ; {
		p.mu.Lock()
		if p.hosts == nil {
			p.hosts = make(map[http2Key]*http2Host)
		}
		host := p.hosts[key]
		if host == nil {
			host = new(http2Host)
			p.hosts[key] = host
		}
		for _, c := range host.conns {
			if st, err := c.Open(fields); !errors.Is(err, h2.ErrFull) {
				p.mu.Unlock()
				return st, nil, err
			}
		}
		if host.without {
			p.mu.Unlock()
			nc, err := o.connect(ctx, t)
			return nil, nc, err
		}
		if wait := host.dialing; wait != nil {
			p.mu.Unlock()
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, nil, context.Cause(ctx)
			}
		}
		if opened == http2Attempts {
			p.forgetHost(key, host)
			p.mu.Unlock()
			return nil, nil, errNoStreams
		}
		opened++
		host.dialing = make(chan struct{})
		p.mu.Unlock()
		c, nc, err := p.connect(ctx, o, t, key, host)
		p.mu.Lock()
		close(host.dialing)
		host.dialing = nil
		if c != nil && host.opening == c { // it has not ended
			host.opening = nil
			host.conns = append(host.conns, c)
			if st, err := c.Open(fields); !errors.Is(err, h2.ErrFull) { // before those who wait
				p.mu.Unlock()
				return st, nil, err
			}
		}
		p.forgetHost(key, host)
		p.mu.Unlock()
		if nc != nil || err != nil {
			return nil, nc, err
		}
	}
}

// connect opens a connection. If the server does not serve WebSockets over HTTP/2 there is
// none, but maybe one for HTTP/1.1.
func (p *HTTP2) connect(ctx context.Context, o *DialOptions, t target, key http2Key, host *http2Host) (*h2.Conn, net.Conn, error) {
	config := o.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.NextProtos = []string{http2.NextProtoTLS, "http/1.1"}
	if p.Only {
		config.NextProtos = config.NextProtos[:1]
	}
	nc, err := o.connectFor(ctx, t, config)
	if err != nil {
		return nil, nil, err
	}
	without := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		host.without = true
	}
	if state := tlsState(nc); state != nil && state.NegotiatedProtocol != http2.NextProtoTLS {
		if p.Only {
			_ = nc.Close()
			return nil, nil, errNotHTTP2
		}
		without()
		return nil, nc, nil
	}
	c := h2.NewClient(nc, h2.Config{
		MaxHeaderBytes: maxHandshake, IdleTimeout: idleHTTP2, WriteTimeout: max(o.WriteTimeout, 0), WriteNow: writerNow(nc),
	})
	p.mu.Lock()
	host.opening = c
	p.mu.Unlock()
	go func() {
		c.ServeClient()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.forget(key, host, c)
	}()
	announced, err := c.Announces(ctx)
	switch {
	case err != nil:
		c.Close()
		return nil, nil, failedHTTP2(fmt.Errorf("HTTP/2: %w", ctxError(ctx, err)))
	case !announced:
		c.Close()
		if p.Only {
			return nil, nil, errNotHTTP2
		}
		without() // open goes on with that
		return nil, nil, nil
	}
	o.debug(ctx, "HTTP/2 connection opened", slog.String("addr", t.addr()))
	return c, nil, nil
}

// requestHTTP2 is a request as HTTP/2 has it (RFC 8441 §5.1).
func (o *DialOptions) requestHTTP2(t target, req *dialRequest) (*dialRequest, []hpack.HeaderField) {
	own := &dialRequest{target: req.target, host: req.host, header: req.header.Clone()}
	for _, name := range []string{"Sec-WebSocket-Key", "Upgrade", "Connection"} {
		own.header.Del(name)
	}
	list := []hpack.HeaderField{
		{Name: ":method", Value: http.MethodConnect},
		{Name: ":protocol", Value: "websocket"},
		{Name: ":scheme", Value: t.http().Scheme},
		{Name: ":path", Value: req.target},
	}
	if req.host != "" {
		list = append(list, hpack.HeaderField{Name: ":authority", Value: req.host})
	}
	return own, appendHTTP2(list, own.header)
}

func (o *DialOptions) handshakeHTTP2(ctx context.Context, st *h2.Stream, t target, req *dialRequest, fields []hpack.HeaderField) (*Conn, error) {
	return o.handshakeStream(ctx, t, req, fields, 2, func() (r streamResponse, err error) {
		r.nc, r.tls = st, tlsState(st.Conn())
		if r.status, r.fields, err = st.Response(ctx); err != nil {
			err = fmt.Errorf("wait for the response: %w", ctxError(ctx, err))
		}
		return r, err
	})
}

// A streamResponse is the answer to a request for a WebSocket, and the stream.
type streamResponse struct {
	nc     net.Conn
	tls    *tls.ConnectionState
	status int
	fields []hpack.HeaderField
}

// handshakeStream is the handshake on a stream of HTTP/2 or HTTP/3. respond waits for the
// response.
func (o *DialOptions) handshakeStream(ctx context.Context, t target, req *dialRequest, fields []hpack.HeaderField, major int, respond func() (streamResponse, error)) (*Conn, error) {
	if o.Logger != nil {
		o.debug(ctx, "request", slog.String("target", req.target), slog.String("host", req.host), headerGroup(req.header))
	}
	if o.OnHandshake != nil {
		o.OnHandshake(true, linesHTTP2(fields))
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	r, err := respond()
	if err != nil {
		return nil, failedHTTP2(err)
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	status, header := r.status, make(http.Header, len(r.fields))
	for _, f := range r.fields {
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		header[name] = append(header[name], f.Value)
	}
	if o.OnHandshake != nil {
		o.OnHandshake(false, linesHTTP2(append([]hpack.HeaderField{{Name: ":status", Value: fmt.Sprint(status)}}, r.fields...)))
	}
	if o.Logger != nil {
		o.debug(ctx, "response", slog.Int("status", status), headerGroup(header))
	}
	o.keepCookies(t, header)
	fail := func(reason string, body []byte) error {
		return &HandshakeError{Reason: reason, Status: status, Header: header, Body: body}
	}
	if status < 200 || status > 299 {
		_ = r.nc.SetReadDeadline(time.Now().Add(lingerTime)) // fails only on a closed stream
		body, _ := io.ReadAll(io.LimitReader(r.nc, maxErrorBody))
		return nil, fail("server refused", body)
	}
	for _, name := range connectionFields {
		if len(header[name]) > 0 {
			return nil, fail(name+fmt.Sprintf(" header over HTTP/%d (RFC 9110 §7.6.1)", major), nil)
		}
	}
	info, he := o.agree(req, header)
	if he != nil {
		return nil, fail(he.Reason, nil)
	}
	info.request.ProtoMajor, info.request.TLS = major, r.tls
	return o.dialed(r.nc, nil, info), nil
}

// failedHTTP2 is the error of Dial: a [HandshakeError] if the server broke a rule, or
// would not have the request.
func failedHTTP2(err error) error {
	if _, ok := errors.AsType[*h2.RuleError](err); ok {
		return &HandshakeError{Reason: "malformed response over HTTP/2", Err: err}
	}
	if _, ok := errors.AsType[*h2.ResetError](err); ok {
		return &HandshakeError{Reason: "server reset the request", Err: err}
	}
	return err
}

// linesHTTP2 shows fields to who looks at handshakes.
func linesHTTP2(fields []hpack.HeaderField) []byte {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}
