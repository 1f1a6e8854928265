package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wsconform/wsconform/internal/console"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
)

type dumpOptions struct {
	console.Options
	client    clientFlags
	text      []string
	noDeflate bool
	listen    string
	cert, key string
	binary    bool
	hex       bool
	base64    bool
	bytes     bool
	null      bool
	script    string
	record    string
	serverCmd string
	clientCmd string
	steps     string         // of the script
	log       io.Writer      // gets what the peer prints
	header    runfile.Header // of the record
	gone      atomic.Bool    // the client has ended
}

const dumpHelp = `Opens a WebSocket connection, sends what you type or pipe in, and prints what
comes. With --listen it is the server and talks to one client at a time.

On a terminal there is a line editor with history; lines that begin with a slash
are commands, and /help lists them. In a pipe each line is a message, as it is,
unless --commands is given. At the end of the input, or Ctrl-D, dump listens for
--eof-wait and closes the connection.

Binary messages are printed in hexadecimal. --hex and --base64 read lines in that
form too; --bytes sends the input in chunks and writes messages as they come.
--json prints a JSON object for each event instead, with times.

With --raw each line is a step of a script that follows no rules: handshakes with
fields edited or missing, frames with any bits, lengths and masks, bytes, pauses,
half-closed and reset connections. /help lists the steps; docs/raw.md describes
them. Every frame that comes is printed, legal or not, and none is answered. --record
keeps the exchange as a run file, for report and ui; the wire lab of ui plays its scripts
with these flags.

If a server refuses the handshake, its answer is printed without the passwords,
tokens and header values of the command line. -vv and --raw show all bytes.

Exit codes: 0 closed in order; 1 the peer ended the connection in another way or
broke the protocol, or an await of a raw script failed; 2 wrong usage, or lines that
cannot be sent; 3 no connection; 5 the server refused the handshake; 130
interrupted.`

