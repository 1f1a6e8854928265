package ws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// AcceptOptions configures [Accept], [AcceptNet] and [Server]. The zero value,
// and nil, mean the defaults.
type AcceptOptions struct {
	// Subprotocols the server speaks, best first. The first that the client
	// offers too is chosen. None means no subprotocol, which is legal even if
	// the client offers some.
	Subprotocols []string
	// Origins that may connect, such as "https://example.com"; "*" is any. Nil
	// means those whose host is the request's Host. A request without an Origin,
	// not from a browser, always may.
	Origins []string
	// Check looks at the request once it is known to be a valid handshake. An
	// error refuses it: a *RejectError with its own response, any other with 403.
	// The request has no body, and a context that ends with the handshake.
	Check func(*http.Request) error
	// Header is added to the response.
	Header http.Header
	// Deflate turns permessage-deflate on (RFC 7692). Nil means off.
	Deflate *Deflate
	// ReadLimit is the largest message in octets, after inflating. Zero means 32
	// MiB, a negative value no limit.
	ReadLimit int64
	// HandshakeTimeout bounds the opening handshake. Zero means 10 s, a negative
	// value no bound. Accept leaves it to the http.Server.
	HandshakeTimeout time.Duration
	// CloseTimeout bounds the closing handshake. Zero means 10 s.
	CloseTimeout time.Duration
	// Keepalive pings the peer. The zero value means every 20 s, with 20 s to
	// answer.
	Keepalive Keepalive
}

// Accept answers a handshake that came through an HTTP server. Whatever it
// refuses it has answered with an HTTP error, and returns a [*RejectError].
func Accept(w http.ResponseWriter, r *http.Request, opts *AcceptOptions) (*Conn, error) {
	if opts == nil {
		opts = &AcceptOptions{}
	}
	if err := opts.valid(); err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return nil, err
	}
	info, reject := opts.check(r)
	if reject != nil {
		for name, values := range reject.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(reject.Status)
		_, _ = w.Write(reject.Body) // the refusal is the error that counts
		return nil, reject
	}
	nc, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return nil, fmt.Errorf("ws: accept: %w", err)
	}
	_ = nc.SetDeadline(time.Time{}) // the http.Server's deadlines end here
	rest, err := brw.Reader.Peek(brw.Reader.Buffered())
	if err == nil {
		_, err = nc.Write(switching(info))
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("ws: accept: %w", err)
	}
	return newConn(nc, slices.Clone(rest), info, opts.connOptions()), nil
}

// AcceptNet answers a handshake on a connection that nothing was read from: TCP,
// TLS, a unix socket, a pipe. ctx bounds the handshake only. On an error the
// connection has been closed; a request that was refused was answered and gives
// a [*RejectError].
func AcceptNet(ctx context.Context, nc net.Conn, opts *AcceptOptions) (*Conn, error) {
	c, err := acceptNet(ctx, nc, opts)
	if err != nil {
		_ = nc.Close()
	}
	return c, err
}

func acceptNet(ctx context.Context, nc net.Conn, opts *AcceptOptions) (*Conn, error) {
	if opts == nil {
		opts = &AcceptOptions{}
	}
	if err := opts.valid(); err != nil {
		return nil, err
	}
	ctx, cancel := handshakeContext(ctx, opts.HandshakeTimeout)
	defer cancel()
	release := bindDeadline(ctx, nc)
	defer release()

	head, rest, err := readHead(nc)
	if err != nil && !errors.Is(err, errHeadTooLarge) {
		return nil, fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
	}
	var info *HandshakeInfo
	var reject *RejectError
	if err != nil {
		reject = refuse(http.StatusRequestHeaderFieldsTooLarge, err.Error())
	} else {
		info, reject = opts.checkHead(ctx, nc, head)
	}
	if reject != nil {
		if _, err := nc.Write(rejection(reject)); err == nil {
			release()
			hangUp(nc, lingerTime) // a reset would destroy the answer
		}
		return nil, reject
	}
	if _, err := nc.Write(switching(info)); err != nil {
		return nil, fmt.Errorf("ws: accept: %w", ctxError(ctx, err))
	}
	if !release() {
		return nil, fmt.Errorf("ws: accept: %w", context.Cause(ctx))
	}
	return newConn(nc, rest, info, opts.connOptions()), nil
}

