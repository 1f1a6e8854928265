package ws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws/internal/token"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// maxInterim is how many 1xx responses may come before the final one.
const maxInterim = 16

// maxErrorBody is how much of an HTTP error response's body is kept.
const maxErrorBody = 4 << 10

// A dialRequest is the client's half of the handshake.
type dialRequest struct {
	target, host, key string
	header            http.Header
}

// request says what goes into the request, the headers of DialOptions first, so
// that those of the handshake replace them.
func (o *DialOptions) request(t target) (*dialRequest, error) {
	u := t.url
	r := &dialRequest{target: u.RequestURI(), host: u.Host, key: wsproto.NewKey(), header: make(http.Header)}
	without := make(map[string]bool)
	for name, values := range o.Header {
		name = http.CanonicalHeaderKey(name)
		without[name] = len(values) == 0
		r.header[name] = append(r.header[name], values...)
	}
	if host := r.header.Get("Host"); host != "" || without["Host"] {
		r.host = host
	}
	if i := strings.IndexByte(r.host, '%'); i >= 0 { // a zone is of no use to the peer (RFC 6874 §4)
		r.host = r.host[:i] + strings.TrimLeftFunc(r.host[i:], func(c rune) bool { return c != ']' })
	}
	if strings.ContainsAny(r.host, " \t\r\n") {
		return nil, fmt.Errorf("malformed host %q", r.host)
	}
	r.header.Del("Host")
	set := r.header.Set
	set("Upgrade", "websocket")
	set("Connection", "Upgrade")
	set("Sec-WebSocket-Version", "13")
	set("Sec-WebSocket-Key", r.key)
	if len(o.Subprotocols) > 0 {
		set("Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	if list := o.extensionOffers(); len(list) > 0 {
		set("Sec-WebSocket-Extensions", wsproto.FormatExtensions(list))
	}
	if u.User != nil && r.header.Get("Authorization") == "" && !without["Authorization"] {
		set("Authorization", basicAuth(u.User))
	}
	if o.Jar != nil && !without["Cookie"] {
		addCookies(r.header, o.Jar.Cookies(t.http()))
	}
	return r, nil
}

// addCookies puts cookies behind those that are there, in one line (RFC 6265
// §5.4).
func addCookies(header http.Header, cookies []*http.Cookie) {
	pairs := header["Cookie"]
	for _, c := range cookies {
		pairs = append(pairs, (&http.Cookie{Name: c.Name, Value: c.Value, Quoted: c.Quoted}).String())
	}
	if len(pairs) > 0 {
		header.Set("Cookie", strings.Join(pairs, "; "))
	}
}

func (o *DialOptions) handshake(ctx context.Context, nc net.Conn, t target, req *dialRequest) (*Conn, error) {
	release := bindDeadline(ctx, nc)
	defer release()
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\n", req.target)
	if req.host != "" {
		b = fmt.Appendf(b, "Host: %s\r\n", req.host)
	}
	b = append(appendFields(b, req.header), "\r\n"...)
	if o.Logger != nil {
		o.debug(ctx, "request", slog.String("target", req.target), slog.String("host", req.host), headerGroup(req.header))
	}
	trace := httptrace.ContextClientTrace(ctx)
	if o.OnHandshake != nil {
		o.OnHandshake(true, b)
	}
	_, err := nc.Write(b)
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
	if err != nil {
		return nil, ctxError(ctx, err)
	}
	status, header, rest, err := finalResponse(nc, o.OnHandshake)
	if refused := (*HandshakeError)(nil); errors.As(err, &refused) {
		return nil, refused
	}
	if err != nil {
		return nil, fmt.Errorf("wait for the response: %w", ctxError(ctx, err))
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	if o.Logger != nil {
		o.debug(ctx, "response", slog.Int("status", status), headerGroup(header))
	}
	o.keepCookies(t, header)
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
	info.request.TLS = tlsState(nc)
	if !release() {
		return nil, context.Cause(ctx)
	}
	return o.dialed(nc, rest, info), nil
}

// keepCookies gives the cookies of a response to the jar.
func (o *DialOptions) keepCookies(t target, header http.Header) {
	if o.Jar == nil {
		return
	}
	if cookies := (&http.Response{Header: header}).Cookies(); len(cookies) > 0 {
		o.Jar.SetCookies(t.http(), cookies)
	}
}

// dialed is the connection after the handshake.
func (o *DialOptions) dialed(nc net.Conn, early []byte, info *handshakeInfo) *Conn {
	opts := o.connection(0)
	opts.client, opts.maskKey = true, o.MaskKey
	c := newConn(nc, early, info, opts.withDefaults())
	c.startKeepalive()
	return c
}

// finalResponse reads responses up to the final one, which may follow interim
// ones (RFC 9110 §15.2), and has hear see each. rest is what came behind it.
func finalResponse(nc net.Conn, hear func(sent bool, head []byte)) (status int, header http.Header, rest []byte, err error) {
	for range maxInterim + 1 {
		early := bytes.NewReader(rest)
		head, more, err := readHead(io.MultiReader(early, nc), maxHandshake, make([]byte, 0, headSize))
		if hear != nil && len(head) > 0 {
			hear(false, head)
		}
		if errors.Is(err, errHeadTooLarge) || errors.Is(err, errBareLF) {
			return 0, nil, nil, &HandshakeError{Reason: err.Error()}
		}
		if err != nil {
			return 0, nil, nil, err
		}
		rest = append(more, rest[len(rest)-early.Len():]...)
		status, header, err = parseResponse(head)
		if err != nil {
			return 0, nil, nil, &HandshakeError{Reason: err.Error() + " (RFC 6455 §4.1)"}
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
	return append(head[:start:start], folds().ReplaceAll(head[start:], []byte(" "))...)
}

var folds = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[ \t]*\r\n[ \t]+`) })

// readErrorBody reads the start of a body, up to its length, the end of the
// connection or a second.
func readErrorBody(nc net.Conn, header http.Header, rest []byte) []byte {
	limit := int64(maxErrorBody)
	if v, ok := one(header, "Content-Length"); ok {
		if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 {
			limit = min(limit, n)
		}
	}
	src := io.MultiReader(bytes.NewReader(rest), nc)
	if coding := token.Split(header["Transfer-Encoding"]); len(coding) > 0 && strings.EqualFold(coding[len(coding)-1], "chunked") {
		src, limit = httputil.NewChunkedReader(src), maxErrorBody
	}
	_ = nc.SetReadDeadline(time.Now().Add(lingerTime)) // what has not come by then is not worth waiting for
	body, _ := io.ReadAll(io.LimitReader(src, limit))
	return body
}

// verify applies the list at the end of RFC 6455 §4.1 to a 101 response.
func (o *DialOptions) verify(req *dialRequest, header http.Header) (*handshakeInfo, *HandshakeError) {
	fail := func(reason string) (*handshakeInfo, *HandshakeError) {
		return nil, &HandshakeError{Reason: reason + " (RFC 6455 §4.1)"}
	}
	if v, ok := one(header, "Upgrade"); !ok || !strings.EqualFold(v, "websocket") {
		return fail("Upgrade header is not websocket")
	}
	if !token.InList(header["Connection"], "Upgrade") {
		return fail("Connection header without Upgrade")
	}
	if v, ok := one(header, "Sec-WebSocket-Accept"); !ok || v != wsproto.AcceptKey(req.key) {
		return fail("Sec-WebSocket-Accept does not match the key")
	}
	return o.agree(req, header)
}

// agree takes subprotocol and extensions from a response.
func (o *DialOptions) agree(req *dialRequest, header http.Header) (*handshakeInfo, *HandshakeError) {
	fail := func(reason string) (*handshakeInfo, *HandshakeError) {
		return nil, &HandshakeError{Reason: reason + " (RFC 6455 §4.1)"}
	}
	info := &handshakeInfo{
		request: &http.Request{RequestURI: req.target, Host: req.host, Header: req.header},
		header:  header,
	}
	if lines, there := header["Sec-Websocket-Protocol"]; there {
		if len(lines) != 1 || !slices.Contains(o.Subprotocols, lines[0]) {
			return fail("server chose a subprotocol that was not offered")
		}
		info.subprotocol = lines[0]
	}
	if lines := header["Sec-Websocket-Extensions"]; len(lines) > 0 {
		exts, err := wsproto.ParseExtensions(strings.Join(lines, ", "))
		if err != nil {
			return fail(strings.TrimPrefix(err.Error(), "ws: "))
		}
		if err := o.confirmExtensions(info, exts); err != nil {
			return fail(strings.TrimPrefix(err.Error(), "ws: "))
		}
	}
	return info, nil
}