func dumpCommand() *cobra.Command {
	var o dumpOptions
	c := &cobra.Command{
		Use:   "dump URL | dump --server-cmd COMMAND | dump --listen HOST:PORT",
		Short: "Talk to a server or a client and show what it says",
		Long:  dumpHelp,
		Example: `  wsconform dump wss://example.com/chat -vv
  echo hello | wsconform dump ws://127.0.0.1:9001
  wsconform dump ws://127.0.0.1:9001 --commands --send '/ping' --send '/close 4000 bye' </dev/null
  wsconform dump ws+unix:///run/app.sock:/live -H 'Cookie: session=1' --subprotocol chat
  wsconform dump ws://host/ --proxy socks5h://me:secret@127.0.0.1:1080
  wsconform dump wss://example.com/feed --json --reconnect --ping-interval 20s --eof-wait -1 </dev/null
  wsconform dump --listen 127.0.0.1:9001 --oneshot
  wsconform dump ws://127.0.0.1:9001 --raw --send 'frame ping nofin text:hello'
  wsconform dump --server-cmd './my-server --port {port}' --raw --script script.txt --record out
  wsconform dump --listen 127.0.0.1:0 --client-cmd './my-client {url}' --raw --script script.txt`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: o.run,
	}
	f := c.Flags()
	f.StringArrayVarP(&o.text, "text", "t", nil, "send this `MESSAGE` before the input; may be repeated")
	f.StringArrayVar(&o.First, "send", nil, "send this `LINE` before the input; it is a command or a step where the input's lines are")
	f.BoolVarP(&o.binary, "binary", "b", false, "lines are binary messages")
	f.BoolVar(&o.hex, "hex", false, "lines are binary messages in hexadecimal")
	f.BoolVar(&o.base64, "base64", false, "lines are binary messages in base64, in both directions")
	f.BoolVar(&o.bytes, "bytes", false, "no lines: send the input as binary messages as it comes, and write messages as they are")
	f.BoolVarP(&o.null, "null-terminated", "0", false, "lines end in a null byte, in both directions")
	f.BoolVarP(&o.OneLine, "one-message", "1", false, "send at most one line, and close after the first message received")
	f.BoolVar(&o.Whole, "whole", false, "the whole input is one message")
	f.BoolVar(&o.Commands, "commands", false, "take commands from a pipe too")
	f.BoolVar(&o.Raw, "raw", false, "lines are steps of a raw script: follow no rules, answer nothing, print everything")
	f.StringVar(&o.script, "script", "", "with --raw: read the steps from this `FILE` instead of the input")
	f.StringVar(&o.record, "record", "", "with --raw: write the exchange to run.jsonl in this folder, `DIR`")
	f.StringVar(&o.serverCmd, "server-cmd", "", "start the server with this `COMMAND`; {host}, {port} and {url} stand for where it has to listen")
	f.StringVar(&o.clientCmd, "client-cmd", "", "with --listen: start the client with this `COMMAND`; {url} stands for our address")
	f.CountVarP(&o.Verbose, "verbose", "v", "show opcodes and control frames; twice: the bytes of the handshake and every frame")
	f.BoolVar(&o.Timings, "timings", false, "show how long the handshake took and when messages came")
	f.BoolVar(&o.JSON, "json", false, "print a JSON object for each event")
	o.EOFWait = 500 * time.Millisecond
	f.Var((*seconds)(&o.EOFWait), "eof-wait", "how long to listen after the end of the input, a `TIME` such as 2s, or seconds; -1 is until the peer closes, as with --listen and --one-message")
	f.DurationVar(&o.CloseWait, "close-wait", 5*time.Second, "how long the closing handshake may take")
	f.DurationVar(&o.PingInterval, "ping-interval", 0, "`TIME` between pings; 0 sends none")
	f.DurationVar(&o.PingTimeout, "ping-timeout", 0, "`TIME` without a sign of life after a ping that ends the connection; 0 is 20s, -1s never")
	f.BoolVar(&o.Reconnect, "reconnect", false, "connect again when the connection ends or is not opened; --send and --text are sent on each")
	f.BoolVar(&o.noDeflate, "no-deflate", false, "do not offer, or accept, permessage-deflate")
	f.StringVarP(&o.listen, "listen", "l", "", "be a server at `HOST:PORT`; port 0 is any free one")
	f.BoolVar(&o.Oneshot, "oneshot", false, "with --listen: end after the first connection")
	f.StringVar(&o.cert, "tls-cert", "", "with --listen: certificate chain for wss, a PEM `FILE`")
	f.StringVar(&o.key, "tls-key", "", "with --listen: key of the certificate, a PEM `FILE`")
	o.client.flags(f, "env")
	// wsdump knows these by other names.
	f.VarP((*commaList)(&o.client.subprotocols), "subprotocols", "s", "the same as --subprotocol")
	f.BoolVarP(&o.client.tls.Insecure, "nocert", "n", false, "the same as --insecure")
	f.Var((*commaList)(&o.client.headers), "headers", "the same as --header, with commas between headers")
	c.MarkFlagsRequiredTogether("tls-cert", "tls-key")
	c.MarkFlagsMutuallyExclusive("binary", "hex", "base64", "bytes")
	c.MarkFlagsMutuallyExclusive("raw", "http2", "http3")
	c.MarkFlagsMutuallyExclusive("raw", "binary")
	c.MarkFlagsMutuallyExclusive("raw", "hex")
	c.MarkFlagsMutuallyExclusive("raw", "base64")
	c.MarkFlagsMutuallyExclusive("raw", "bytes")
	c.MarkFlagsMutuallyExclusive("raw", "text")
	c.MarkFlagsMutuallyExclusive("raw", "one-message")
	c.MarkFlagsMutuallyExclusive("raw", "commands")
	c.MarkFlagsMutuallyExclusive("whole", "commands")
	c.MarkFlagsMutuallyExclusive("whole", "raw")
	c.MarkFlagsMutuallyExclusive("whole", "null-terminated")
	c.MarkFlagsMutuallyExclusive("bytes", "null-terminated")
	c.MarkFlagsMutuallyExclusive("bytes", "commands")
	c.MarkFlagsMutuallyExclusive("listen", "reconnect")
	c.MarkFlagsMutuallyExclusive("listen", "server-cmd")
	c.MarkFlagsMutuallyExclusive("record", "reconnect")
	return c
}

// seconds is a time that may be a bare number of seconds.
type seconds time.Duration

func (s *seconds) Set(text string) error {
	if n, err := strconv.ParseFloat(text, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		if n *= float64(time.Second); !(math.Abs(n) < math.MaxInt64) {
			return errors.New("too long")
		}
		*s = seconds(n)
		return nil
	}
	d, err := time.ParseDuration(text)
	*s = seconds(d)
	return err
}

func (s *seconds) String() string { return time.Duration(*s).String() }
func (*seconds) Type() string     { return "duration" }

