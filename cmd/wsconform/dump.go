package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptrace"
	"time"

	"github.com/spf13/cobra"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

type dumpOptions struct {
	client    clientFlags
	noDeflate bool
	send      []string
	binary    bool
	whole     bool
	commands  bool
	raw       bool
	verbose   int
	timings   bool
	eofWait   time.Duration
	closeWait time.Duration
}

const dumpHelp = `Opens a WebSocket connection, sends what is typed or piped in, line by line, and
prints what comes.

On a terminal there is a line editor with history; lines that begin with a slash
are commands, and /help lists them. In a pipe each line is a message, as it is,
unless --commands is given. At the end of the input, or Ctrl-D, the connection is
closed.

With --raw no rule of the protocol is kept after the handshake: every frame that
comes is printed, legal or not, none is answered, and /frame and /octets send
whatever they are told to.

Exit codes: 0 closed in order, 1 the server ended the connection in another way
or broke the protocol, 2 wrong usage, 3 no connection, 5 the server refused the
handshake, 130 interrupted.`

func dumpCommand() *cobra.Command {
	var o dumpOptions
	c := &cobra.Command{
		Use:   "dump URL",
		Short: "Talk to a server and show what it says",
		Long:  dumpHelp,
		Example: `  wsconform dump wss://example.com/chat -vv
  echo hello | wsconform dump ws://127.0.0.1:9001 --eof-wait 1s
  wsconform dump ws://127.0.0.1:9001 --commands --send '/ping' --send '/close 4000 bye' </dev/null
  wsconform dump ws+unix:///run/app.sock:/live -H 'Cookie: session=1' --subprotocol chat
  wsconform dump ws://host/ --proxy socks5h://me:secret@127.0.0.1:1080
  wsconform dump ws://127.0.0.1:9001 --raw --send '/frame ping nofin text:hello'`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, list []string) error {
			if err := checkTarget(list[0]); err != nil {
				return err
			}
			return o.run(c, list[0])
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&o.send, "send", "s", nil, "send this `LINE` before any input; it may be a command where commands are on")
	f.BoolVarP(&o.binary, "binary", "b", false, "lines are binary messages")
	f.BoolVar(&o.whole, "whole", false, "all of the piped input is one message")
	f.BoolVar(&o.commands, "commands", false, "take commands from a pipe too")
	f.BoolVar(&o.raw, "raw", false, "raw frames: keep no rule, answer nothing, print everything; implies --commands")
	f.CountVarP(&o.verbose, "verbose", "v", "show opcodes and control frames; twice: the handshake and every frame")
	f.BoolVar(&o.timings, "timings", false, "show how long the handshake took and when what came")
	f.DurationVar(&o.eofWait, "eof-wait", 0, "how long to listen after the end of the input before closing; -1s is until the server closes")
	f.DurationVar(&o.closeWait, "close-wait", 5*time.Second, "how long the closing handshake may take")
	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not offer permessage-deflate")
	o.client.flags(f, "env")
	return c
}

func (o *dumpOptions) run(c *cobra.Command, url string) error {
	if o.raw {
		o.commands, o.noDeflate = true, true
	}
	if o.whole && o.commands {
		return usagef("--whole is one message, which leaves no lines for commands")
	}
	opts, err := o.client.options()
	if err != nil {
		return err
	}
	opts.CloseTimeout = o.closeWait
	opts.Keepalive.Interval = -1 // pings are the user's
	if !o.noDeflate {
		opts.Deflate = &ws.Deflate{}
	}
	// What is wrong in --send should not be found out half-way.
	for _, line := range o.send {
		if _, err := o.parse(line); err != nil {
			return usagef("--send %q: %w", line, err)
		}
	}
	con, err := openConsole(c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr(), o)
	if err != nil {
		return err
	}
	defer con.restore()
	if o.verbose > 0 && !o.raw {
		opts.OnFrame = con.frame
	}
	var t timing
	ctx := c.Context()
	conn, err := ws.Dial(httptrace.WithClientTrace(ctx, t.trace()), url, opts)
	if err != nil {
		con.refused(err)
		return dialFailed(err)
	}
	con.opened(conn.Handshake(), &t)
	if o.raw {
		return o.rawSession(ctx, conn, con)
	}
	return o.session(ctx, conn, con)
}

