package ws

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// NetConn makes a stream of the connection, for protocols that want a [net.Conn]: each
// Write is a message of the type, and Read returns what messages of the type carry, one
// after another. A message of another type is an error and ends the connection with
// StatusUnsupportedData. A close with StatusNormalClosure, StatusGoingAway or no code is
// io.EOF. Close is [Conn.Close] with StatusNormalClosure. A deadline that passes in the
// middle of a write ends the connection, as a context does.
func (c *Conn) NetConn(typ MessageType) net.Conn { return &netConn{c: c, typ: typ} }

type netConn struct {
	c   *Conn
	typ MessageType

	read, write deadline

	mu  sync.Mutex     // held by who reads; guards the rest
	msg *messageReader // nil between messages
}

func (n *netConn) Read(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ctx := n.read.context()
	if n.msg != nil {
		n.msg.ctx = ctx // the deadline may be another than that of the message's start
	}
	for {
		if n.msg == nil {
			typ, r, err := n.c.Reader(ctx)
			if err != nil {
				return 0, streamError(err)
			}
			if typ != n.typ {
				err := opError("read", errors.New("stream has a message of another type"))
				n.c.failStream(err)
				return 0, err
			}
			n.msg = r.(*messageReader) //nolint:forcetypeassert // it is what Reader makes
		}
		k, err := n.msg.Read(p)
		if err == io.EOF { //nolint:errorlint // the end of the message is io.EOF itself
			n.msg = nil
			if k == 0 && len(p) > 0 {
				continue
			}
			err = nil
		}
		return k, streamError(err)
	}
}

// failStream ends the connection for a message that the stream cannot take.
func (c *Conn) failStream(err error) {
	ctx, cancel := context.WithTimeout(context.Background(), lingerTime)
	defer cancel()
	_ = c.sendClose(ctx, StatusUnsupportedData, "message of another type") // the error is what counts
	c.failed(err)
}

func (n *netConn) Write(p []byte) (int, error) {
	if err := n.c.Write(n.write.context(), n.typ, p); err != nil {
		return 0, streamError(err)
	}
	return len(p), nil
}

// streamError is an error as a net.Conn has it.
func streamError(err error) error {
	switch {
	case err == nil:
		return nil
	case ClosedOK(err):
		return io.EOF
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded // itself, for those who look for a net.Error
	}
	return err
}

func (n *netConn) Close() error         { return n.c.Close(StatusNormalClosure, "") }
func (n *netConn) LocalAddr() net.Addr  { return n.c.nc.LocalAddr() }
func (n *netConn) RemoteAddr() net.Addr { return n.c.RemoteAddr() }

func (n *netConn) SetDeadline(t time.Time) error {
	n.read.set(t)
	n.write.set(t)
	return nil
}

func (n *netConn) SetReadDeadline(t time.Time) error  { n.read.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.write.set(t); return nil }

// A deadline ends calls by a context. The zero value is none.
type deadline struct {
	mu     sync.Mutex      // guards the rest
	ctx    context.Context //nolint:containedctx // a net.Conn has no other way
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.init()
}

// init needs mu.
func (d *deadline) init() context.Context {
	if d.ctx == nil {
		d.ctx, d.cancel = context.WithCancelCause(context.Background())
	}
	return d.ctx
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	if d.ctx != nil && d.ctx.Err() != nil {
		d.ctx = nil // it is over; calls from now on get another
	}
	d.init()
	if t.IsZero() {
		return
	}
	cancel := d.cancel
	d.timer = time.AfterFunc(max(time.Until(t), 0), func() { cancel(os.ErrDeadlineExceeded) })
	if !t.After(time.Now()) {
		cancel(os.ErrDeadlineExceeded)
	}
}
