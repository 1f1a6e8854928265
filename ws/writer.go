package ws

import (
	"context"
	"fmt"
	"io"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Writer begins a message. Each Write sends a fragment (RFC 6455 §5.4), Close
// the last one, which is empty. Other messages wait until then; control frames
// do not. ctx holds for all of it. A text may be cut anywhere.
func (c *Conn) Writer(ctx context.Context, typ MessageType) (io.WriteCloser, error) {
	w, err := c.newWriter(ctx, typ)
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (c *Conn) newWriter(ctx context.Context, typ MessageType) (*messageWriter, error) {
	if err := c.checkType(typ); err != nil {
		return nil, opError("write", err)
	}
	if typ.Control() {
		return nil, opError("write", fmt.Errorf("%v is a control frame, which is not sent in pieces", typ))
	}
	if err := c.wr.message.lock(ctx); err != nil {
		return nil, opError("write", err)
	}
	w := &messageWriter{c: c, ctx: ctx, typ: typ, header: wsproto.Header{Opcode: typ}}
	if w.compressed() {
		w.header.RSV = wsproto.RSV1
		c.wr.flate.begin()
	}
	return w, nil
}

// messageWriter belongs to one goroutine.
type messageWriter struct {
	c      *Conn
	ctx    context.Context //nolint:containedctx // an io.Writer has no other way
	typ    MessageType
	header wsproto.Header // of the next frame
	utf8   wsproto.UTF8Validator
	begun  bool // bytes were compressed, so a tail is owed
	closed bool
	err    error
}

func (w *messageWriter) Write(p []byte) (int, error) {
	if w.closed {
		return 0, opError("write", io.ErrClosedPipe)
	}
	if w.err != nil {
		return 0, w.err
	}
	if w.typ == MessageText {
		if _, ok := w.utf8.Feed(p); !ok {
			return 0, w.fail(errNotUTF8)
		}
	}
	payload := p
	if w.compressed() {
		z := w.c.wr.flate.piece(p, w.begun)
		defer w.c.wr.flate.done(z)
		payload, w.begun = *z, true
	}
	if err := w.c.writeFrame(w.ctx, w.header, payload); err != nil {
		return 0, w.fail(err)
	}
	w.header = wsproto.Header{Opcode: wsproto.OpContinuation}
	return len(p), nil
}

func (w *messageWriter) compressed() bool { return w.c.wr.flate.on && plainType(w.typ) }

// fail ends the message half-way. As nothing else may be sent then, so does the
// connection, unless no frame of it was sent.
func (w *messageWriter) fail(err error) error {
	w.err = opError("write", err)
	if w.header.Opcode == wsproto.OpContinuation {
		w.c.end(err)
	}
	w.c.wr.flate.forget()
	return w.err
}

// abandon gives way to others in the middle of the message.
func (w *messageWriter) abandon(err error) {
	if w.err == nil {
		_ = w.fail(err) // no call waits for it
	}
	w.closed = true
	w.c.wr.flate.finish()
	w.c.wr.message.unlock()
}

func (w *messageWriter) Close() error {
	if w.closed {
		return opError("write", io.ErrClosedPipe)
	}
	w.closed = true
	defer w.c.wr.message.unlock()
	defer w.c.wr.flate.finish()
	if w.err != nil {
		return w.err
	}
	if w.typ == MessageText && !w.utf8.Complete() {
		return w.fail(errNotUTF8)
	}
	var last []byte
	if w.compressed() && !w.begun {
		last = []byte{0} // the empty message (RFC 7692 §7.2.3.6)
	}
	w.header.Fin = true
	if err := w.c.writeFrame(w.ctx, w.header, last); err != nil {
		return w.fail(err)
	}
	return nil
}
