package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http/httpproxy"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// clientFlags say how our own client reaches a server.
type clientFlags struct {
	dialFlags
	origin    string
	proxy     string
	redirects int
	ipv4      bool
	ipv6      bool
	timeout   time.Duration
	http2     string
	http3     bool
}

// flags adds the flags; proxy is what --proxy means without a value.
func (o *clientFlags) flags(f *pflag.FlagSet, proxy string) {
	o.dialFlags.flags(f)
	f.StringVarP(&o.origin, "origin", "o", "", "send this Origin, a `URL`")
	f.StringVarP(&o.proxy, "proxy", "p", proxy, "go through a proxy: a `URL` with scheme http, https, socks4, socks4a, socks5 or socks5h, with user and password in it; env uses the environment, none no proxy")
	f.IntVarP(&o.redirects, "redirects", "L", 0, "follow up to `N` HTTP redirects")
	f.BoolVarP(&o.ipv4, "ipv4", "4", false, "use IPv4 only")
	f.BoolVarP(&o.ipv6, "ipv6", "6", false, "use IPv6 only")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long it may take until the connection is open")
	f.StringVar(&o.http2, "http2", "off", "open the WebSocket over HTTP/2 (RFC 8441), a `MODE`: off, auto (for wss, if the server offers it) or only (for ws by prior knowledge)")
	f.BoolVar(&o.http3, "http3", false, "open the WebSocket over HTTP/3 (RFC 9220), to a wss URL and without a proxy")
}

func (o *clientFlags) options() (*ws.DialOptions, error) {
	header, err := parseHeaders(o.headers)
	if err == nil {
		err = checkSubprotocols(o.subprotocols)
	}
	if err == nil && !httpguts.ValidHeaderFieldValue(o.origin) {
		err = usagef("--origin: it may not contain a line break or another control character")
	}
	if err != nil {
		return nil, err
	}
	if o.timeout <= 0 {
		return nil, usagef("--timeout %v: must be more than 0", o.timeout)
	}
	if o.redirects < 0 {
		return nil, usagef("--redirects %d: must be 0 or more", o.redirects)
	}
	if o.origin != "" {
		header.Set("Origin", o.origin)
	}
	opts := &ws.DialOptions{
		Header: header, Subprotocols: o.subprotocols,
		MaxRedirects: o.redirects, Options: ws.Options{
			HandshakeTimeout: o.timeout,
			ReadLimit:        maxMessage,
		},
	}
	switch o.http2 {
	case "off":
	case "auto", "only":
		opts.HTTP2 = &ws.HTTP2{Only: o.http2 == "only"}
	default:
		return nil, usagef("--http2 %s: must be auto, only or off", o.http2)
	}
	if o.http3 {
		opts.HTTP3 = new(h3.Client).Open
	}
	switch {
	case o.ipv4 && o.ipv6:
		return nil, usagef("--ipv4 and --ipv6 exclude each other")
	case o.ipv4:
		opts.NetDial = dialOnly("tcp4")
	case o.ipv6:
		opts.NetDial = dialOnly("tcp6")
	}
	if opts.Proxy, err = proxyOf(o.proxy); err != nil {
		return nil, err
	}
	if opts.TLS, err = o.tls.config(); err != nil {
		return nil, err
	}
	opts.ProxyTLS = proxyTLS(opts.TLS)
	return opts, nil
}

// proxyOf is what --proxy says, as [ws.DialOptions] take it.
func proxyOf(flag string) (func(*http.Request) (*url.URL, error), error) {
	switch flag {
	case "", "none":
		return http.ProxyURL(nil), nil
	case "env":
		return nil, nil // as without a Proxy
	}
	choose, err := ws.ProxyURL(flag)
	if err != nil {
		return nil, usagef("--proxy: %w", err)
	}
	return choose, nil
}

// chosenProxy is the proxy that --proxy names, nil for none.
func chosenProxy(flag string, environment *url.URL) (*url.URL, error) {
	if flag == "env" {
		return environment, nil
	}
	choose, err := proxyOf(flag)
	if err != nil {
		return nil, err
	}
	return choose(nil)
}

// environmentProxy is the proxy that the environment names for a ws or wss URL, nil for none.
// It is chosen as for [ws.DialOptions] without a Proxy.
func environmentProxy(u *url.URL) (*url.URL, error) {
	conf := httpproxy.FromEnvironment()
	if conf.CGI {
		conf.HTTPProxy = ""
	}
	all := cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy"))
	conf.HTTPProxy, conf.HTTPSProxy = cmp.Or(conf.HTTPProxy, all), cmp.Or(conf.HTTPSProxy, all)
	mine := conf.HTTPProxy
	if u.Scheme == "wss" {
		mine = conf.HTTPSProxy
	}
	if _, err := url.Parse(mine); err != nil {
		return nil, usagef("malformed proxy URL in the environment") // it may hold a password
	}
	asked := *u
	asked.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	p, err := conf.ProxyFunc()(&asked)
	if err != nil {
		return nil, usagef("malformed proxy URL in the environment")
	}
	return p, nil
}

