package ws

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DialOptions configures [Dial]. The zero value, and nil, mean the defaults.
type DialOptions struct {
	// Header is added to the request. A Host in it replaces the URL's; the
	// headers that make up the handshake cannot be set here.
	Header http.Header
	// Subprotocols to offer, best first.
	Subprotocols []string
	// Origin header of the request. Empty means none, as suits a program that is
	// not a browser.
	Origin string
	// NetDial opens the connection below TLS. Nil means a net.Dialer.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS configures wss. Nil means the defaults; ServerName is filled in.
	TLS *tls.Config
	// Deflate turns permessage-deflate on (RFC 7692). Nil means off.
	Deflate *Deflate
	// MaskKey returns the next frame's masking key. Nil means crypto/rand. A
	// predictable key is unsafe outside tests (RFC 6455 §10.3).
	MaskKey func() [4]byte
	// ReadLimit is the largest message in octets, after inflating. Zero means 32
	// MiB, a negative value no limit.
	ReadLimit int64
	// HandshakeTimeout bounds everything until the connection is open. Zero means
	// 10 s, a negative value no bound but the context.
	HandshakeTimeout time.Duration
	// CloseTimeout bounds the closing handshake. Zero means 10 s.
	CloseTimeout time.Duration
}

// maxInterim is how many 1xx responses may come before the final one.
const maxInterim = 16

// maxErrorBody is how much of an HTTP error response's body is kept.
const maxErrorBody = 4 << 10

// Dial opens a connection to a ws or wss URL. User and password in the URL become
// Basic authentication. ctx bounds the handshake only. A server that answers
// anything but the handshake gives a [*HandshakeError].
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, error) {
	if opts == nil {
		opts = &DialOptions{}
	}
	c, err := opts.dial(ctx, rawURL)
	if err != nil {
		var he *HandshakeError
		if errors.As(err, &he) {
			return nil, err
		}
		return nil, fmt.Errorf("ws: dial %s: %w", redact(rawURL), err)
	}
	return c, nil
}

func redact(rawURL string) string {
	if u, err := url.Parse(rawURL); err == nil {
		return u.Redacted()
	}
	return strconv.Quote(rawURL)
}

