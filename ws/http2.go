package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/ws/internal/h2"
)

// prefaceHead is what the preface of an HTTP/2 client looks like to who reads a request
// of HTTP/1.1 (RFC 9113 §3.4).
const prefaceHead = "PRI * HTTP/2.0\r\n\r\n"

// A prefaceError hands a connection over to HTTP/2, with what was read from it.
type prefaceError struct{ early []byte }

func (*prefaceError) Error() string { return "HTTP/2" }

// speaksHTTP2 reports whether a head is the client's preface. With TLS, ALPN must have
// agreed on HTTP/2 (RFC 9113 §3.2).
func speaksHTTP2(nc net.Conn, head []byte) bool {
	if string(head) != prefaceHead {
		return false
	}
	state := tlsState(nc)
	return state == nil || state.NegotiatedProtocol == http2.NextProtoTLS
}

// writerNow is the WriteNow of a connection, nil if there is none.
func writerNow(nc net.Conn) func([]byte) (int, error) {
	raw, ok := rawSocket(nc)
	if !ok {
		return nil
	}
	return func(p []byte) (int, error) { return writeNow(raw, p) }
}

// serveHTTP2 is a connection of Serve that speaks HTTP/2. It counts as a handshake while
// no WebSocket was asked for, and each WebSocket as a connection.
func (v *visit) serveHTTP2(ctx context.Context, nc net.Conn, early []byte) {
	s := v.s
	s.mu.Lock()
	s.shaking--
	s.mu.Unlock()
	idle := s.opts.HandshakeTimeout
	if idle == 0 {
		idle = defaultHandshakeTimeout
	}
	state := tlsState(nc)
	conn := h2.NewServer(nc, early, h2.Config{
		MaxHeaderBytes: uint32(s.opts.maxHeaderBytes()), //nolint:gosec // a bound that a program sets
		WriteTimeout:   max(s.opts.connOptions().writeTimeout, 0),
		IdleTimeout:    idle,
		WriteNow:       writerNow(nc),
		Handler:        func(st *h2.Stream) func() { return s.serveStream(ctx, st, state) },
		OnIdle: func(idle bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !idle {
				v.unqueue()
			}
		},
	})
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(context.Cause(ctx), http.ErrServerClosed) {
			conn.Shutdown()
		} else {
			conn.Close()
		}
	})
	conn.Serve()
	stop()
	v.done()
	s.mu.Lock()
	s.shaking++ // leave takes it back
	s.mu.Unlock()
	v.leave()
}

// serveStream is a request over HTTP/2. What it returns is the rest of it.
func (s *Server) serveStream(ctx context.Context, st *h2.Stream, state *tls.ConnectionState) func() {
	v, reject := s.enter()
	if v == nil {
		s.opts.rejectStream(st, shuttingDown())
		return nil
	}
	var c *Conn
	var err error = reject
	if reject == nil {
		c, err = s.opts.acceptStream(ctx, st, state, v.opened)
	} else {
		s.opts.rejectStream(st, reject)
	}
	return func() { v.run(nil, c, addrString(st.RemoteAddr()), err) } //nolint:staticcheck // no values
}

// acceptStream answers a request over HTTP/2 (RFC 8441 §5). opened is as in open.
func (o *AcceptOptions) acceptStream(ctx context.Context, st *h2.Stream, state *tls.ConnectionState, opened func(*Conn) bool) (*Conn, error) {
	ctx, cancel := handshakeContext(ctx, o.HandshakeTimeout)
	defer cancel()
	r, reject := readRequestHTTP2(ctx, st, state)
	var info *handshakeInfo
	if reject == nil {
		info, reject = o.decide(r)
	}
	if errors.Is(context.Cause(ctx), http.ErrServerClosed) {
		reject = shuttingDown()
	}
	var c *Conn
	if reject == nil {
		c, reject = o.open(st, nil, info, opened)
	}
	if reject != nil {
		o.rejectStream(st, reject)
		return nil, reject
	}
	if err := st.Respond(fieldsHTTP2(http.StatusOK, info.header), nil, false); err != nil {
		c.notOpened(err)
		return nil, opError("accept", err)
	}
	c.opened()
	return c, nil
}