// dialFailed tells a server that refuses from one that is not reached.
func dialFailed(err error) error {
	code := exitHarness
	if _, ok := errors.AsType[*ws.HandshakeError](err); ok {
		code = exitAgent
	}
	if errors.Is(err, context.Canceled) {
		code = exitInterrupted
	}
	return &codedError{code, fmt.Errorf("dump: %w", err)}
}

// session moves messages in both directions until either side has had enough.
func (o *dumpOptions) session(ctx context.Context, conn *ws.Conn, con *console) error {
	defer conn.CloseNow()
	received := make(chan error, 1)
	go func() { received <- con.messages(ctx, conn) }()
	ended := func(ours wsproto.StatusCode) error {
		err := o.await(conn, received)
		con.ended(err)
		return endOf(ctx, err, ours)
	}
	lines := con.lines(o.send)
	for {
		select {
		case <-conn.Done():
			return ended(0)
		case <-ctx.Done():
			_ = o.close(conn, wsproto.StatusGoingAway, "") // the interrupt is what counts
			return ended(wsproto.StatusGoingAway)
		case in, more := <-lines:
			if !more {
				if o.lastWords(ctx, conn.Done()) {
					return ended(0)
				}
				in = input{verb: "close", code: wsproto.StatusNormalClosure}
			}
			if err := o.do(ctx, conn, con, in); err != nil && ctx.Err() == nil {
				con.note(err.Error())
			}
			if in.verb == "close" {
				return ended(in.code)
			}
		}
	}
}

// lastWords listens on after the end of the input, and reports whether the
// connection ended meanwhile.
func (o *dumpOptions) lastWords(ctx context.Context, done <-chan struct{}) bool {
	var over <-chan time.Time // of eofWait
	if o.eofWait >= 0 {
		timer := time.NewTimer(o.eofWait)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-done:
		return true
	case <-over:
	case <-ctx.Done():
	}
	return false
}

// pongTime is how long /ping waits.
const pongTime = 5 * time.Second

// do acts on a line of input.
func (o *dumpOptions) do(ctx context.Context, conn *ws.Conn, con *console, in input) error {
	switch in.verb {
	case "help":
		con.note(commandHelp(o.raw))
	case "send":
		return conn.WriteFragments(ctx, in.typ, in.data, in.size)
	case "ping":
		ctx, cancel := context.WithTimeout(ctx, pongTime)
		defer cancel()
		latency, err := conn.Ping(ctx)
		if err != nil {
			return err
		}
		con.note(fmt.Sprintf("pong after %v", latency.Round(time.Microsecond)))
	case "pong":
		return conn.Pong(ctx, in.data)
	case "close":
		return o.close(conn, in.code, string(in.data))
	}
	return nil
}

// close says so and lets the server go on: its last messages are to be seen.
func (o *dumpOptions) close(conn *ws.Conn, code wsproto.StatusCode, reason string) error {
	ctx, cancel := context.WithTimeout(context.Background(), o.closeWait)
	defer cancel()
	err := conn.CloseWrite(ctx, code, reason)
	if err != nil && !errors.Is(err, net.ErrClosed) { // by the server, in the meantime
		_ = conn.CloseNow() // a code that must not be sent ends it all the same
		return err
	}
	return nil
}

// await waits for the end, for a while: the server's answer to our close.
func (o *dumpOptions) await(conn *ws.Conn, received <-chan error) error {
	timer := time.NewTimer(o.closeWait)
	defer timer.Stop()
	select {
	case err := <-received:
		return err
	case <-timer.C:
	}
	_ = conn.CloseNow()
	<-received
	return fmt.Errorf("no answer to the close frame within %v", o.closeWait)
}

// endOf is what the end of a connection means for the exit code. In order is what
// the server says is normal, and the code that we asked for.
func endOf(ctx context.Context, err error, ours wsproto.StatusCode) error {
	if ctx.Err() != nil {
		return fmt.Errorf("dump: %w", context.Cause(ctx))
	}
	if ce, ok := errors.AsType[*ws.CloseError](err); ok {
		switch ce.Code {
		case wsproto.StatusNormalClosure, wsproto.StatusGoingAway, wsproto.StatusNoStatusRcvd:
			return nil
		default:
			if ce.Code == ours {
				return nil
			}
		}
	}
	return &codedError{exitFailed, fmt.Errorf("dump: %w", err)}
}
