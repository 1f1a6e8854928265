package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/ws"
)

// parseStep reads a line as a step; a slash in front of it is ignored, for those
// used to commands.
func parseStep(s string) (rawscript.Step, error) {
	return rawscript.Parse(strings.TrimPrefix(s, "/"))
}

func stepHelp() string {
	var b strings.Builder
	b.WriteString("steps")
	for _, v := range rawscript.Verbs {
		fmt.Fprintf(&b, "\n  %-28s %s", strings.TrimSpace(v.Name+" "+v.Usage), v.Help)
	}
	return b.String()
}

// dialRaw plays the input on connections to the server.
func (c *console) dialRaw(ctx context.Context, opts ws.DialOptions, t *timing) error {
	head, err := requestHead(c.URL, &opts)
	if err != nil {
		return err
	}
	return c.play(ctx, func(ctx context.Context, n int) (net.Conn, rawscript.Options, error) {
		if n > 1 { // each has a key of its own
			if head, err = requestHead(c.URL, &opts); err != nil {
				return nil, rawscript.Options{}, err
			}
		}
		nc, err := ws.Connect(ctx, c.URL, &opts)
		if err != nil {
			c.notOpened(err)
			return nil, rawscript.Options{}, err
		}
		if c.Timings {
			c.note(t.String())
		}
		return nc, rawscript.Options{Request: head, OpenTimeout: opts.HandshakeTimeout}, nil
	})
}

// serveRaw plays the input on a connection of a client, and on those that come after it.
func (c *console) serveRaw(ctx context.Context, first net.Conn, opts ws.AcceptOptions) error {
	return c.play(ctx, func(_ context.Context, n int) (nc net.Conn, _ rawscript.Options, err error) {
		if nc = first; n > 1 {
			if nc, err = c.next(cmp.Or(opts.HandshakeTimeout, 10*time.Second)); err != nil {
				return nil, rawscript.Options{}, fmt.Errorf("connection %d: %w", n, err)
			}
		}
		return nc, rawscript.Options{Server: true, Extra: fields(opts.Header), OpenTimeout: opts.HandshakeTimeout}, nil
	})
}

// next takes the next client, which may take so long where the listener can tell.
func (c *console) next(patience time.Duration) (net.Conn, error) {
	if l, ok := c.Listener.(interface{ SetDeadline(t time.Time) error }); ok {
		if err := l.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		defer l.SetDeadline(time.Time{}) //nolint:errcheck // it has just been possible
	}
	return c.Listener.Accept()
}