func (o *AcceptOptions) valid() error {
	if o.Deflate != nil {
		return o.Deflate.valid()
	}
	return nil
}

func (o *AcceptOptions) connOptions() connOptions {
	return connOptions{deflate: o.Deflate, readLimit: o.ReadLimit, closeTimeout: o.CloseTimeout, keepalive: o.Keepalive}
}

// checkHead turns raw octets into a request and checks it.
func (o *AcceptOptions) checkHead(ctx context.Context, nc net.Conn, head []byte) (*HandshakeInfo, *RejectError) {
	start, header, err := parseHead(head)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error())
	}
	method, rest, _ := strings.Cut(start, " ")
	target, proto, ok := strings.Cut(rest, " ")
	if !ok || !isToken(method) || target == "" || strings.Contains(proto, " ") {
		return nil, refuse(http.StatusBadRequest, "malformed request line")
	}
	major, minor, ok := http.ParseHTTPVersion(proto)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "malformed HTTP version")
	}
	u, err := url.ParseRequestURI(target)
	if err != nil || strings.Contains(target, "#") {
		return nil, refuse(http.StatusBadRequest, "malformed request target")
	}
	host, ok := one(header, "Host")
	if !ok {
		return nil, refuse(http.StatusBadRequest, "not exactly one Host header (RFC 6455 §4.2.1)")
	}
	delete(header, "Host")
	if len(header["Transfer-Encoding"]) > 0 || slices.ContainsFunc(header["Content-Length"], func(n string) bool { return n != "0" }) {
		return nil, refuse(http.StatusBadRequest, "handshake with a body")
	}
	r := (&http.Request{
		Method: method, URL: u, RequestURI: target,
		Proto: proto, ProtoMajor: major, ProtoMinor: minor,
		Header: header, Host: host, Body: http.NoBody,
	}).WithContext(ctx)
	if addr := nc.RemoteAddr(); addr != nil {
		r.RemoteAddr = addr.String()
	}
	return o.check(r)
}

