package console

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// pongTime is how long /ping waits.
const pongTime = 5 * time.Second

// session moves messages in both directions until either side ends the connection,
// and reports whether that was us.
func (c *console) session(ctx context.Context, conn *ws.Conn) (ours bool, err error) {
	defer conn.CloseNow()
	received := make(chan error, 1)
	first := make(chan struct{}) // closed when a message has come
	go func() { received <- c.messages(ctx, conn, first) }()
	end := func(code wsproto.StatusCode) error {
		err := c.await(conn, received)
		c.ended(err)
		return orderly(ctx, err, code)
	}
	for _, s := range c.Text {
		c.failed(ctx, c.do(ctx, conn, line{verb: "send", typ: ws.MessageText, data: []byte(s)}))
	}
	for _, s := range c.First {
		l, _ := c.parse(s) // Check has seen to errors
		c.failed(ctx, c.do(ctx, conn, l))
		if l.verb == "close" {
			return true, end(l.code)
		}
	}
	lines := c.input
	var over <-chan time.Time // EOFWait after the end of the input
	if c.inputOver {
		lines, over = nil, c.eofTimer()
	}
	var enough <-chan struct{}
	if c.OneLine {
		enough = first
	}
	for {
		select {
		case <-conn.Done():
			return false, end(0)
		case <-ctx.Done():
			_ = c.close(conn, ws.StatusGoingAway, "") // the interrupt is what counts
			return true, end(ws.StatusGoingAway)
		case <-over:
			_ = c.close(conn, ws.StatusNormalClosure, "") // how it ended is known below
			return true, end(ws.StatusNormalClosure)
		case <-enough:
			_ = c.close(conn, ws.StatusNormalClosure, "") // how it ended is known below
			return true, end(ws.StatusNormalClosure)
		case s, more := <-lines:
			if !more {
				c.inputOver, lines, over = true, nil, c.eofTimer()
				continue
			}
			l, err := c.parse(s)
			if err == nil {
				err = c.do(ctx, conn, l)
			}
			c.failed(ctx, err)
			if err == nil && l.verb == "close" {
				return true, end(l.code)
			}
		}
	}
}

// failed counts a line that was not sent, unless the connection is to blame: how that
// ends is told anyway.
func (c *console) failed(ctx context.Context, err error) {
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.Is(err, net.ErrClosed):
		c.note(err.Error())
	default:
		c.refuse(err)
	}
}

func (c *console) eofTimer() <-chan time.Time {
	if c.EOFWait < 0 {
		return nil
	}
	return time.After(c.EOFWait)
}

// messages prints what comes until the end of the connection, and says why it
// ended.
func (c *console) messages(ctx context.Context, conn *ws.Conn, first chan<- struct{}) error {
	for n := 0; ; n++ {
		typ, p, err := conn.Read(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		if c.OneLine && n > 0 {
			continue
		}
		c.message(typ, p)
		if n == 0 {
			close(first)
		}
	}
}

// do acts on a line of input.
func (c *console) do(ctx context.Context, conn *ws.Conn, l line) error {
	switch l.verb {
	case "help":
		c.note(commandHelp())
	case "send":
		if c.JSON {
			r := Record{Event: "message", Sent: true, Opcode: l.typ.String()}
			r.payload(l.typ == ws.MessageText, l.data)
			c.record(r)
		}
		return conn.WriteFragments(ctx, l.typ, l.data, l.size)
	case "ping":
		return c.ping(ctx, conn, l.data)
	case "pong":
		return conn.Pong(ctx, l.data)
	case "close":
		return c.close(conn, l.code, string(l.data))
	}
	return nil
}

// ping waits for the pong, while the messages before it are printed. Without a payload
// one of the connection's own is sent.
func (c *console) ping(ctx context.Context, conn *ws.Conn, payload []byte) error {
	if len(payload) == 0 {
		payload = nil
	}
	ctx, cancel := context.WithTimeout(ctx, pongTime)
	defer cancel()
	pong, err := conn.StartPing(ctx, payload)
	if err != nil {
		return err
	}
	select {
	case latency, ok := <-pong:
		if ok {
			c.pong(payload, latency)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("no pong within %v", pongTime)
	}
}

// close sends the close frame and lets the peer go on: its last messages are to be
// seen.
func (c *console) close(conn *ws.Conn, code wsproto.StatusCode, reason string) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.CloseWait)
	defer cancel()
	err := conn.CloseWrite(ctx, code, reason)
	if err != nil && !errors.Is(err, net.ErrClosed) { // by the peer, in the meantime
		_ = conn.CloseNow() // a code that must not be sent ends it all the same
		return err
	}
	return nil
}

// await waits for the end, which is the peer's answer to our close frame.
func (c *console) await(conn *ws.Conn, received <-chan error) error {
	timer := time.NewTimer(c.CloseWait)
	defer timer.Stop()
	select {
	case err := <-received:
		return err
	case <-timer.C:
	}
	_ = conn.CloseNow()
	<-received
	return fmt.Errorf("no answer to the close frame within %v", c.CloseWait)
}

// orderly is nil if the connection ended in order: with what the peer calls normal,
// or with the code that we sent.
func orderly(ctx context.Context, err error, sent wsproto.StatusCode) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if ce, ok := errors.AsType[*ws.CloseError](err); ok {
		switch ce.Code {
		case ws.StatusNormalClosure, ws.StatusGoingAway, wsproto.StatusNoStatusRcvd, sent:
			return nil
		default: // an error that stays one
		}
	}
	return &EndError{err}
}
