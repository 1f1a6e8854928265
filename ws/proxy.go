package ws

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// defaultPorts has the schemes of proxies that we speak.
var defaultPorts = map[string]string{
	"http": "80", "https": "443",
	"socks4": "1080", "socks4a": "1080", "socks5": "1080", "socks5h": "1080",
}

// ProxyURL is a [DialOptions].Proxy that is the same for all targets. The scheme
// is http or https for the CONNECT method (RFC 9110 §9.3.6), without and with TLS
// to the proxy, or one of socks4, socks4a, socks5 (RFC 1928) and socks5h. With
// socks4 and socks5 we look up the address of the target, with socks4a and
// socks5h the proxy does. User and password in the URL become Basic
// authentication for CONNECT, that of RFC 1929 for SOCKS5, and the user id for
// SOCKS4, which has no password.
func ProxyURL(rawURL string) (func(*http.Request) (*url.URL, error), error) {
	u, err := parseProxy(rawURL)
	if err != nil {
		return nil, fmt.Errorf("ws: proxy %s: %w", redact(rawURL), err)
	}
	return http.ProxyURL(u), nil
}

func parseProxy(rawURL string) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("malformed URL")
	}
	return u, checkProxy(u)
}

func checkProxy(u *url.URL) error {
	switch {
	case defaultPorts[u.Scheme] == "":
		return fmt.Errorf("scheme %q is none of http, https, socks4, socks4a, socks5 and socks5h", u.Scheme)
	case u.Hostname() == "" || strings.ContainsAny(u.Hostname(), "[]"):
		return errors.New("URL without a host")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("URL with more than a host and a port")
	}
	if u.User == nil {
		return nil
	}
	_, hasPassword := u.User.Password()
	if hasPassword && (u.Scheme == "socks4" || u.Scheme == "socks4a") {
		return errors.New("SOCKS4 knows a user but no password")
	}
	return nil
}

// proxyFromEnvironment is the Proxy of DialOptions that have none. Unlike
// [http.ProxyFromEnvironment] it knows ALL_PROXY and reads the environment at each call.
func proxyFromEnvironment(r *http.Request) (*url.URL, error) {
	config := httpproxy.FromEnvironment()
	if config.CGI {
		config.HTTPProxy = "" // it may be a header of the request (CVE-2016-5385)
	}
	all := os.Getenv("ALL_PROXY")
	if all == "" {
		all = os.Getenv("all_proxy")
	}
	for _, p := range []*string{&config.HTTPProxy, &config.HTTPSProxy} {
		if *p == "" {
			*p = all
		}
	}
	mine := config.HTTPProxy
	if r.URL.Scheme == "https" {
		mine = config.HTTPSProxy
	}
	// A URL that cannot be parsed counts as none there, and the connection would go
	// where it must not.
	if _, err := url.Parse(mine); err != nil {
		if _, err = url.Parse("http://" + mine); err != nil {
			return nil, errors.New("malformed proxy URL in the environment")
		}
	}
	p, err := config.ProxyFunc()(r.URL)
	if err != nil || p == nil {
		return nil, err
	}
	if err := checkProxy(p); err != nil {
		return nil, fmt.Errorf("proxy %s of the environment: %w", hopName(p), err)
	}
	return p, nil
}

// throughProxy opens a connection to the proxy and has it connect to addr.
func (o *DialOptions) throughProxy(ctx context.Context, p *url.URL, addr string) (net.Conn, error) {
	e := &HandshakeError{Proxy: hopName(p)}
	if err := checkProxy(p); err != nil {
		return nil, e.because("cannot be used", err)
	}
	port := p.Port()
	if port == "" {
		port = defaultPorts[p.Scheme]
	}
	if p.Scheme == "socks4" || p.Scheme == "socks5" {
		var err error
		if addr, err = resolve(ctx, addr, p.Scheme == "socks4"); err != nil {
			return nil, e.because("look up its target", err)
		}
	}
	nc, err := o.open(ctx, "tcp", net.JoinHostPort(p.Hostname(), port))
	if err != nil {
		return nil, e.because("could not be reached", err)
	}
	tunnel, err := o.askProxy(ctx, nc, p, addr, e)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	o.debug(ctx, "proxy connected", slog.String("proxy", e.Proxy), slog.String("addr", addr))
	return tunnel, nil
}

func hopName(p *url.URL) string {
	return (&url.URL{Scheme: p.Scheme, Host: p.Host}).String()
}

// because completes an error.
func (e *HandshakeError) because(reason string, err error) error {
	e.Reason, e.Err = reason, err
	return e
}

// askProxy speaks the proxy's protocol.
func (o *DialOptions) askProxy(ctx context.Context, nc net.Conn, p *url.URL, addr string, e *HandshakeError) (net.Conn, error) {
	if p.Scheme == "https" {
		tc, err := startTLS(ctx, nc, o.ProxyTLS, p.Hostname())
		if err != nil {
			return nil, e.because("could not be reached", err)
		}
		nc = tc
	}
	var err error
	release := bindDeadline(ctx, nc)
	switch p.Scheme {
	case "http", "https":
		err = o.connectMethod(nc, p.User, addr, e)
	case "socks4", "socks4a":
		err = socks4(nc, p.User, addr, e)
	default:
		err = socks5(nc, p, addr, e)
	}
	if !release() && err == nil {
		err = context.Cause(ctx)
	}
	switch {
	case err == nil:
		return nc, nil
	case errors.As(err, new(*HandshakeError)):
		return nil, err
	default:
		return nil, e.because("did not answer", ctxError(ctx, err))
	}
}

// resolve looks up the address for a proxy that is not to do so.
func resolve(ctx context.Context, addr string, only4 bool) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	network := "ip"
	if only4 {
		network = "ip4"
	}
	list, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	if err != nil {
		return "", ctxError(ctx, err)
	}
	slices.SortStableFunc(list, func(a, b netip.Addr) int { // what most proxies can reach comes first
		return a.Unmap().BitLen() - b.Unmap().BitLen()
	})
	return net.JoinHostPort(list[0].Unmap().String(), port), nil
}
