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

// dialRaw plays the input on a connection to the server.
func (c *console) dialRaw(ctx context.Context, opts ws.DialOptions, t *timing) error {
	head, err := requestHead(c.URL, &opts)
	if err != nil {
		return err
	}
	nc, err := ws.Connect(ctx, c.URL, &opts)
	if err != nil {
		c.notOpened(err)
		return err
	}
	if c.Timings {
		c.note(t.String())
	}
	return c.play(ctx, nc, rawscript.Options{Request: head, OpenTimeout: opts.HandshakeTimeout})
}

// serveRaw plays the input on a connection of a client.
func (c *console) serveRaw(ctx context.Context, nc net.Conn, opts ws.AcceptOptions) error {
	return c.play(ctx, nc, rawscript.Options{Server: true, Extra: fields(opts.Header), OpenTimeout: opts.HandshakeTimeout})
}

func (c *console) play(ctx context.Context, nc net.Conn, opts rawscript.Options) error {
	c.mu.Lock()
	c.start = time.Now()
	c.mu.Unlock()
	opts.Hear = c.event
	p := rawscript.Start(nc, opts)
	defer p.Close()
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	defer stop()
	var failed error
	for _, s := range c.First {
		if over := c.step(ctx, p, s, &failed); over {
			return failed
		}
	}
	lines, done := c.input, p.Done()
	if c.terminal == nil {
		done = nil // a script is played to its end
	}
	if c.inputOver {
		lines = nil
	}
	for lines != nil {
		select {
		case <-done:
			return failed
		case <-ctx.Done():
			return context.Cause(ctx)
		case s, more := <-lines:
			if !more {
				c.inputOver, lines = true, nil
			} else if over := c.step(ctx, p, s, &failed); over {
				return failed
			}
		}
	}
	if !p.Opened() { // a script without steps
		if over := c.step(ctx, p, "open", &failed); over {
			return failed
		}
	}
	select {
	case <-p.Done():
	case <-c.eofTimer():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return failed
}

// step plays a line. The session is over when the peer has refused the handshake or
// the connection can no longer be used; failed is the first failure.
func (c *console) step(ctx context.Context, p *rawscript.Player, s string, failed *error) (over bool) {
	if word := strings.TrimPrefix(s, "/"); word == "help" {
		c.note(stepHelp())
		return false
	}
	step, err := parseStep(s)
	if step == nil || err != nil {
		if err != nil {
			c.refuse(err)
		}
		return false
	}
	err = p.Do(ctx, step)
	var refused *rawscript.RefusedError
	switch {
	case err == nil:
		end, ok := step.(rawscript.End)
		return ok && end.Verb != "half-close"
	case ctx.Err() != nil:
		*failed = context.Cause(ctx)
		return true
	case errors.As(err, &refused):
		c.wait(ctx, p)
		*failed = refused
		return true
	}
	c.note(err.Error())
	if errors.Is(err, rawscript.ErrNotSeen) && *failed == nil {
		*failed = &EndError{err}
	}
	return errors.Is(err, net.ErrClosed)
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

// event shows what went in either direction.
func (c *console) event(e rawscript.Event) {
	switch e.Kind {
	case rawscript.EventHead:
		if c.Verbose > 0 || c.JSON {
			c.head(e.Sent, e.Data)
		}
	case rawscript.EventFrame:
		switch {
		case c.JSON:
			c.record(frameRecord(e.Sent, e.Header, e.Data))
		case !e.Sent || c.Verbose > 0:
			c.print(&c.out, arrow(e.Sent)+frameLine(e.Header, e.Data))
		}
	case rawscript.EventBytes:
		switch {
		case c.JSON:
			r := Record{Event: "bytes", Sent: e.Sent}
			r.payload(true, e.Data)
			c.record(r)
		case !e.Sent || c.Verbose > 0:
			c.print(&c.out, arrow(e.Sent)+"[bytes] "+strconv.Quote(string(e.Data)))
		}
	case rawscript.EventEnd:
		switch {
		case errors.Is(e.Err, net.ErrClosed): // by us
			c.ended(nil)
		case c.JSON:
			c.ended(e.Err)
		case errors.Is(e.Err, io.EOF):
			c.note("the peer ended the connection")
		default:
			c.note(e.Err.Error())
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
