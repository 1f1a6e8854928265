package ws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws/internal/token"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// checkHead turns raw bytes into a request and decides about it.
func (o *AcceptOptions) checkHead(ctx context.Context, nc net.Conn, head []byte) (*handshakeInfo, *RejectError) {
	// An empty line may come first (RFC 9112 §2.2).
	start, header, err := parseHead(bytes.TrimPrefix(head, []byte("\r\n")))
	if err != nil {
		return nil, refuse(http.StatusBadRequest, err.Error())
	}
	method, rest, _ := strings.Cut(start, " ")
	target, proto, ok := strings.Cut(rest, " ")
	if !ok || !token.Is(method) || target == "" || strings.Contains(proto, " ") {
		return nil, refuse(http.StatusBadRequest, "malformed request line")
	}
	major, minor, ok := http.ParseHTTPVersion(proto)
	if !ok {
		return nil, refuse(http.StatusBadRequest, "malformed HTTP version")
	}
	if major != 1 { // HTTP/2 and later have no request line
		return nil, refuse(http.StatusHTTPVersionNotSupported, "not HTTP/1.1")
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "malformed request target")
	}
	host, ok := one(header, "Host")
	if !ok && (len(header["Host"]) > 0 || minor > 0) {
		return nil, refuse(http.StatusBadRequest, "not exactly one Host header (RFC 6455 §4.2.1)")
	}
	delete(header, "Host")
	if len(header["Transfer-Encoding"]) > 0 || slices.ContainsFunc(header["Content-Length"], func(n string) bool { return n != "0" }) {
		return nil, refuse(http.StatusBadRequest, "handshake with a body")
	}
	r := new(http.Request).WithContext(ctx)
	r.Method, r.URL, r.RequestURI = method, u, target
	r.Proto, r.ProtoMajor, r.ProtoMinor = proto, major, minor
	r.Header, r.Host, r.Body = header, host, http.NoBody
	r.RemoteAddr, r.TLS = addrString(nc.RemoteAddr()), tlsState(nc)
	return o.decide(r)
}

// decide says what becomes of a request: a handshake, or the answer to refuse it
// with.
func (o *AcceptOptions) decide(r *http.Request) (*handshakeInfo, *RejectError) {
	if n := fieldCount(r.Header); n > o.maxHeaderFields() {
		return nil, refuse(http.StatusRequestHeaderFieldsTooLarge, fmt.Sprintf("more than %d header fields", o.maxHeaderFields()))
	}
	if o.Intercept != nil {
		w := &answerWriter{header: make(http.Header)}
		o.Intercept(w, r)
		if reject := w.reject(); reject != nil {
			return nil, o.asReject(reject)
		}
	}
	if reject := checkRequest(r); reject != nil {
		return nil, reject
	}
	info := &handshakeInfo{request: r, header: make(http.Header)}
	if !o.allowsOrigin(r) {
		return nil, refuse(http.StatusForbidden, "origin not allowed")
	}
	if o.BasicAuth != nil {
		if !o.BasicAuth.allow(r) {
			reject := refuse(http.StatusUnauthorized, "user and password, please")
			reject.Header.Set("WWW-Authenticate", o.BasicAuth.challenge())
			return nil, reject
		}
	}
	if reject := o.choose(r, info); reject != nil {
		return nil, reject
	}
	if reject := o.respond(info); reject != nil {
		return nil, reject
	}
	return info, nil
}

func fieldCount(h http.Header) (n int) {
	for _, values := range h {
		n += len(values)
	}
	return n
}

