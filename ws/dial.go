package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// DialOptions configures [Dial]. The zero value, and nil, mean the
// defaults.
type DialOptions struct {
	// Header is added to the request. A Host in it replaces the URL's. Host,
	// Authorization or Cookie without a value are left out of the request. Fields that
	// make up the handshake are an error, as are names that are not tokens and values
	// with control characters. There is no User-Agent and no Origin (RFC 6454 §7) unless
	// it is set here.
	Header http.Header
	// Subprotocols to offer, best first (RFC 6455 §1.9). A server that chooses another
	// fails the handshake; one that chooses none does not.
	Subprotocols []string
	// Jar gives the cookies of the request and takes those of the response. To it
	// ws is http and wss is https. Nil means no cookies.
	Jar http.CookieJar
	// MaxRedirects is how many HTTP redirects are followed. Zero means none: they
	// are errors like any other response. See [Dial].
	MaxRedirects int

	// NetDial opens the connection below TLS and below the proxy's protocol; its
	// network is tcp or unix. Nil means a net.Dialer. A net.Dialer of your own sets a
	// timeout, socket options (Control), the local address and TCP keep-alive; a function
	// may also choose tcp4 or tcp6, or return a connection that exists already; if that
	// is a [*tls.Conn], wss adds no TLS of ours to it.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Proxy returns the proxy for a request, whose URL is http for ws and https for wss,
	// as in net/http; a nil URL means none. Nil means
	// that of the environment: HTTPS_PROXY for wss, HTTP_PROXY for ws, ALL_PROXY for what
	// has none of its own, and NO_PROXY, a list of hosts, domains, addresses and CIDR
	// ranges to reach directly; each also in lower case. localhost and loopback addresses
	// never take that proxy. See [ProxyURL] for a fixed one. A unix socket has no proxy.
	Proxy func(*http.Request) (*url.URL, error)
	// ProxyTLS configures TLS to an https proxy. Nil means the defaults;
	// ServerName is filled in.
	ProxyTLS *tls.Config
	// TLS configures wss. Nil means the defaults; ServerName is filled in. See
	// [TLSOptions] for what takes more than a field.
	TLS *tls.Config

	// HTTP2 opens WebSockets over HTTP/2 (RFC 8441), where those to one server share a
	// connection. Nil means HTTP/1.1, which all servers speak.
	HTTP2 *HTTP2
	// HTTP3 opens each WebSocket as a stream of HTTP/3 (RFC 9220): it sends the request, an
	// extended CONNECT whose Proto is websocket, to the host of its URL, with those options
	// of TLS, and returns the response and the stream. On an error it has closed the
	// stream. That is what the Open of an h3.Client does, in package ws/h3. Only wss URLs
	// without a proxy can be dialed so. Nil means HTTP/2 or HTTP/1.1.
	HTTP3 func(ctx context.Context, r *http.Request, config *tls.Config) (*http.Response, net.Conn, error)

	// MaskKey returns the next frame's masking key. Nil means those of a ChaCha8
	// stream with a key of crypto/rand. A predictable key, such as zero, is unsafe
	// outside tests (RFC 6455 §10.3).
	MaskKey func() [4]byte
	// OnHandshake is called with the bytes of each request and response head as they
	// are on the wire, those of an HTTP proxy included. A response that breaks off is
	// passed as far as it came. Over HTTP/2 and HTTP/3 it is the list of fields, a line each. The
	// bytes may hold secrets and must not be kept.
	OnHandshake func(sent bool, head []byte)

	Options
}

// Dial opens a connection to a server. The URL is one of
//
//	ws://host[:port]/path?query         TCP, port 80
//	wss://host[:port]/path?query        TLS, port 443
//	ws+unix:///socket[:/path?query]     a unix socket, absolute; Host is localhost
//	wss+unix:///socket[:/path?query]    the same with TLS
//
// A colon in the path of a socket is written %3A. User and password in the URL
// become Basic authentication (RFC 7617). ctx bounds the handshake only.
//
// A server or proxy that answers anything but the handshake gives a [*HandshakeError]
// with status, header and body. A timeout of the options is an
// [os.ErrDeadlineExceeded], and a URL that cannot be dialed a [*url.Error].
//
// Redirects are followed as far as MaxRedirects allows (RFC 6455 §4.1), but never
// from wss to ws. To another host or port go no credentials: neither those of the
// URL, nor Authorization, Cookie and Host of Header, nor client certificates.
func Dial(ctx context.Context, rawURL string, opts *DialOptions) (*Conn, error) {
	if opts == nil {
		opts = &DialOptions{}
	}
	c, err := opts.dial(ctx, rawURL)
	return c, dialError(rawURL, err)
}

