package main

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
)

// dialFlags say how a server is reached.
type dialFlags struct {
	headers      []string
	subprotocols []string
	tls          tlsFlags
	proxyTLS     bool // TLS goes to a proxy, if not to the server
}

func (d *dialFlags) flags(f *pflag.FlagSet) {
	f.StringArrayVarP(&d.headers, "header", "H", nil, "add this field to the handshake request, `'Name: value'`; Host replaces the one from the URL")
	f.Var((*commaList)(&d.subprotocols), "subprotocol", "offer these subprotocols, comma-separated `NAMES`; may be repeated")
	d.tls.flags(f)
}

// netDial opens connections to the target through the proxy that --proxy names. It is nil
// without one.
func netDial(proxy string, t *engine.Target) (func(ctx context.Context, network, addr string) (net.Conn, error), error) {
	choose, err := proxyOf(proxy)
	switch {
	case err != nil || proxy == "" || proxy == "none":
		return nil, err
	case choose == nil:
		return nil, usagef("--proxy %s: name the proxy itself, so that the run can be repeated", proxy)
	case t.Socket != "":
		return nil, usagef("--proxy: a unix socket is not reached through a proxy")
	}
	opts := &ws.DialOptions{Proxy: choose, ProxyTLS: proxyTLS(t.TLS), Options: ws.Options{HandshakeTimeout: 10 * time.Second}}
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		return ws.Connect(ctx, "ws://"+addr, opts)
	}, nil
}

// target puts the flags together. A client under test has no URL; the flags
// then mean nothing.
func (d *dialFlags) target(raw string) (*engine.Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, malformed(err)
	}
	if strings.ContainsRune(u.RawQuery, ' ') { // it would end the request line's target
		return nil, usagef("URL %s: write %%20 for the space in its query", u.Redacted())
	}
	header, err := parseHeaders(d.headers)
	if err == nil {
		err = checkPort(u, 0) // --server-cmd chooses one for 0
	}
	if err == nil {
		err = checkSubprotocols(d.subprotocols)
	}
	if err != nil {
		return nil, err
	}
	t := &engine.Target{Header: header, Subprotocols: d.subprotocols}
	if t.Socket, t.URL, err = splitSocket(u); err != nil {
		return nil, err
	}
	if flag := d.tls.given(); flag != "" && t.URL.Scheme == "ws" && raw != "" && !d.proxyTLS {
		return nil, usagef("--%s is about TLS, and %s is without: did you mean wss?", flag, new(runfile.Secrets).Text(raw))
	}
	t.TLS, err = d.tls.config()
	return t, err
}
