package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// hop names a proxy, without user and password.
func hop(p *url.URL) string { return (&url.URL{Scheme: p.Scheme, Host: p.Host}).String() }

// through gets to the server by way of the proxy.
func (e *examination) through(ctx context.Context) bool {
	p := e.opts.Proxy
	e.addr = e.hostPort(e.target.URL.Hostname())
	e.target.NetDial = func(ctx context.Context, _, addr string) (net.Conn, error) { return e.dial(ctx, addr) }
	start := time.Now()
	nc, err := e.dial(ctx, e.addr)
	if err != nil {
		saw := proxyError(err)
		e.found(Finding{Topic: Proxy, State: Fault, Saw: fmt.Sprintf("no connection through %s: %s", hop(p), saw), Advice: proxyAdvice(err, saw, p, e.addr)})
		return false
	}
	nc.Close()
	e.found(Finding{Topic: Proxy, State: OK, Saw: fmt.Sprintf("%s connects to %s, after %v", hop(p), e.addr, time.Since(start).Round(100*time.Microsecond))})
	return true
}

// hostPort joins the host and the port of the URL.
func (e *examination) hostPort(host string) string {
	return net.JoinHostPort(host, cmp.Or(e.target.URL.Port(), map[string]string{"ws": "80", "wss": "443"}[e.target.URL.Scheme]))
}

// dialProxy has the proxy connect to an address.
func (e *examination) dialProxy(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: probeBound}
	return ws.Connect(ctx, "ws://"+addr, &ws.DialOptions{
		Proxy: http.ProxyURL(e.opts.Proxy), ProxyTLS: e.opts.ProxyTLS, NetDial: d.DialContext,
		Options: ws.Options{HandshakeTimeout: 2 * probeBound},
	})
}

// proxyError says why the proxy gives no connection, without the addresses.
func proxyError(err error) string {
	h, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok {
		return dialError(err)
	}
	saw := h.Reason
	if h.Header != nil {
		saw = fmt.Sprintf("it answers %d %s", h.Status, http.StatusText(h.Status))
	}
	if h.Err != nil {
		saw += ": " + dialError(h.Err)
	}
	return saw
}

// proxyAdvice says what to do about it.
func proxyAdvice(err error, saw string, p *url.URL, addr string) string {
	h, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok {
		return ""
	}
	wrong := "it wants a user and a password: write them into the proxy's URL"
	if p.User != nil {
		wrong = "it does not take the user and password in the proxy's URL"
	}
	var noTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &noTLS):
		return "it speaks no TLS at this port: name it with http:// instead of https://"
	case h.Header == nil && h.Err != nil && strings.Contains(h.Reason, "reached"):
		return "is the proxy running at this address, and does a firewall let you through?"
	case h.Header == nil && strings.HasPrefix(p.Scheme, "socks") && strings.HasPrefix(h.Reason, "refused") && !strings.Contains(saw, "unexpected protocol version"):
		return "it may not allow a connection to " + addr + ", not reach it, or want another user and password"
	case h.Header == nil:
		return "is it a proxy, and of this kind?"
	}
	switch h.Status {
	case http.StatusProxyAuthRequired, http.StatusUnauthorized:
		return wrong
	case http.StatusForbidden:
		return "its rules do not let you connect to " + addr + "; many proxies allow CONNECT to port 443 only"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusNotFound:
		return "the proxy itself does not reach " + addr + ": does it know the name, and is the server running?"
	}
	return "it may not be a proxy, or one without CONNECT"
}

// environment says that other programs would go another way.
func (e *examination) environment() {
	if p := e.opts.Environment; p != nil && e.opts.Proxy == nil {
		e.found(Finding{
			Topic: Proxy, State: Note, Saw: "the environment names the proxy " + hop(p) + " for this address; this examination goes without it",
			Advice: "programs that obey the environment go through it: examine that with --proxy env",
		})
	}
}

// An answered is what a server says to a connection, by one of two ways.
type answered struct {
	certificate *x509.Certificate // nil without TLS
	alpn        string
	header      http.Header
	refused     error // of the opening handshake
}