// rejectStream answers a request over HTTP/2 and ends it.
func (o *AcceptOptions) rejectStream(st *h2.Stream, e *RejectError) {
	h := make(http.Header, len(e.Header)+3)
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	for _, fields := range []http.Header{o.Header, e.Header} {
		for name, values := range fields {
			h[http.CanonicalHeaderKey(name)] = values
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	_ = st.SetWriteDeadline(time.Now().Add(lingerTime)) // fails only on a closed stream
	_ = st.Respond(fieldsHTTP2(e.Status, h), e.Body, true)
	_ = st.Close()
}

// connectionFields are for one connection of HTTP/1.1 and illegal in HTTP/2 (RFC 9113
// §8.2.2).
var connectionFields = []string{"Connection", "Proxy-Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade"}

// fieldsHTTP2 is the header of a response as HTTP/2 has it.
func fieldsHTTP2(status int, h http.Header) []hpack.HeaderField {
	list := make([]hpack.HeaderField, 0, len(h)+1)
	list = append(list, hpack.HeaderField{Name: ":status", Value: strconv.Itoa(status)})
	return appendHTTP2(list, h)
}

// appendHTTP2 appends fields, sorted by name.
func appendHTTP2(list []hpack.HeaderField, h http.Header) []hpack.HeaderField {
	n := len(list)
	for name, values := range h {
		if slices.Contains(connectionFields, http.CanonicalHeaderKey(name)) {
			continue
		}
		for _, v := range values {
			list = append(list, hpack.HeaderField{Name: strings.ToLower(name), Value: strings.Trim(v, " \t")})
		}
	}
	slices.SortStableFunc(list[n:], func(a, b hpack.HeaderField) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// readRequestHTTP2 makes a request of header fields, whose names and values x/net has checked.
// As in net/http, Header has a field ":protocol" for an extended CONNECT.
func readRequestHTTP2(ctx context.Context, st *h2.Stream, state *tls.ConnectionState) (*http.Request, *RejectError) {
	pseudo := make(map[string]string, 5)
	header := make(http.Header)
	for _, f := range st.Fields() {
		if f.IsPseudo() {
			pseudo[f.Name] = f.Value
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(f.Name)
		if slices.Contains(connectionFields, name) || name == "Te" && f.Value != "trailers" {
			return nil, refuse(http.StatusBadRequest, f.Name+" is illegal in HTTP/2 (RFC 9113 §8.2.2)")
		}
		header[name] = append(header[name], f.Value)
	}
	protocol, extended := pseudo[":protocol"]
	if extended {
		header[":protocol"] = []string{protocol}
	}
	if joined := header["Cookie"]; len(joined) > 1 {
		header["Cookie"] = []string{strings.Join(joined, "; ")} // RFC 9113 §8.2.3
	}
	host, ok := pseudo[":authority"]
	for _, h := range header["Host"] {
		if ok && h != host {
			return nil, refuse(http.StatusBadRequest, "Host differs from :authority (RFC 9113 §8.3.1)")
		}
		host, ok = h, true
	}
	delete(header, "Host")
	method, path := pseudo[":method"], pseudo[":path"]
	switch {
	case extended && method != http.MethodConnect:
		return nil, refuse(http.StatusBadRequest, ":protocol is for CONNECT alone (RFC 8441 §4)")
	case method == http.MethodConnect && !extended:
		return nil, refuse(http.StatusBadRequest, "CONNECT without :protocol (RFC 8441 §4)")
	case pseudo[":scheme"] != "http" && pseudo[":scheme"] != "https":
		return nil, refuse(http.StatusBadRequest, ":scheme is not http or https (RFC 8441 §5)")
	case !strings.HasPrefix(path, "/") && (path != "*" || method != http.MethodOptions):
		return nil, refuse(http.StatusBadRequest, "no :path that begins with a slash (RFC 9113 §8.3.1)")
	}
	u, err := url.ParseRequestURI(path)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "malformed :path")
	}
	if extended && st.Ended() {
		return nil, refuse(http.StatusBadRequest, "END_STREAM with the request")
	}
	r := new(http.Request).WithContext(ctx)
	r.Method, r.URL, r.RequestURI = method, u, path
	r.Proto, r.ProtoMajor = "HTTP/2.0", 2
	r.Header, r.Host, r.Body = header, host, http.NoBody
	r.RemoteAddr, r.TLS = addrString(st.RemoteAddr()), state
	return r, nil
}

// checkConnect applies RFC 8441 §5 to a request over HTTP/2 or HTTP/3. Key and Accept play
// no part there. quic-go has the protocol in Proto.
func checkConnect(r *http.Request) *RejectError {
	protocol, ok := one(r.Header, ":protocol")
	if r.ProtoMajor == 3 && !strings.HasPrefix(r.Proto, "HTTP/") {
		protocol, ok = r.Proto, true
	}
	switch {
	case r.Method != http.MethodConnect:
		reject := refuse(http.StatusMethodNotAllowed, "method is not CONNECT, as for a WebSocket over HTTP/2 (RFC 8441 §5)")
		reject.Header.Set("Allow", "CONNECT")
		return reject
	case !ok:
		return refuse(http.StatusBadRequest, "CONNECT without :protocol (RFC 8441 §4)")
	case protocol != "websocket":
		return refuse(http.StatusNotImplemented, ":protocol is not websocket")
	case r.Host == "":
		return refuse(http.StatusBadRequest, "no :authority")
	case !validHost(r.Host):
		return refuse(http.StatusBadRequest, ":authority is not a host and a port (RFC 9110 §7.2)")
	case !validTarget(r):
		return refuse(http.StatusBadRequest, ":path is not a path")
	case len(r.Header["Content-Length"]) > 0:
		return refuse(http.StatusBadRequest, "handshake with a body")
	}
	version, ok := one(r.Header, "Sec-WebSocket-Version")
	if ok && version == "13" {
		return nil
	}
	reject := refuse(http.StatusBadRequest, "not exactly one Sec-WebSocket-Version header")
	if ok { // not 426, whose Upgrade is illegal in HTTP/2
		reject = refuse(http.StatusBadRequest, "Sec-WebSocket-Version is not 13")
	}
	reject.Header.Set("Sec-WebSocket-Version", "13")
	return reject
}
