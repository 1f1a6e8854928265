package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// A Framing says how messages are made of bytes, and bytes of messages.
type Framing uint8

// The framings.
const (
	// Auto is Lines for commands and the standard streams, Chunks for sockets, and
	// Chunks where neither end is a WebSocket.
	Auto Framing = iota
	// Lines are messages without their line feed: text, or binary if not UTF-8.
	Lines
	// Chunks are binary messages, of whatever arrives at a time.
	Chunks
)

// Options says what to join, and how.
type Options struct {
	From, To End // only From may listen
	Framing  Framing
	// Dial and Accept configure WebSockets. Nil means the defaults.
	Dial   *ws.DialOptions
	Accept *ws.AcceptOptions
	// In, Out and Err are the standard streams. Err takes what a command prints there.
	In       io.Reader
	Out, Err io.Writer
	// EOFWait is how long a WebSocket stays open for answers after the end of what
	// goes into it; negative means until it ends by itself.
	EOFWait time.Duration
	// Oneshot ends after the first connection of an end that listens.
	Oneshot bool
	// MaxConns bounds the connections at a time of an end that listens. More wait.
	// Zero means 100.
	MaxConns int
	// Listening is called with the address once an end listens, and Failed with the
	// error of each of its connections that did not end in order. They may be nil.
	Listening func(net.Addr)
	Failed    func(error)
}

// An OpenError says that an end could not be opened.
type OpenError struct{ err error }

func (e *OpenError) Error() string { return e.err.Error() }
func (e *OpenError) Unwrap() error { return e.err }

// Run joins the ends until both have ended, or, if From listens, until ctx ends. Its
// errors are an [*OpenError], the [*ws.CloseError] or other error of an end that
// ended badly, the [*exec.ExitError] of a command, and the cause of ctx.
func Run(ctx context.Context, o Options) error {
	if !o.From.Listen {
		from, err := o.open(ctx, o.From, nil)
		if err != nil {
			return &OpenError{err}
		}
		return o.join(ctx, from, nil)
	}
	l, err := new(net.ListenConfig).Listen(ctx, o.From.Network, o.From.Address)
	if err != nil {
		return &OpenError{err}
	}
	if o.Listening != nil {
		o.Listening(l.Addr())
	}
	return o.serve(ctx, l)
}

func (o *Options) serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	defer l.Close()
	var running sync.WaitGroup
	defer running.Wait()
	limit := o.MaxConns
	if limit == 0 {
		limit = 100
	}
	free := make(chan struct{}, limit)
	for {
		nc, err := l.Accept()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if o.Oneshot {
			_ = l.Close()
			return o.accepted(ctx, nc)
		}
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			if err := o.accepted(ctx, nc); err != nil && ctx.Err() == nil && o.Failed != nil {
				o.Failed(fmt.Errorf("%v: %w", nc.RemoteAddr(), err))
			}
		})
	}
}

// accepted makes an end of a connection and joins it with another.
func (o *Options) accepted(ctx context.Context, nc net.Conn) error {
	if o.From.Kind == Socket {
		return o.join(ctx, o.bytes(o.From, nc, nc, nc), []string{"REMOTE_ADDR=" + nc.RemoteAddr().String()})
	}
	accept := ws.AcceptOptions{}
	if o.Accept != nil {
		accept = *o.Accept
	}
	if next := accept.Intercept; o.From.Path != "" {
		accept.Intercept = func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != o.From.Path {
				w.WriteHeader(http.StatusNotFound)
			} else if next != nil {
				next(w, r)
			}
		}
	}
	c, err := ws.AcceptNet(ctx, nc, &accept)
	if err != nil {
		return err
	}
	return o.join(ctx, &webSocket{c, o.EOFWait}, []string{
		"REMOTE_ADDR=" + nc.RemoteAddr().String(), "REQUEST_URI=" + c.Handshake().Request.RequestURI,
	})
}

// join opens the other end and copies until both have ended.
func (o *Options) join(ctx context.Context, from stream, env []string) error {
	to, err := o.open(ctx, o.To, env)
	if err != nil {
		from.end()
		return &OpenError{err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(ctx, func() { from.end(); to.end() })
	defer stop()
	type end struct {
		webSocket bool // the direction came from one: there is nothing left to write to
		err       error
	}
	ends := make(chan end, 2)
	start := func(from, to stream) {
		err := move(ctx, from, to)
		_, is := from.(*webSocket)
		ends <- end{is, err}
	}
	go start(from, to)
	go start(to, from)
	first := <-ends
	switch {
	case first.err != nil:
		cancel(first.err) // nothing can be said any more
	case first.webSocket && (o.From.Kind == Stdio || o.To.Kind == Stdio):
		from.end() // there is nothing to wait for
		to.end()
	case first.webSocket:
		timer := time.AfterFunc(commandGrace, func() { from.end(); to.end() })
		defer timer.Stop()
	}
	second := <-ends
	from.end()
	to.end()
	ended := errors.Join(from.wait(), to.wait())
	switch {
	case ctx.Err() != nil: // the first error, or an interrupt
		return context.Cause(ctx)
	case second.err != nil && !first.webSocket:
		return second.err
	}
	return ended
}

// move copies one direction up to its end.
func move(ctx context.Context, from, to stream) error {
	for {
		typ, p, err := from.read(ctx)
		if errors.Is(err, io.EOF) {
			return to.finish(ctx)
		}
		if err != nil {
			return err
		}
		err = to.write(ctx, typ, p)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// open opens an end that does not listen. env is added to that of a command.
func (o *Options) open(ctx context.Context, e End, env []string) (stream, error) {
	switch e.Kind {
	case WebSocket:
		c, err := ws.Dial(ctx, e.URL, o.Dial)
		if err != nil {
			return nil, err
		}
		return &webSocket{c, o.EOFWait}, nil
	case Socket:
		nc, err := new(net.Dialer).DialContext(ctx, e.Network, e.Address)
		if err != nil {
			return nil, err
		}
		return o.bytes(e, nc, nc, nc), nil
	case Command:
		return o.start(ctx, e, env)
	case Stdio:
	}
	// A read of the standard input cannot be ended. The goroutine ends with it, or
	// with the program.
	in, feed := io.Pipe()
	go func() {
		_, err := io.Copy(feed, o.In)
		_ = feed.CloseWithError(err)
	}()
	return o.bytes(e, in, writerOnly{o.Out}, in), nil
}

// writerOnly keeps a bridge from closing what is not its own.
type writerOnly struct{ io.Writer }

func (o *Options) start(ctx context.Context, e End, env []string) (stream, error) {
	cmd := exec.CommandContext(ctx, e.Command[0], e.Command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = o.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = commandGrace
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, pipe, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = pipe
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close(), pipe.Close())
	}
	_ = pipe.Close() // the command has it
	b := o.bytes(e, out, in, out)
	b.cmd = cmd
	return b, nil
}

// commandGrace is how long a command may take to end once it is asked to, or its
// input is over and its output closed.
const commandGrace = 3 * time.Second