// proxyTLS is the TLS to an https proxy: that of the server, without what is for the
// server alone.
func proxyTLS(server *tls.Config) *tls.Config {
	conf := server.Clone()
	conf.ServerName, conf.Certificates = "", nil
	return conf
}

// dialOnly opens TCP connections of one version of IP.
func dialOnly(version string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if network == "tcp" {
			network = version
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// parseHeaders reads what --header says. Messages leave the values out, which may
// be secret.
func parseHeaders(list []string) (http.Header, error) {
	header := http.Header{}
	for _, h := range list {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.Trim(value, " \t")
		switch {
		case !ok || name == "":
			return nil, usagef("--header: %q must look like 'Name: value'", name)
		case !httpguts.ValidHeaderFieldName(name):
			return nil, usagef("--header: %q is not a field name", name)
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, usagef("--header %q: a field may not contain a line break or another control character", name)
		}
		header.Add(name, value)
	}
	return header, nil
}

// splitSocket takes a URL of scheme ws+unix or wss+unix apart, as [ws.Dial] does: the
// path of the socket and what is asked for there. Of any other URL socket is empty.
func splitSocket(u *url.URL) (socket string, rest *url.URL, err error) {
	scheme, unix := strings.CutSuffix(u.Scheme, "+unix")
	if !unix {
		return "", u, nil
	}
	path, resource, _ := strings.Cut(u.EscapedPath(), ":")
	if socket, err = url.PathUnescape(path); err == nil {
		rest, err = url.Parse(scheme + "://localhost" + resource)
	}
	if err != nil || u.Host != "" || !strings.HasPrefix(socket, "/") || resource != "" && resource[0] != '/' {
		return "", nil, usagef("URL %s: it must look like %s:///run/socket:/path", u.Redacted(), u.Scheme)
	}
	rest.RawQuery = u.RawQuery
	return socket, rest, nil
}

// checkSubprotocols refuses what is not a token, and names given twice (RFC 6455
// section 4.1).
func checkSubprotocols(names []string) error {
	for i, name := range names {
		if !httpguts.ValidHeaderFieldName(name) || slices.Contains(names[:i], name) {
			return usagef("--subprotocol %q: must be a token (no blanks, line breaks or separators), and only once", name)
		}
	}
	return nil
}

// A commaList is a flag that may be repeated and hold several values. Unlike those of
// package pflag, which read CSV, it loses nothing behind a line break.
type commaList []string

func (l *commaList) Set(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		*l = append(*l, strings.Trim(part, " "))
	}
	return nil
}

func (l *commaList) Append(s string) error       { *l = append(*l, s); return nil } //nolint:unparam // of pflag.SliceValue
func (l *commaList) Replace(list []string) error { *l = list; return nil }
func (l *commaList) GetSlice() []string          { return *l }
func (l *commaList) String() string              { return strings.Join(*l, ",") }
func (*commaList) Type() string                  { return "strings" }

// checkTLS refuses flags for TLS where the URL asks for none. A proxy, and the target
// of a redirect, may need them all the same.
func (o *clientFlags) checkTLS(f *pflag.FlagSet, rawURL string) error {
	if strings.HasPrefix(rawURL, "wss") || o.redirects > 0 || strings.HasPrefix(o.proxy, "https:") || o.proxy == "env" && f.Changed("proxy") {
		return nil
	}
	for _, name := range []string{"insecure", "nocert", "skip-hostname", "server-name", "verify-name", "cert", "key"} {
		if f.Changed(name) {
			return usagef("--%s is for wss; URL is ws", name)
		}
	}
	return nil
}

// malformed says why a URL cannot be read. There may be a password in it, so it is
// left out.
func malformed(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	return usagef("malformed URL: %w; it must look like ws://127.0.0.1:9001", err)
}

// checkTarget checks the URL that a client command takes as its argument.
func checkTarget(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return malformed(err)
	}
	switch u.Scheme {
	case "ws", "wss", "ws+unix", "wss+unix":
	default:
		return usagef("URL %s: must look like ws://127.0.0.1:9001, wss://host/path or ws+unix:///socket:/path", u.Redacted())
	}
	if u.Fragment != "" || strings.HasSuffix(raw, "#") {
		return usagef("URL %s: must not have a fragment (RFC 6455 §3)", u.Redacted())
	}
	if _, rest, err := splitSocket(u); err != nil {
		return err
	} else if rest.Hostname() == "" {
		return usagef("URL %s: missing host", u.Redacted())
	}
	return checkPort(u, 1)
}

// checkPort refuses a port that a URL can hold and TCP cannot, and one below least.
func checkPort(u *url.URL, least uint64) error {
	port := u.Port()
	if port == "" {
		return nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n < least {
		return usagef("URL %s: port must be from 1 to 65535", u.Redacted())
	}
	return nil
}