// checkRequest applies RFC 6455 §4.2.1 in the order a client would want to hear
// of it.
func checkRequest(r *http.Request) *RejectError {
	h := r.Header
	switch {
	case r.ProtoMajor == 2 || r.ProtoMajor == 3:
		return checkConnect(r)
	case r.Method != http.MethodGet:
		reject := refuse(http.StatusMethodNotAllowed, "method is not GET")
		reject.Header.Set("Allow", "GET")
		return reject
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refuse(http.StatusHTTPVersionNotSupported, "not HTTP/1.1")
	case r.Host == "":
		return refuse(http.StatusBadRequest, "no Host header")
	case !validHost(r.Host):
		return refuse(http.StatusBadRequest, "Host header is not a host and a port (RFC 9110 §7.2)")
	case !validTarget(r):
		return refuse(http.StatusBadRequest, "request target is neither a path nor an http URL (RFC 9112 §3.2)")
	case !token.InList(h["Upgrade"], "websocket"):
		reject := refuse(http.StatusUpgradeRequired, "no upgrade to websocket asked for")
		if len(h["Upgrade"]) > 0 {
			reject = refuse(http.StatusBadRequest, "Upgrade header without websocket")
		}
		return withVersion(reject)
	case !token.InList(h["Connection"], "Upgrade"):
		return refuse(http.StatusBadRequest, "Connection header without Upgrade")
	}
	if version, ok := one(h, "Sec-WebSocket-Version"); !ok {
		return withVersion(refuse(http.StatusBadRequest, "not exactly one Sec-WebSocket-Version header"))
	} else if version != "13" {
		return withVersion(refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version is not 13"))
	}
	if key, ok := one(h, "Sec-WebSocket-Key"); !ok || !wsproto.ValidKey(key) {
		return refuse(http.StatusBadRequest, "not exactly one Sec-WebSocket-Key of 16 bytes in base64")
	}
	return nil
}

// hostForm is a host of RFC 3986 §3.2.2, and a port.
var hostForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\[[0-9A-Fa-fVv:.]+\]|([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(:[0-9]*)?$`)
})

// validHost reports whether host is one, with a port that TCP can have, or none.
func validHost(host string) bool {
	if !hostForm().MatchString(host) {
		return false
	}
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.HasSuffix(host, "]") || i == len(host)-1 {
		return true
	}
	_, err := strconv.ParseUint(host[i+1:], 10, 16)
	return err == nil
}

// validTarget reports whether the target of a GET has the origin form or the absolute
// form (RFC 9112 §3.2), in ASCII without a fragment. It is no stricter, as browsers do
// not escape all that RFC 3986 says.
func validTarget(r *http.Request) bool {
	if strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c >= 0x7F || c == '#' }) {
		return false
	}
	if strings.HasPrefix(r.RequestURI, "/") {
		return true
	}
	switch r.URL.Scheme {
	case "http", "https", "ws", "wss":
		return validHost(r.URL.Host)
	}
	return false
}

// choose picks subprotocol and extensions (RFC 6455 §4.2.2).
func (o *AcceptOptions) choose(r *http.Request, info *handshakeInfo) *RejectError {
	offered := token.Split(r.Header["Sec-Websocket-Protocol"])
	for i, p := range offered {
		if !token.Is(p) {
			return refuse(http.StatusBadRequest, "subprotocol is not a token")
		}
		if slices.Contains(offered[:i], p) {
			return refuse(http.StatusBadRequest, "subprotocol offered twice")
		}
	}
	info.subprotocol = bestSubprotocol(o.Subprotocols, offered)
	if o.SelectSubprotocol != nil {
		p, err := o.SelectSubprotocol(r, slices.Clone(offered))
		if err != nil {
			return o.asReject(err)
		}
		if p != "" && !slices.Contains(offered, p) {
			return refuse(http.StatusInternalServerError, "subprotocol chosen that was not offered")
		}
		info.subprotocol = p
	}
	joined := strings.Join(r.Header["Sec-Websocket-Extensions"], ", ")
	if strings.Trim(joined, ", \t") == "" {
		return nil // not in the grammar, but clients send an empty header to say none
	}
	exts, err := wsproto.ParseExtensions(joined)
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if o.Deflate != nil {
		if agreed, ok := o.Deflate.negotiate(exts); ok {
			info.deflate = &agreed
			info.extensions = []wsproto.Extension{agreed.Extension()}
		}
	}
	return info.acceptExtensions(o.Extensions, exts)
}

// bestSubprotocol weighs the preferences of both sides alike.
func bestSubprotocol(speaks, offered []string) (best string) {
	least := len(speaks) + len(offered)
	for i, p := range speaks {
		if j := slices.Index(offered, p); j >= 0 && i+j < least {
			best, least = p, i+j
		}
	}
	return best
}

// respond makes the header of the response and asks Check. What makes up the
// handshake is set before, for Check to see, and after, so that it holds.
func (o *AcceptOptions) respond(info *handshakeInfo) *RejectError {
	h := info.header
	for name, values := range o.Header {
		h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	info.setFields()
	if o.Check == nil {
		return nil
	}
	ctx, err := o.Check(info.request, h)
	if err != nil {
		return o.asReject(err)
	}
	info.values = ctx
	info.setFields()
	if err := checkFields(h); err != nil {
		return refuse(http.StatusInternalServerError, "response: "+err.Error())
	}
	return nil
}

// setFields sets the fields of the response that make up the handshake.
func (i *handshakeInfo) setFields() {
	h := i.header
	for name := range ownFields {
		h.Del(name)
	}
	if i.request.ProtoMajor == 1 {
		h.Set("Upgrade", "websocket")
		h.Set("Connection", "Upgrade")
		h.Set("Sec-WebSocket-Accept", wsproto.AcceptKey(i.request.Header.Get("Sec-WebSocket-Key")))
	}
	if i.subprotocol != "" {
		h.Set("Sec-WebSocket-Protocol", i.subprotocol)
	}
	if len(i.extensions) > 0 {
		h.Set("Sec-WebSocket-Extensions", wsproto.FormatExtensions(i.extensions))
	}
}

func refuse(status int, reason string) *RejectError {
	return &RejectError{
		Status: status,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:   []byte(reason + "\n"),
		reason: reason,
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

// asReject is the response that a hook's error asks for.
func (o *AcceptOptions) asReject(err error) *RejectError {
	var reject *RejectError
	if !errors.As(err, &reject) {
		return &RejectError{Status: http.StatusForbidden, reason: err.Error()}
	}
	e := *reject
	if e.Status == 0 {
		e.Status = http.StatusForbidden
	}
	if err := checkFields(e.Header); err != nil {
		return refuse(http.StatusInternalServerError, "refusal: "+err.Error())
	}
	return &e
}

// rejection is the response bytes for a raw connection. An answer to HEAD has no
// body (RFC 9110 §9.3.2).
func (o *AcceptOptions) rejection(e *RejectError, noBody bool) []byte {
	h := make(http.Header, len(e.Header)+4)
	h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	for _, fields := range []http.Header{o.Header, e.Header} {
		for name, values := range fields {
			h[http.CanonicalHeaderKey(name)] = values
		}
	}
	h.Del("Transfer-Encoding")
	h.Set("Content-Length", strconv.Itoa(len(e.Body)))
	if conn := h.Get("Connection"); conn != "" {
		h.Set("Connection", conn+", close")
	} else {
		h.Set("Connection", "close")
	}
	b := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", e.Status, http.StatusText(e.Status))
	b = append(appendFields(b, h), "\r\n"...)
	if noBody {
		return b
	}
	return append(b, e.Body...)
}

// switching is the response bytes that begin the WebSocket connection.
func switching(info *handshakeInfo) []byte {
	b := make([]byte, 0, 256)
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\n"...)
	return append(appendFields(b, info.header), "\r\n"...)
}
