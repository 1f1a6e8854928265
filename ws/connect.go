package ws

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// connect opens what the handshake goes over: TCP or a unix socket, the way
// through a proxy, TLS.
func (o *DialOptions) connect(ctx context.Context, t target) (net.Conn, error) {
	return o.connectFor(ctx, t, o.TLS)
}

// connectFor is connect with other options of TLS.
func (o *DialOptions) connectFor(ctx context.Context, t target, config *tls.Config) (net.Conn, error) {
	nc, proxied, err := o.reach(ctx, t)
	if err != nil || t.url.Scheme == "ws" {
		return nc, err
	}
	if tlsState(nc) != nil && !proxied { // NetDial has done it
		return nc, nil
	}
	tc, err := startTLS(ctx, nc, config, t.url.Hostname())
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return tc, nil
}

// reach opens a connection to the target, below TLS.
func (o *DialOptions) reach(ctx context.Context, t target) (nc net.Conn, proxied bool, err error) {
	if t.socket != "" {
		nc, err = o.open(ctx, "unix", t.socket)
		return nc, false, err
	}
	choose := o.Proxy
	if choose == nil {
		choose = proxyFromEnvironment
	}
	proxy, err := choose(&http.Request{Method: http.MethodGet, URL: t.http(), Host: t.url.Host})
	if err != nil {
		return nil, false, fmt.Errorf("choose a proxy: %w", err)
	}
	if proxy != nil {
		nc, err = o.throughProxy(ctx, proxy, t.addr())
		return nc, true, err
	}
	nc, err = o.open(ctx, "tcp", t.addr())
	return nc, false, err
}

func (o *DialOptions) open(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := o.NetDial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, network, addr)
	if err != nil {
		// A net.Dialer watches the deadline itself and may be the first to see it pass.
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
			<-ctx.Done()
		}
		return nil, ctxError(ctx, err)
	}
	o.debug(ctx, "connected", slog.String("network", network), slog.String("addr", addr))
	return nc, nil
}

// startTLS makes nc secure. The caller closes it on an error.
func startTLS(ctx context.Context, nc net.Conn, config *tls.Config, host string) (net.Conn, error) {
	if config = config.Clone(); config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	if config.NextProtos == nil {
		config.NextProtos = []string{"http/1.1"}
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	tc := tls.Client(nc, config)
	err := tc.HandshakeContext(ctx)
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(tc.ConnectionState(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("TLS with %s: %w", host, ctxError(ctx, err))
	}
	return tc, nil
}