// check applies RFC 6455 §4.2.1 in the order a client would want to hear of it,
// and makes the choices of §4.2.2.
func (o *AcceptOptions) check(r *http.Request) (*HandshakeInfo, *RejectError) {
	h := r.Header
	switch {
	case r.Method != http.MethodGet:
		reject := refuse(http.StatusMethodNotAllowed, "method is not GET")
		reject.Header.Set("Allow", "GET")
		return nil, reject
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return nil, refuse(http.StatusHTTPVersionNotSupported, "not HTTP/1.1")
	case r.Host == "":
		return nil, refuse(http.StatusBadRequest, "no Host header")
	case !listHas(h["Upgrade"], "websocket"):
		reject := refuse(http.StatusUpgradeRequired, "no upgrade to websocket asked for")
		if len(h["Upgrade"]) > 0 {
			reject = refuse(http.StatusBadRequest, "Upgrade header without websocket")
		}
		return nil, withVersion(reject)
	case !listHas(h["Connection"], "Upgrade"):
		return nil, refuse(http.StatusBadRequest, "Connection header without Upgrade")
	}
	if version, ok := one(h, "Sec-WebSocket-Version"); !ok {
		return nil, withVersion(refuse(http.StatusBadRequest, "not exactly one Sec-WebSocket-Version header"))
	} else if version != "13" {
		return nil, withVersion(refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version is not 13"))
	}
	key, ok := one(h, "Sec-WebSocket-Key")
	if !ok || !validKey(key) {
		return nil, refuse(http.StatusBadRequest, "not exactly one Sec-WebSocket-Key of 16 octets in base64")
	}
	if !o.allowsOrigin(r) {
		return nil, refuse(http.StatusForbidden, "origin not allowed")
	}
	info := &HandshakeInfo{
		Target: r.RequestURI, Host: r.Host, RequestHeader: h,
		ResponseHeader: make(http.Header),
	}
	if reject := o.choose(info); reject != nil {
		return nil, reject
	}
	if o.Check != nil {
		if err := o.Check(r); err != nil {
			return nil, asReject(err)
		}
	}
	for name, values := range o.Header {
		info.ResponseHeader[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	set := info.ResponseHeader.Set
	set("Upgrade", "websocket")
	set("Connection", "Upgrade")
	set("Sec-WebSocket-Accept", AcceptKey(key))
	return info, nil
}

// choose picks subprotocol and extensions.
func (o *AcceptOptions) choose(info *HandshakeInfo) *RejectError {
	h := info.RequestHeader
	offered := splitList(h["Sec-Websocket-Protocol"])
	for i, p := range offered {
		if !isToken(p) {
			return refuse(http.StatusBadRequest, "subprotocol is not a token")
		}
		if slices.Contains(offered[:i], p) {
			return refuse(http.StatusBadRequest, "subprotocol offered twice")
		}
	}
	for _, p := range o.Subprotocols {
		if slices.Contains(offered, p) {
			info.Subprotocol = p
			info.ResponseHeader.Set("Sec-WebSocket-Protocol", p)
			break
		}
	}
	lines := h["Sec-Websocket-Extensions"]
	joined := strings.Join(lines, ", ")
	if strings.Trim(joined, ", \t") == "" {
		return nil // not in the grammar, but clients send an empty header to say none
	}
	exts, err := ParseExtensions(joined)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if o.Deflate == nil {
		return nil
	}
	if agreed, ok := o.Deflate.negotiate(exts); ok {
		info.Deflate = &agreed
		info.Extensions = []Extension{agreed.Extension()}
		info.ResponseHeader.Set("Sec-WebSocket-Extensions", formatExtensions(info.Extensions))
	}
	return nil
}

func (o *AcceptOptions) allowsOrigin(r *http.Request) bool {
	values := r.Header["Origin"]
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	if o.Origins != nil {
		return slices.ContainsFunc(o.Origins, func(allowed string) bool {
			return allowed == "*" || strings.EqualFold(allowed, values[0])
		})
	}
	u, err := url.Parse(values[0])
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func refuse(status int, reason string) *RejectError {
	return &RejectError{
		Status: status,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:   []byte(reason + "\n"),
		Reason: reason,
	}
}

// withVersion names the version we speak (RFC 6455 §4.4) and what to upgrade to
// (RFC 7231 §6.5.15).
func withVersion(e *RejectError) *RejectError {
	e.Header.Set("Sec-WebSocket-Version", "13")
	e.Header.Set("Upgrade", "websocket")
	e.Header.Set("Connection", "Upgrade")
	return e
}

func asReject(err error) *RejectError {
	var reject *RejectError
	if !errors.As(err, &reject) {
		return &RejectError{Status: http.StatusForbidden, Reason: err.Error()}
	}
	e := *reject
	if e.Status == 0 {
		e.Status = http.StatusForbidden
	}
	return &e
}

// rejection is the response octets for a raw connection.
func rejection(e *RejectError) []byte {
	h := e.Header.Clone()
	if h == nil {
		h = make(http.Header)
	}
	h.Del("Transfer-Encoding")
	h.Set("Content-Length", fmt.Sprint(len(e.Body)))
	if conn := h.Get("Connection"); conn != "" {
		h.Set("Connection", conn+", close")
	} else {
		h.Set("Connection", "close")
	}
	b := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", e.Status, http.StatusText(e.Status))
	b = append(appendFields(b, h), "\r\n"...)
	return append(b, e.Body...)
}

// switching is the response octets that begin the WebSocket connection.
func switching(info *HandshakeInfo) []byte {
	b := []byte("HTTP/1.1 101 Switching Protocols\r\n")
	return append(appendFields(b, info.ResponseHeader), "\r\n"...)
}