func (o *dumpOptions) run(c *cobra.Command, list []string) error {
	if err := o.check(c.Flags(), list); err != nil {
		return err
	}
	opts, err := o.client.options()
	if err != nil {
		return err
	}
	o.In, o.Out, o.Err = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr()
	done, err := o.prepare(opts.Header)
	if err != nil {
		return err
	}
	defer done()
	var deflate *ws.Deflate
	if !o.noDeflate && !o.Raw {
		deflate = &ws.Deflate{}
	}
	if o.listen == "" {
		url, stop, err := o.server(c.Context(), list)
		defer stop()
		if err != nil {
			return err
		}
		o.URL, opts.Deflate, o.Dial = url, deflate, opts
		o.Mask = runfile.NewSecrets(o.URL, opts.Header).Text
	} else {
		o.Accept = &ws.AcceptOptions{
			Header: opts.Header, Subprotocols: opts.Subprotocols, Origins: []string{"*"},
			Options: ws.Options{
				Deflate:          deflate,
				ReadLimit:        opts.ReadLimit,
				HandshakeTimeout: opts.HandshakeTimeout,
			},
		}
		if err := o.Accept.Validate(); err != nil {
			return usagef("%w", err)
		}
		l := echoOptions{addr: o.listen, cert: o.cert, key: o.key}
		conf, err := l.tlsConfig()
		if err != nil {
			return err
		}
		if o.Listener, o.URL, err = l.listen(c.Context(), conf); err != nil {
			return listenError("dump", "--listen "+o.listen, err)
		}
		defer o.Listener.Close()
		fmt.Fprintln(o.Err, "* listening on "+o.URL)
		stop, err := o.startClient()
		if err != nil {
			return err
		}
		defer stop()
	}
	return o.talk(c.Context())
}

// check completes the options and finds what is wrong before anything is opened.
func (o *dumpOptions) check(f *pflag.FlagSet, list []string) error {
	switch {
	case o.listen == "" && len(list) == 0 && o.serverCmd == "":
		return usagef("missing URL; usage: wsconform dump URL, or --listen HOST:PORT")
	case o.serverCmd != "" && len(list) > 0:
		return usagef("--server-cmd starts the server: there is no URL to connect to")
	case !o.Raw && (o.script != "" || o.record != ""):
		return usagef("--script and --record need --raw")
	case o.listen == "" && o.clientCmd != "":
		return usagef("--client-cmd needs --listen")
	case f.Changed("client-cmd") && !strings.Contains(o.clientCmd, "{url}"):
		return usagef("--client-cmd needs {url}, which becomes our address")
	case o.listen != "" && len(list) > 0:
		return usagef("--listen waits for clients: there is no URL to connect to")
	case o.listen == "" && (o.cert != "" || o.Oneshot):
		return usagef("--oneshot, --tls-cert and --tls-key need --listen")
	case o.CloseWait <= 0:
		return usagef("--close-wait %v: must be more than 0", o.CloseWait)
	case o.PingInterval < 0:
		return usagef("--ping-interval %v: must be 0 or more", o.PingInterval)
	case o.PingTimeout != 0 && o.PingInterval == 0:
		return usagef("--ping-timeout needs --ping-interval")
	}
	if o.listen != "" {
		for _, name := range []string{
			"origin", "proxy", "redirects", "http2", "http3", "ipv4", "ipv6", "insecure", "nocert", "skip-hostname", "server-name", "verify-name", "ca", "cert", "key",
		} {
			if f.Changed(name) {
				return usagef("--%s is for connecting to a server, not for --listen", name)
			}
		}
	} else if len(list) > 0 {
		if err := checkTarget(list[0]); err != nil {
			return err
		}
		if err := o.client.checkTLS(f, list[0]); err != nil {
			return err
		}
	}
	o.Oneshot = o.Oneshot || o.listen != "" && (o.record != "" || o.clientCmd != "")
	if (o.listen != "" || o.OneLine) && !f.Changed("eof-wait") {
		o.EOFWait = -1
	}
	o.Delimiter = '\n'
	if o.null {
		o.Delimiter = 0
	}
	switch {
	case o.binary:
		o.Input = console.Binary
	case o.hex:
		o.Input = console.Hex
	case o.base64:
		o.Input, o.BinaryAs = console.Base64, console.Base64
	case o.bytes:
		o.Input, o.BinaryAs = console.Bytes, console.Bytes
	}
	if err := o.Check(); err != nil {
		return usagef("--send %w", err)
	}
	o.Text = o.text
	return nil
}

// dumpError tells a peer that refuses from one that is not reached, and both from
// what the input had wrong.
func dumpError(err error, listening bool) error {
	code := exitHarness
	var refused *ws.HandshakeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
	case errors.As(err, new(*console.InputError)):
		code = exitUsage
	case errors.As(err, new(*console.EndError)):
		code = exitFailed
	case errors.As(err, new(*rawscript.RefusedError)) || errors.As(err, &refused) && refused.Proxy == "":
		code = exitAgent
	case listening && errors.Is(err, net.ErrClosed): // so are errors of QUIC
		code = exitInterrupted // a listener is closed by an interrupt only
	}
	return &codedError{code, fmt.Errorf("dump: %w", err)}
}