// play plays the input as a script.
func (c *console) play(ctx context.Context, open func(ctx context.Context, n int) (net.Conn, rawscript.Options, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &rawscript.Session{Open: func(_ context.Context, n int) (net.Conn, rawscript.Options, error) {
		nc, opts, err := open(ctx, n)
		if err != nil {
			return nil, opts, err
		}
		if n == 1 {
			c.mu.Lock()
			c.start = time.Now()
			c.mu.Unlock()
		}
		context.AfterFunc(ctx, func() { _ = nc.Close() }) // an interrupt ends what waits for the peer
		opts.Hear = func(e rawscript.Event) { c.event(n, e) }
		return nc, opts, nil
	}}
	first, err := s.Player(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	var failed error
	for _, line := range c.First {
		if over := c.step(ctx, s, line, &failed); over {
			return failed
		}
	}
	lines, done := c.input, first.Done()
	if c.terminal == nil {
		done = nil // a script is played to its end
	}
	if c.inputOver {
		lines = nil
	}
	for lines != nil {
		select {
		case <-done:
			if s.Only() {
				return failed
			}
			done = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case line, more := <-lines:
			if !more {
				c.inputOver, lines = true, nil
			} else if over := c.step(ctx, s, line, &failed); over {
				return failed
			}
		}
	}
	if over := c.became(ctx, s, s.Finish(ctx), &failed); over {
		return failed
	}
	if err := s.Wait(ctx, c.eofTimer()); err != nil {
		return err
	}
	return failed
}

// step plays a line.
func (c *console) step(ctx context.Context, s *rawscript.Session, line string, failed *error) (over bool) {
	if word := strings.TrimPrefix(line, "/"); word == "help" {
		c.note(stepHelp())
		return false
	}
	step, err := parseStep(line)
	if step == nil || err != nil {
		if err != nil {
			c.refuse(err)
		}
		return false
	}
	err = s.Do(ctx, step)
	if c.Played != nil {
		c.Played(s.Number(), step, err)
	}
	if over := c.became(ctx, s, err, failed); over {
		return true
	}
	if _, opens := step.(rawscript.Connection); opens && err != nil && *failed == nil {
		*failed = &EndError{err}
	}
	end, ok := step.(rawscript.End)
	return ok && end.Verb != "half-close" && s.Only()
}

// became says what became of a step. The session is over when the peer has refused the handshake
// of the only connection, or that can no longer be used; failed is the first failure.
func (c *console) became(ctx context.Context, s *rawscript.Session, err error, failed *error) (over bool) {
	var refused *rawscript.RefusedError
	switch {
	case err == nil:
		return false
	case ctx.Err() != nil:
		*failed = context.Cause(ctx)
		return true
	case errors.As(err, &refused) && s.Only():
		if p, err := s.Player(ctx); err == nil {
			c.wait(ctx, p)
		}
		*failed = refused
		return true
	case errors.As(err, &refused):
		c.note(err.Error())
		if *failed == nil {
			*failed = refused
		}
		return false
	}
	if errors.Is(err, rawscript.ErrBegun) { // a mistake in the script
		c.refuse(err)
		return false
	}
	c.note(err.Error())
	if errors.Is(err, rawscript.ErrNotSeen) && *failed == nil {
		*failed = &EndError{err}
	}
	return errors.Is(err, net.ErrClosed) && s.Only()
}

// wait lets the rest of a refusal come.
func (c *console) wait(ctx context.Context, p *rawscript.Player) {
	timer := time.NewTimer(500 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
	case <-ctx.Done():
	}
}

// event shows what went in either direction on the n-th connection.
func (c *console) event(n int, e rawscript.Event) {
	if c.Hear != nil {
		c.Hear(n, e)
	}
	on, number := "", 0 // of further connections
	if n > 1 {
		on, number = fmt.Sprintf("%d: ", n), n
	}
	switch e.Kind {
	case rawscript.EventHead:
		if c.Verbose > 0 || c.JSON {
			c.headOn(on, number, e.Sent, e.Data)
		}
	case rawscript.EventFrame:
		switch {
		case c.JSON:
			r := frameRecord(e.Sent, e.Header, e.Data)
			r.Connection = number
			c.record(r)
		case !e.Sent || c.Verbose > 0:
			c.print(&c.out, arrow(e.Sent)+on+frameLine(e.Header, e.Data))
		}
	case rawscript.EventBytes:
		switch {
		case c.JSON:
			r := Record{Event: "bytes", Sent: e.Sent, Connection: number}
			r.payload(true, e.Data)
			c.record(r)
		case !e.Sent || c.Verbose > 0:
			c.print(&c.out, arrow(e.Sent)+on+"[bytes] "+strconv.Quote(string(e.Data)))
		}
	case rawscript.EventEnd:
		switch {
		case errors.Is(e.Err, net.ErrClosed): // by us
			c.ended(nil)
		case c.JSON:
			c.ended(e.Err)
		case errors.Is(e.Err, io.EOF):
			c.note(on + "the peer ended the connection")
		default:
			c.note(on + e.Err.Error())
		}
	}
}

// requestHead is the standard request for a URL, with what opts adds.
func requestHead(rawURL string, opts *ws.DialOptions) (rawscript.Head, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawscript.Head{}, errors.New("malformed URL")
	}
	target, host := u.RequestURI(), u.Host
	if strings.HasSuffix(u.Scheme, "+unix") {
		_, resource, _ := strings.Cut(u.EscapedPath(), ":")
		target, host = cmp.Or(resource, "/"), "localhost"
		if u.RawQuery != "" {
			target += "?" + u.RawQuery
		}
	}
	var extra []rawscript.Field
	if len(opts.Subprotocols) > 0 {
		extra = append(extra, rawscript.Field{Name: "Sec-WebSocket-Protocol", Value: strings.Join(opts.Subprotocols, ", ")})
	}
	if password, ok := u.User.Password(); ok || u.User != nil {
		r := http.Request{Header: make(http.Header)}
		r.SetBasicAuth(u.User.Username(), password)
		extra = append(extra, fields(r.Header)...)
	}
	return rawscript.RequestHead(target, host, append(extra, fields(opts.Header)...)...), nil
}

// fields puts a header in order.
func fields(h http.Header) (list []rawscript.Field) {
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			list = append(list, rawscript.Field{Name: name, Value: value})
		}
	}
	return list
}
