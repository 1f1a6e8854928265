package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/ws"
)

// Options says what to talk to, and how.
type Options struct {
	// URL of the server to connect to, or the Listener on which to be a server.
	URL      string
	Listener net.Listener
	// Dial and Accept configure the connections; nil means the defaults. The console
	// sets the hooks, CloseTimeout, PingInterval and PingTimeout.
	Dial   *ws.DialOptions
	Accept *ws.AcceptOptions

	In       io.Reader
	Out, Err io.Writer

	Text      []string // text messages sent first on each connection
	First     []string // lines that follow them, before the input
	Commands  bool     // lines that begin with a slash are commands
	Raw       bool     // lines are steps of package rawscript
	Input     encoding // of lines
	Delimiter byte     // ends a line; '\n' or 0
	Whole     bool     // the whole input is one message
	OneLine   bool     // send at most one line, and end after the first message received

	JSON     bool     // print a Record for each event
	BinaryAs encoding // of binary messages in plain output: Hex, Base64 or Bytes
	Verbose  int      // 1: control frames; 2: the handshake and every frame
	Timings  bool     // print when things happened
	// Mask masks secrets in what a server answers when it refuses the handshake; nil
	// masks nothing. What Verbose 2 and Raw show is never masked.
	Mask func(string) string
	// Hear, if set, is told each event of a raw script, with the number of its connection,
	// from several goroutines.
	Hear func(n int, e rawscript.Event)
	// Played, if set, is told what became of each step of a raw script.
	Played func(n int, s rawscript.Step, err error)

	// EOFWait is how long to listen after the end of the input; negative means until
	// the peer closes. CloseWait bounds the closing handshake.
	EOFWait, CloseWait time.Duration
	// PingInterval and PingTimeout are those of [ws.Options]; zero means no pings.
	PingInterval, PingTimeout time.Duration
	// Reconnect dials again, after ReconnectDelay, when the connection has ended
	// against our will. The delay doubles up to 30 s.
	Reconnect      bool
	ReconnectDelay time.Duration
	// Oneshot ends a server after its first connection.
	Oneshot bool
}

// An encoding says how bytes are written in a line.
type encoding uint8

// The encodings.
const (
	text   encoding = iota // lines are text messages
	Binary                 // lines are binary messages as they stand
	Hex                    // binary messages in hexadecimal
	Base64                 // binary messages in base64 (RFC 4648 §4)
	Bytes                  // no lines: the input in chunks, the output as it comes
)

// An InputError says that lines of the input were refused, or could not be sent.
type InputError struct {
	lines int // how many
	first error
}

func (e *InputError) Error() string {
	if e.lines == 1 {
		return "input: " + e.first.Error()
	}
	return fmt.Sprintf("input: %d lines refused, the first: %v", e.lines, e.first)
}

func (e *InputError) Unwrap() error { return e.first }

// An EndError says that the connection ended in another way than in order, or that
// a step of a raw script waited in vain.
type EndError struct{ err error }

func (e *EndError) Error() string { return e.err.Error() }
func (e *EndError) Unwrap() error { return e.err }

// Check parses the lines of o.First, so that a mistake is found before anything is
// sent.
func (o *Options) Check() error {
	for _, line := range o.First {
		var err error
		if o.Raw {
			_, err = parseStep(line)
		} else {
			_, err = o.parse(line)
		}
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}

// Run talks until the input is over or the connection has ended. Its errors are
// those of [ws.Dial] or of the listener, a [*rawscript.RefusedError], an [*EndError],
// an [*InputError], and the cause of a ctx that ended.
func Run(ctx context.Context, o Options) error {
	if o.ReconnectDelay == 0 {
		o.ReconnectDelay = 500 * time.Millisecond
	}
	c, err := open(&o)
	if err != nil {
		return err
	}
	defer c.restore()
	c.input = c.startInput()
	if o.Listener != nil {
		err = c.serve(ctx)
	} else {
		err = c.connect(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil && c.refused.lines > 0 && c.terminal == nil:
		return &c.refused
	}
	return err
}

// connect dials, again and again if that is wanted.
func (c *console) connect(ctx context.Context) error {
	delay := c.ReconnectDelay
	for {
		again, err := c.dial(ctx)
		if !again || ctx.Err() != nil {
			return err
		}
		if err == nil || errors.As(err, new(*EndError)) { // there was a connection
			delay = c.ReconnectDelay
		}
		c.note(fmt.Sprintf("reconnecting in %v", delay))
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		delay = min(2*delay, 30*time.Second)
	}
}

// dial has one connection, and says whether to have another.
func (c *console) dial(ctx context.Context) (again bool, err error) {
	var t timing
	ctx = t.trace(ctx)
	opts := ws.DialOptions{}
	if c.Dial != nil {
		opts = *c.Dial
	}
	if c.Raw {
		err := c.dialRaw(ctx, opts, &t)
		return c.Reconnect && passing(err), err
	}
	opts.CloseTimeout = c.CloseWait
	opts.PingInterval, opts.PingTimeout = c.pings()
	if c.Verbose > 0 || c.JSON {
		opts.OnFrame = c.frame
	}
	if c.Verbose > 1 {
		opts.OnHandshake = c.head
	}
	conn, err := ws.Dial(ctx, c.URL, &opts)
	if err != nil {
		c.notOpened(err)
		return c.Reconnect && passing(err), err
	}
	c.opened(conn.Handshake(), &t)
	ours, err := c.session(ctx, conn)
	return c.Reconnect && !ours, err
}

// passing reports whether a later attempt may succeed.
func passing(err error) bool {
	var refused *ws.HandshakeError
	if errors.As(err, &refused) && refused.Proxy == "" {
		return refused.Status == http.StatusTooManyRequests || refused.Status >= 500
	}
	return err != nil && !errors.As(err, new(*rawscript.RefusedError))
}

// serve has one connection at a time. It ends when the input is over and the
// connection too.
func (c *console) serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = c.Listener.Close() })
	defer stop()
	for {
		nc, err := c.Listener.Accept()
		if err != nil {
			return err
		}
		err = c.accept(ctx, nc)
		if c.Oneshot || c.inputOver || ctx.Err() != nil {
			return err
		}
		if err != nil {
			c.note(err.Error())
		}
	}
}

func (c *console) accept(ctx context.Context, nc net.Conn) error {
	opts := ws.AcceptOptions{}
	if c.Accept != nil {
		opts = *c.Accept
	}
	if c.Raw {
		return c.serveRaw(ctx, nc, opts)
	}
	opts.CloseTimeout = c.CloseWait
	opts.PingInterval, opts.PingTimeout = c.pings()
	if c.Verbose > 0 || c.JSON {
		opts.OnFrame = c.frame
	}
	conn, err := ws.AcceptNet(ctx, nc, &opts)
	if err != nil {
		return fmt.Errorf("%v: %w", nc.RemoteAddr(), err)
	}
	c.opened(conn.Handshake(), nil)
	_, err = c.session(ctx, conn)
	return err
}

// pings are what options call PingInterval and PingTimeout.
func (c *console) pings() (interval, timeout time.Duration) {
	if c.PingInterval <= 0 {
		return -1, 0 // pings are the user's
	}
	return c.PingInterval, c.PingTimeout
}