func (o *DialOptions) dial(ctx context.Context, rawURL string) (*Conn, error) {
	u, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	if o.Deflate != nil {
		if err := o.Deflate.valid(); err != nil {
			return nil, err
		}
	}
	req, err := o.request(u)
	if err != nil {
		return nil, err
	}
	ctx, cancel := handshakeContext(ctx, o.HandshakeTimeout)
	defer cancel()
	nc, err := o.connect(ctx, u)
	if err != nil {
		return nil, ctxError(ctx, err)
	}
	c, err := o.handshake(ctx, nc, req)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// parseURL checks a URL against RFC 6455 §3.
func parseURL(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("malformed URL")
	}
	switch {
	case u.Scheme != "ws" && u.Scheme != "wss":
		return nil, fmt.Errorf("scheme %q is neither ws nor wss", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("URL without a host")
	case u.Fragment != "" || strings.HasSuffix(rawURL, "#"):
		return nil, errors.New("URL with a fragment (RFC 6455 §3)")
	case u.Opaque != "":
		return nil, errors.New("malformed URL")
	}
	return u, nil
}

// connect opens TCP and TLS.
func (o *DialOptions) connect(ctx context.Context, u *url.URL) (net.Conn, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	dial := o.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil || u.Scheme == "ws" {
		return nc, err
	}
	config := o.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	if config.NextProtos == nil {
		config.NextProtos = []string{"http/1.1"}
	}
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}

// A dialRequest is the client's half of the handshake.
type dialRequest struct {
	target, host, key string
	header            http.Header
}

func (o *DialOptions) request(u *url.URL) (*dialRequest, error) {
	r := &dialRequest{target: u.RequestURI(), host: u.Host, key: NewKey(), header: o.Header.Clone()}
	if r.header == nil {
		r.header = make(http.Header)
	}
	if host := r.header.Get("Host"); host != "" {
		r.host = host
	}
	if i := strings.IndexByte(r.host, '%'); i >= 0 { // a zone is of no use to the peer (RFC 6874 §4)
		r.host = r.host[:i] + strings.TrimLeftFunc(r.host[i:], func(c rune) bool { return c != ']' })
	}
	if strings.ContainsAny(r.host, " \t\r\n") {
		return nil, fmt.Errorf("malformed host %q", r.host)
	}
	for _, name := range []string{
		"Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
		"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Content-Length", "Transfer-Encoding",
	} {
		r.header.Del(name)
	}
	set := r.header.Set
	set("Upgrade", "websocket")
	set("Connection", "Upgrade")
	set("Sec-WebSocket-Version", "13")
	set("Sec-WebSocket-Key", r.key)
	if o.Origin != "" {
		set("Origin", o.Origin)
	}
	for i, p := range o.Subprotocols {
		if !isToken(p) || slices.Contains(o.Subprotocols[:i], p) {
			return nil, fmt.Errorf("subprotocol %q is not a token or there twice (RFC 6455 §4.1)", p)
		}
	}
	if len(o.Subprotocols) > 0 {
		set("Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	if o.Deflate != nil {
		var list []Extension
		for _, offer := range o.Deflate.offers() {
			list = append(list, offer.Extension())
		}
		set("Sec-WebSocket-Extensions", formatExtensions(list))
	}
	if user := u.User; user != nil && r.header.Get("Authorization") == "" {
		password, _ := user.Password()
		set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	return r, nil
}

func (o *DialOptions) handshake(ctx context.Context, nc net.Conn, req *dialRequest) (*Conn, error) {
	release := bindDeadline(ctx, nc)
	defer release()
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", req.target, req.host)
	b = append(appendFields(b, req.header), "\r\n"...)
	if _, err := nc.Write(b); err != nil {
		return nil, ctxError(ctx, err)
	}
	status, header, rest, err := finalResponse(nc)
	if refused := (*HandshakeError)(nil); errors.As(err, &refused) {
		return nil, refused
	}
	if err != nil {
		return nil, ctxError(ctx, err)
	}
	if status != http.StatusSwitchingProtocols {
		return nil, &HandshakeError{
			Reason: "server refused", Status: status, Header: header, Body: readErrorBody(nc, header, rest),
		}
	}
	info, he := o.verify(req, header)
	if he != nil {
		he.Status, he.Header = status, header
		return nil, he
	}
	if !release() {
		return nil, context.Cause(ctx)
	}
	opts := connOptions{
		client: true, deflate: o.Deflate, maskKey: o.MaskKey,
		readLimit: o.ReadLimit, closeTimeout: o.CloseTimeout,
	}
	return newConn(nc, rest, info, opts), nil
}

// finalResponse reads responses up to the final one, which may follow interim
// ones (RFC 9110 §15.2). rest is what came behind it.
func finalResponse(nc net.Conn) (status int, header http.Header, rest []byte, err error) {
	for range maxInterim + 1 {
		early := bytes.NewReader(rest)
		head, more, err := readHead(io.MultiReader(early, nc))
		if errors.Is(err, errHeadTooLarge) {
			return 0, nil, nil, &HandshakeError{Reason: err.Error()}
		}
		if err != nil {
			return 0, nil, nil, err
		}
		rest = append(more, rest[len(rest)-early.Len():]...)
		status, header, err = parseResponse(head)
		if err != nil {
			return 0, nil, nil, &HandshakeError{Section: "4.1", Reason: err.Error()}
		}
		if status >= 200 || status == http.StatusSwitchingProtocols {
			return status, header, rest, nil
		}
	}
	return 0, nil, nil, &HandshakeError{Reason: "too many interim responses", Status: status, Header: header}
}

func parseResponse(head []byte) (status int, header http.Header, err error) {
	start, header, err := parseHead(unfold(head))
	if err != nil {
		return 0, nil, err
	}
	proto, rest, ok := strings.Cut(start, " ")
	code, _, _ := strings.Cut(rest, " ")
	major, minor, okProto := http.ParseHTTPVersion(proto)
	status, err = strconv.Atoi(code)
	if !ok || !okProto || err != nil || len(code) != 3 || status < 100 {
		return 0, nil, fmt.Errorf("malformed status line %.60q", start)
	}
	if status == http.StatusSwitchingProtocols && (major != 1 || minor < 1) {
		return 0, nil, fmt.Errorf("status 101 in %s", proto)
	}
	return status, header, nil
}

// unfold puts folded lines together, as a client must (RFC 9112 §5.2).
func unfold(head []byte) []byte {
	start := bytes.Index(head, []byte("\r\n")) // in front of the first field there is nothing to fold
	if start < 0 {
		return head
	}
	start = min(start+3, len(head))
	return append(head[:start:start], folds.ReplaceAll(head[start:], []byte(" "))...)
}

var folds = regexp.MustCompile(`[ \t]*\r\n[ \t]+`)

// readErrorBody reads the start of a body, up to its length, the end of the
// connection or the deadline.
func readErrorBody(nc net.Conn, header http.Header, rest []byte) []byte {
	limit := int64(maxErrorBody)
	if v, ok := one(header, "Content-Length"); ok {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			limit = min(limit, n)
		}
	}
	src := io.MultiReader(bytes.NewReader(rest), nc)
	if coding := splitList(header["Transfer-Encoding"]); len(coding) > 0 && strings.EqualFold(coding[len(coding)-1], "chunked") {
		src, limit = httputil.NewChunkedReader(src), maxErrorBody
	}
	body, _ := io.ReadAll(io.LimitReader(src, limit))
	return body
}

// verify applies the list at the end of RFC 6455 §4.1 to a 101 response.
func (o *DialOptions) verify(req *dialRequest, header http.Header) (*HandshakeInfo, *HandshakeError) {
	fail := func(reason string) (*HandshakeInfo, *HandshakeError) {
		return nil, &HandshakeError{Section: "4.1", Reason: reason}
	}
	if v, ok := one(header, "Upgrade"); !ok || !strings.EqualFold(v, "websocket") {
		return fail("Upgrade header is not websocket")
	}
	if !listHas(header["Connection"], "Upgrade") {
		return fail("Connection header without Upgrade")
	}
	if v, ok := one(header, "Sec-WebSocket-Accept"); !ok || v != AcceptKey(req.key) {
		return fail("Sec-WebSocket-Accept does not match the key")
	}
	info := &HandshakeInfo{
		Target: req.target, Host: req.host, RequestHeader: req.header, ResponseHeader: header,
	}
	if lines, there := header["Sec-Websocket-Protocol"]; there {
		if len(lines) != 1 || !slices.Contains(o.Subprotocols, lines[0]) {
			return fail("server chose a subprotocol that was not offered")
		}
		info.Subprotocol = lines[0]
	}
	if lines := header["Sec-Websocket-Extensions"]; len(lines) > 0 {
		exts, err := ParseExtensions(strings.Join(lines, ", "))
		if err != nil {
			return fail(strings.TrimPrefix(err.Error(), "ws: "))
		}
		if o.Deflate == nil {
			return fail("server chose extension " + exts[0].Name + ", which was not offered")
		}
		agreed, err := o.Deflate.verify(exts)
		if err != nil {
			return fail(strings.TrimPrefix(err.Error(), "ws: "))
		}
		info.Extensions, info.Deflate = exts, &agreed
	}
	return info, nil
}
