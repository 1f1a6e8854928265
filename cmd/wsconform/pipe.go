package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/internal/bridge"
	"github.com/wsconform/wsconform/ws"
)

type pipeOptions struct {
	client    clientFlags
	bridge    bridge.Options
	lines     bool
	bytes     bool
	noDeflate bool
	origins   []string
	eofWait   seconds
}

const pipeHelp = `Joins two ends, one of them usually a WebSocket, and copies in both directions.
Each end is one of

  -                           the standard streams, the default for TO
  ws://host/path              a WebSocket; also wss, ws+unix and wss+unix
  tcp://host:port             a TCP connection
  unix:///path                a unix socket
  listen:ws://host:port/path  FROM only: a WebSocket server, for one path or any
  listen:tcp://host:port      FROM only: a TCP server
  listen:unix:///path         FROM only: a unix socket server
  -- COMMAND ARGS...          TO only: a command's standard streams

An end that listens gets another TO for each connection, until an interrupt or, with
--oneshot, once. A command finds the client's address in REMOTE_ADDR, and what was
asked for in REQUEST_URI.

Commands and the standard streams carry lines, each a text message, or a binary one
if it is not UTF-8. Sockets carry bytes, as binary messages. --lines and --bytes
choose for both ends.

Exit codes: 0 ended in order; 1 an end or the command failed; 2 wrong usage; 3 an
end could not be opened; 5 the server refused the handshake; 130 interrupted, but 0
for an end that listens.`

func pipeCommand() *cobra.Command {
	var o pipeOptions
	c := &cobra.Command{
		Use:   "pipe FROM [TO | -- COMMAND...]",
		Short: "Join a WebSocket with a socket, a command or a pipe",
		Long:  pipeHelp,
		Example: `  wsconform pipe wss://example.com/feed -- jq .price
  wsconform pipe listen:ws://127.0.0.1:9001 -- ./answer.sh
  wsconform pipe listen:ws://127.0.0.1:9001/vnc tcp://127.0.0.1:5900
  wsconform pipe listen:tcp://127.0.0.1:5900 wss://example.com/vnc
  ssh -o ProxyCommand='wsconform pipe --bytes wss://%h/ssh' example.com`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: o.run,
	}
	f := c.Flags()
	f.BoolVar(&o.lines, "lines", false, "a message is a line")
	f.BoolVar(&o.bytes, "bytes", false, "a message is what arrives at a time, as it is")
	o.eofWait = seconds(500 * time.Millisecond)
	f.Var(&o.eofWait, "eof-wait", "how long a WebSocket stays open after the end of its input, a `TIME` such as 2s, or seconds; -1 is until the peer closes it")
	f.BoolVar(&o.bridge.Oneshot, "oneshot", false, "end after the first connection of an end that listens")
	f.IntVar(&o.bridge.MaxConns, "max-conns", 100, "most connections at a time, a `NUMBER`; more wait")
	f.StringArrayVar(&o.origins, "allow-origin", nil, "accept browsers from this `ORIGIN` too, in which * matches any part; may be repeated. Without it only from the host of the request")
	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not use permessage-deflate")
	o.client.flags(f, "env")
	c.MarkFlagsMutuallyExclusive("lines", "bytes")
	return c
}

func (o *pipeOptions) run(c *cobra.Command, list []string) error {
	if err := o.ends(list, c.ArgsLenAtDash()); err != nil {
		return err
	}
	b := &o.bridge
	for _, end := range []bridge.End{b.From, b.To} {
		if end.URL != "" {
			if err := errors.Join(checkTarget(end.URL), o.client.checkTLS(c.Flags(), end.URL)); err != nil {
				return err
			}
		}
	}
	if b.MaxConns < 1 {
		return usagef("--max-conns %d: must be 1 or more", b.MaxConns)
	}
	opts, err := o.client.options()
	if err != nil {
		return err
	}
	b.Dial, b.EOFWait = opts, time.Duration(o.eofWait)
	b.Accept = &ws.AcceptOptions{
		Header: opts.Header, Subprotocols: opts.Subprotocols, Origins: o.origins, Options: ws.Options{
			ReadLimit:        opts.ReadLimit,
			HandshakeTimeout: opts.HandshakeTimeout,
		},
	}
	if !o.noDeflate {
		b.Dial.Deflate, b.Accept.Deflate = &ws.Deflate{}, &ws.Deflate{}
	}
	if err := b.Accept.Validate(); err != nil {
		return usagef("%w", err)
	}
	switch {
	case o.lines:
		b.Framing = bridge.Lines
	case o.bytes:
		b.Framing = bridge.Chunks
	}
	var mu sync.Mutex // serializes notes
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(c.ErrOrStderr(), "pipe: "+s)
	}
	b.In, b.Out, b.Err = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
	b.Listening = func(a net.Addr) { note("listening on " + a.String()) }
	b.Failed = func(err error) { note(err.Error()) }
	return o.result(bridge.Run(c.Context(), *b))
}

// ends reads the arguments; dash is how many stand before --, or -1.
func (o *pipeOptions) ends(list []string, dash int) (err error) {
	var command []string
	if dash >= 0 {
		list, command = list[:dash], list[dash:]
	}
	switch {
	case len(list) == 0:
		return usagef("missing FROM")
	case dash >= 0 && len(command) == 0:
		return usagef("missing command after --")
	case len(command) > 0 && len(list) > 1, len(list) > 2:
		return usagef("there are two ends, and %q is one too many", list[len(list)-1])
	}
	if o.bridge.From, err = bridge.Parse(list[0]); err != nil {
		return usagef("FROM: %w", err)
	}
	switch {
	case len(command) > 0:
		o.bridge.To = bridge.End{Kind: bridge.Command, Command: command}
	case len(list) == 2:
		if o.bridge.To, err = bridge.Parse(list[1]); err != nil {
			return usagef("TO: %w", err)
		}
	}
	switch {
	case o.bridge.To.Listen:
		return usagef("only FROM may listen")
	case o.bridge.From.Kind == bridge.Stdio && o.bridge.To.Kind == bridge.Stdio:
		return usagef("both ends are the standard streams")
	case o.bridge.Oneshot && !o.bridge.From.Listen:
		return usagef("--oneshot is for an end that listens")
	case o.bridge.From.Listen && o.bridge.To.Kind == bridge.Stdio && !o.bridge.Oneshot:
		return usagef("the standard streams are for one connection: add --oneshot")
	}
	return nil
}

func (o *pipeOptions) result(err error) error {
	var refused *ws.HandshakeError
	code := exitFailed
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) && o.bridge.From.Listen && !o.bridge.Oneshot:
		return nil
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
	case errors.As(err, &refused) && refused.Proxy == "":
		code = exitAgent
	case errors.As(err, new(*bridge.OpenError)):
		if err = listenError("pipe", "FROM", err); errors.As(err, new(*codedError)) {
			return err
		}
		return &codedError{exitHarness, err}
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("command: %w", exit)
	}
	return &codedError{code, fmt.Errorf("pipe: %w", err)}
}
