package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/ws"
)

// maxMessage is the longest message that our agents take. Autobahn's longest
// has 16 MiB.
const maxMessage = 64 << 20

// shutdownTime is how long connections may take to end after a signal.
const shutdownTime = 3 * time.Second

type echoOptions struct {
	addr, cert, key string
	noDeflate       bool
	verbose         bool
	fault           string
}

func echoCommand() *cobra.Command {
	var o echoOptions
	c := &cobra.Command{
		Use:   "echo",
		Short: "Run the reference server, which echoes every message",
		Long: `Runs the reference server, which echoes every message, until SIGINT or SIGTERM.
Once it listens it prints its URL on a line of its own.`,
		Args: args(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:9001", "address to listen on, `HOST:PORT`; port 0 is any free one")
	f.StringVar(&o.cert, "tls-cert", "", "certificate chain for wss, a PEM `FILE`")
	f.StringVar(&o.key, "tls-key", "", "key of the certificate, a PEM `FILE`")
	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not agree on permessage-deflate")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "tell of refused handshakes")
	f.StringVar(&o.fault, "fault", "", "play a faulty server instead, by `NAME`; wsconform faults lists them")
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	return c
}

func (o *echoOptions) run(c *cobra.Command) error {
	ctx := c.Context()
	var conf tls.Config
	scheme := "ws"
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return usagef("certificate: %w", err)
		}
		conf.Certificates, scheme = []tls.Certificate{pair}, "wss"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.addr)
	if err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	url := scheme + "://" + l.Addr().String()
	if scheme == "wss" {
		l = tls.NewListener(l, &conf)
	}
	if o.fault != "" {
		m, err := findMutant(o.fault, mutants.Server)
		if err != nil {
			return errors.Join(err, l.Close())
		}
		fmt.Fprintln(c.OutOrStdout(), "listening on "+url)
		return serveMutant(ctx, m, l)
	}
	server := &ws.Server{Accept: ws.AcceptOptions{
		Origins:   []string{"*"},
		ReadLimit: maxMessage,
	}}
	if !o.noDeflate {
		server.Accept.Deflate = &ws.Deflate{}
	}
	if o.verbose {
		server.Logger = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Fprintln(c.OutOrStdout(), "listening on "+url)
	select {
	case err := <-served:
		return fmt.Errorf("echo: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	// Connections that outlast the grace are cut, which is fine for an echo.
	if err := server.Shutdown(grace); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("echo: %w", err)
	}
	<-served
	return nil
}