// Connect opens what [Dial] sends its handshake over: TCP or a unix socket, the way
// through the proxy, and TLS for a wss URL. It is for those who write the
// handshake themselves. HandshakeTimeout bounds it.
func Connect(ctx context.Context, rawURL string, opts *DialOptions) (net.Conn, error) {
	if opts == nil {
		opts = &DialOptions{}
	}
	t, err := opts.start(rawURL)
	if err != nil {
		return nil, dialError(rawURL, err)
	}
	ctx, cancel := handshakeContext(ctx, opts.HandshakeTimeout)
	defer cancel()
	nc, err := opts.connect(ctx, t)
	return nc, dialError(rawURL, err)
}

// dialError says what failed, unless the error says so itself.
func dialError(rawURL string, err error) error {
	if err == nil {
		return nil
	}
	if he, ok := errors.AsType[*HandshakeError](err); ok {
		if he.URL == "" {
			he.URL = redact(rawURL)
		}
		return he
	}
	return fmt.Errorf("ws: dial %s: %w", redact(rawURL), err)
}

func (o *DialOptions) dial(ctx context.Context, rawURL string) (*Conn, error) {
	t, err := o.start(rawURL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := handshakeContext(ctx, o.HandshakeTimeout)
	defer cancel()
	for left := o.MaxRedirects; ; left-- {
		c, err := o.dialTarget(ctx, t)
		response := (*HandshakeError)(nil)
		if err == nil || o.MaxRedirects == 0 || !errors.As(err, &response) || !response.redirects() {
			return c, err
		}
		if left == 0 {
			response.Reason = fmt.Sprintf("more than %d redirects", o.MaxRedirects)
			return nil, response
		}
		if o, t, err = o.follow(t, response); err != nil {
			return nil, err
		}
		o.debug(ctx, "redirected", slog.Int("status", response.Status), slog.String("url", t.url.Redacted()))
	}
}

// start checks all that can be checked before anything is sent.
func (o *DialOptions) start(rawURL string) (target, error) {
	t, err := parseTarget(rawURL)
	if err != nil {
		return t, &url.Error{Op: "parse", URL: redact(rawURL), Err: err}
	}
	if o.Deflate != nil {
		if err := o.Deflate.valid(); err != nil {
			return t, err
		}
	}
	if err := o.checkFields(); err != nil {
		return t, err
	}
	return t, nil
}

// checkFields reports what cannot be sent in a request.
func (o *DialOptions) checkFields() error {
	if err := checkOwnFields(o.Header); err != nil {
		return err
	}
	if list := o.extensionOffers(); len(list) > 0 {
		if _, err := wsproto.ParseExtensions(wsproto.FormatExtensions(list)); err != nil {
			return err
		}
	}
	return checkSubprotocols(o.Subprotocols)
}

func (o *DialOptions) dialTarget(ctx context.Context, t target) (*Conn, error) {
	req, err := o.request(t)
	if err != nil {
		return nil, err
	}
	var nc net.Conn
	var c *Conn
	switch {
	case o.HTTP3 != nil:
		c, err = o.dialHTTP3(ctx, t, req)
	case o.HTTP2 != nil:
		c, nc, err = o.dialHTTP2(ctx, t, req)
	default:
		nc, err = o.connect(ctx, t)
	}
	if nc != nil && err == nil {
		if c, err = o.handshake(ctx, nc, t, req); err != nil {
			_ = nc.Close()
		}
	}
	if he, ok := errors.AsType[*HandshakeError](err); ok {
		he.URL = redact(t.url.String()) // which may be where a redirect led
	}
	return c, err
}
