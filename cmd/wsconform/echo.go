package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/ws/h3"
)

// maxMessage is the longest message that our agents take. Autobahn's longest
// has 16 MiB.
const maxMessage = 64 << 20

// shutdownTime is how long connections may take to end after a signal.
const shutdownTime = 3 * time.Second

func echoCommand() *cobra.Command {
	var o echoOptions
	c := &cobra.Command{
		Use:   "echo",
		Short: "Run the reference server, which echoes every message",
		Long: `Runs the reference server, which echoes every message, until SIGINT or SIGTERM.
It then answers handshakes with status 503 and closes connections with 1001. It
prints its URL once it listens.

By default it accepts any origin, compresses, and pings every 20 s. WebSockets may
come over HTTP/2 too (RFC 8441): by ALPN with TLS, by prior knowledge without.
With --http3 they may come over HTTP/3 (RFC 9220).`,
		Example: `  wsconform echo --addr 127.0.0.1:0
  wsconform echo --unix /tmp/echo.sock --no-deflate
  wsconform echo --tls-cert cert.pem --tls-key key.pem --user ada:lovelace
  wsconform echo --deflate 'server_max_window_bits=10; client_no_context_takeover'`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.flags(c.Flags())
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	c.MarkFlagsMutuallyExclusive("addr", "unix")
	c.MarkFlagsMutuallyExclusive("no-deflate", "deflate")
	return c
}

func (o *echoOptions) run(c *cobra.Command) error {
	ctx := c.Context()
	if err := o.check(c.Flags()); err != nil {
		return err
	}
	server, err := o.server(c.ErrOrStderr())
	if err != nil {
		return err
	}
	conf, err := o.tlsConfig()
	if err != nil {
		return err
	}
	var mutant mutants.Mutant
	if o.fault != "" {
		if mutant, err = findMutant(o.fault, mutants.Server); err != nil {
			return err
		}
	} else if conf != nil {
		conf.NextProtos = []string{"h2", "http/1.1"}
	}
	l, url, err := o.listen(ctx, conf)
	if err != nil {
		return listenError("echo", "--addr "+o.addr, err)
	}
	var pc net.PacketConn
	if o.http3 {
		if pc, err = new(net.ListenConfig).ListenPacket(ctx, "udp", l.Addr().String()); err != nil {
			return errors.Join(listenError("echo", "--http3", err), l.Close())
		}
		defer pc.Close() //nolint:errcheck // the process ends
	}
	fmt.Fprintln(c.OutOrStdout(), "listening on "+url)
	if o.fault != "" {
		return serveMutant(ctx, mutant, l)
	}
	served := make(chan error, 2)
	shutdown, serving := server.Shutdown, 1
	if o.http3 {
		over3 := &h3.Server{WebSocket: server, TLS: conf}
		shutdown, serving = over3.Shutdown, 2
		go func() { served <- over3.Serve(pc) }()
	}
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		return fmt.Errorf("echo: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	// Connections that outlast the grace are cut, which is fine for an echo.
	if err := shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("echo: %w", err)
	}
	for range serving {
		<-served
	}
	return nil
}

// listen gives the listener and the URL that leads to it.
func (o *echoOptions) listen(ctx context.Context, conf *tls.Config) (l net.Listener, url string, err error) {
	scheme := "ws"
	if conf != nil {
		scheme = "wss"
	}
	if o.unix != "" {
		l, err = new(net.ListenConfig).Listen(ctx, "unix", o.unix)
		if err != nil {
			return nil, "", fmt.Errorf("%w (if no other server uses the socket, remove it)", err)
		}
		url = scheme + "+unix://" + strings.ReplaceAll(o.unix, ":", "%3A")
	} else {
		if o.addr == "" {
			return nil, "", &net.AddrError{Err: "missing port in address"} // rather than any port of all interfaces
		}
		l, err = new(net.ListenConfig).Listen(ctx, "tcp", o.addr)
		if err != nil {
			return nil, "", err
		}
		url = scheme + "://" + l.Addr().String()
	}
	if conf != nil {
		l = tls.NewListener(l, conf)
	}
	return l, url, nil
}

// listenError tells an address that cannot be meant from one that cannot be had.
func listenError(command, flag string, err error) error {
	var resolve *net.DNSError
	var parse *net.ParseError
	var addr *net.AddrError
	switch {
	case errors.As(err, &addr) && strings.HasPrefix(addr.Err, "missing port"):
		return usagef("%s: must be HOST:PORT", flag)
	case errors.As(err, &addr), errors.As(err, &resolve) && strings.HasPrefix(resolve.Err, "unknown port"):
		return usagef("%s: port must be from 0 to 65535", flag)
	case errors.As(err, &resolve):
		return usagef("%s: no host of this name", flag)
	case errors.As(err, &parse):
		return usagef("%s: %w", flag, err)
	}
	return fmt.Errorf("%s: %w", command, err)
}
