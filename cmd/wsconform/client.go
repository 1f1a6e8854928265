package main

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpguts"

	"github.com/wsconform/wsconform/ws"
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
}

// flags adds the flags; proxy is what --proxy means without a value.
func (o *clientFlags) flags(f *pflag.FlagSet, proxy string) {
	o.dialFlags.flags(f)
	f.StringVar(&o.origin, "origin", "", "send this Origin, `URL`; none unless given")
	f.StringVar(&o.proxy, "proxy", proxy, "go through a proxy: `URL` of scheme http, https, socks4, socks4a, socks5 or socks5h with user and password in it; env goes by the environment, none by no proxy")
	f.IntVarP(&o.redirects, "redirects", "L", 0, "follow up to `N` HTTP redirects")
	f.BoolVarP(&o.ipv4, "ipv4", "4", false, "use IPv4 only")
	f.BoolVarP(&o.ipv6, "ipv6", "6", false, "use IPv6 only")
	f.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long it may take until the connection is open")
}

func (o *clientFlags) options() (*ws.DialOptions, error) {
	header, err := parseHeaders(o.headers)
	if err == nil {
		err = checkSubprotocols(o.subprotocols)
	}
	if err == nil && strings.ContainsAny(o.origin, "\r\n\x00") {
		err = usagef("--origin: it may not contain a line break")
	}
	if err != nil {
		return nil, err
	}
	opts := &ws.DialOptions{
		Header: header, Subprotocols: o.subprotocols, Origin: o.origin,
		MaxRedirects: o.redirects, HandshakeTimeout: o.timeout, ReadLimit: maxMessage,
	}
	switch {
	case o.ipv4 && o.ipv6:
		return nil, usagef("--ipv4 and --ipv6 leave nothing")
	case o.ipv4:
		opts.Network = "tcp4"
	case o.ipv6:
		opts.Network = "tcp6"
	}
	switch o.proxy {
	case "", "none":
	case "env":
		opts.Proxy = ws.ProxyFromEnvironment
	default:
		if opts.Proxy, err = ws.ProxyURL(o.proxy); err != nil {
			return nil, usagef("--proxy: %w", err)
		}
	}
	if opts.TLS, err = o.tls.config(); err != nil {
		return nil, err
	}
	opts.ProxyTLS = opts.TLS.Clone()
	opts.ProxyTLS.ServerName, opts.ProxyTLS.Certificates = "", nil // they are for the server
	return opts, nil
}

// parseHeaders reads what --header says. Messages leave the values out, which may
// be secret.
func parseHeaders(list []string) (http.Header, error) {
	header := http.Header{}
	for _, h := range list {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case strings.ContainsAny(h, "\r\n\x00"):
			return nil, usagef("--header %q: a field may not contain a line break", name)
		case !ok || name == "":
			return nil, usagef("--header: %q must look like 'Name: value'", name)
		case !httpguts.ValidHeaderFieldName(name):
			return nil, usagef("--header: %q is not a field name", name)
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

// checkSubprotocols refuses what is no token (RFC 6455 section 4.1).
func checkSubprotocols(names []string) error {
	for _, name := range names {
		if !httpguts.ValidHeaderFieldName(name) {
			return usagef("--subprotocol %q: a name may hold no blanks, line breaks or separators", name)
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

// checkTarget is for what every client command takes as its argument.
func checkTarget(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return malformed(err)
	}
	switch u.Scheme {
	case "ws", "wss", "ws+unix", "wss+unix":
		return nil
	}
	return usagef("URL %s: it must look like ws://127.0.0.1:9001, wss://host/path or ws+unix:///socket:/path", u.Redacted())
}