// compare looks at what the proxy changes: it asks the server once without it.
func (e *examination) compare(ctx context.Context) {
	direct, err := e.ask(ctx, e.direct)
	if err != nil {
		e.found(Finding{Topic: Proxy, State: Note, Saw: "without the proxy there is no connection: " + dialError(err)})
		return
	}
	by, err := e.ask(ctx, e.dial)
	if err != nil {
		e.later(Proxy, err)
		return
	}
	n := 0
	say := func(f Finding) { n++; f.Topic = Proxy; e.found(f) }
	if a, b := by.certificate, direct.certificate; a != nil && b != nil && !a.Equal(b) {
		say(Finding{
			State: Warning, Saw: fmt.Sprintf("the proxy opens TLS: it shows a certificate by %s, and the server one by %s", issuer(a), issuer(b)),
			Advice: "it reads what is sent; clients must trust its authority (--ca FILE)",
		})
	}
	if by.alpn != direct.alpn {
		say(Finding{State: Note, Saw: fmt.Sprintf("the proxy changes ALPN: %s through it, %s without", protocol(by.alpn), protocol(direct.alpn))})
	}
	switch {
	case direct.refused == nil && by.refused != nil:
		say(Finding{State: Fault, Saw: "without the proxy the connection opens; through it: " + refusal(by.refused), Advice: "the proxy does not pass the opening handshake on: use wss, which it cannot read, or have it tunnel"})
	case direct.refused != nil && by.refused == nil:
		say(Finding{State: Note, Saw: "without the proxy the connection does not open: " + refusal(direct.refused)})
	case direct.refused == nil:
		if changed := changes(direct.header, by.header); len(changed) > 0 {
			f := Finding{State: Note, Saw: "the proxy changes the response: " + strings.Join(changed, "; ")}
			if strings.Contains(f.Saw, "Sec-Websocket") {
				f.State, f.Advice = Warning, "a proxy must not change what client and server negotiate"
			}
			say(f)
		}
	}
	if n == 0 {
		e.found(Finding{Topic: Proxy, State: OK, Saw: "the proxy changes nothing that is seen: the server answers the same without it"})
	}
}

// direct connects without the proxy.
func (e *examination) direct(ctx context.Context, _ string) (net.Conn, error) {
	if err := e.spend(); err != nil {
		return nil, err
	}
	d := net.Dialer{Timeout: probeBound, Resolver: e.opts.Resolver}
	return d.DialContext(ctx, "tcp", e.addr)
}

// ask makes an opening handshake over one way. The error is that of TCP.
func (e *examination) ask(ctx context.Context, dial func(context.Context, string) (net.Conn, error)) (answered, error) {
	var a answered
	var failed error
	o := e.options()
	o.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		nc, err := dial(ctx, e.addr)
		failed = err
		return nc, err
	}
	if o.TLS != nil {
		o.TLS.VerifyConnection = func(s tls.ConnectionState) error {
			a.certificate = s.PeerCertificates[0]
			return nil
		}
		if nc, err := dial(ctx, e.addr); err == nil { // what ALPN chooses where it may
			a.alpn = e.alpn(ctx, nc)
		}
	}
	c, err := e.connect(ctx, o)
	if failed != nil {
		return a, failed
	}
	if a.refused = err; err == nil {
		a.header = c.Handshake().Header
		c.CloseNow() // it ends anyway
	}
	return a, nil
}

// alpn is what is chosen of HTTP/2 and HTTP/1.1.
func (e *examination) alpn(ctx context.Context, nc net.Conn) string {
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, 2*probeBound)
	defer cancel()
	tc := tls.Client(nc, e.tlsConfig("h2", "http/1.1"))
	if tc.HandshakeContext(ctx) != nil {
		return ""
	}
	return tc.ConnectionState().NegotiatedProtocol
}

func protocol(alpn string) string { return cmp.Or(alpn, "none chosen") }

func issuer(c *x509.Certificate) string {
	return fmt.Sprintf("%q", cmp.Or(c.Issuer.CommonName, c.Issuer.String()))
}

// ever differ between two responses of one server.
var ever = []string{"Date", "Sec-Websocket-Accept", "Set-Cookie", "Age", "Expires", "Last-Modified", "Etag"}

// changes are the fields of b that differ from those of a, in words.
func changes(a, b http.Header) []string {
	names := maps.Clone(a)
	maps.Copy(names, b)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := strings.Join(a[name], ", "), strings.Join(b[name], ", ")
		switch {
		case was == is || slices.Contains(ever, name) || strings.Contains(name, "Request-Id"):
		case was == "":
			list = append(list, fmt.Sprintf("it adds %s: %s", name, is))
		case is == "":
			list = append(list, "it takes "+name+" out")
		default:
			list = append(list, fmt.Sprintf("%s is %q, and %q without it", name, is, was))
		}
	}
	return list
}

// traces are fields by which a proxy in front of a server shows.
var traces = []string{"Via", "X-Cache", "X-Served-By", "X-Varnish", "Cf-Ray", "X-Amz-Cf-Id", "X-Envoy-Upstream-Service-Time", "X-Forwarded-For", "Forwarded"}

// between says that a proxy stands before the server, if the response shows it.
func (e *examination) between(h http.Header) {
	var list []string
	for _, name := range traces {
		if v := h.Get(name); v != "" {
			list = append(list, name+": "+v)
		}
	}
	if len(list) > 0 && e.opts.Proxy == nil {
		e.found(Finding{
			Topic: Proxy, State: Note, Saw: "a proxy stands before the server: it adds " + strings.Join(list, ", "),
			Advice: "what is found below is what the proxy lets through: limits on idle connections, compression and the first frame may be its own",
		})
	}
}
