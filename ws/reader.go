package ws

import (
	"context"
	"errors"
	"io"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Reader waits for the next message and streams it. What is left of the previous
// one is checked and dropped. ctx holds for the reader too. A text is
// checked as it streams: its bytes are UTF-8 but for a rune that is not
// complete yet. The errors are as in Read; io.EOF ends the message.
func (c *Conn) Reader(ctx context.Context) (MessageType, io.Reader, error) {
	r := &c.rd
	if err := c.lockRead(ctx); err != nil {
		return 0, nil, opError("read", err)
	}
	defer c.unlockRead()
	c.boundRead()
	if r.held != 0 {
		c.unhold()
	}
	if err := c.begin(ctx); err != nil {
		return 0, nil, opError("read", err)
	}
	r.drain = true // unless it is read to its end
	return r.typ, &messageReader{c: c, ctx: ctx, seq: r.seq}, nil
}

type messageReader struct {
	c   *Conn
	ctx context.Context //nolint:containedctx // an io.Reader has no other way
	seq uint64
	eof bool
}

func (m *messageReader) Read(p []byte) (int, error) {
	if m.eof {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	r := &m.c.rd
	if err := m.c.lockRead(m.ctx); err != nil {
		return 0, opError("read", err)
	}
	defer m.c.unlockRead()
	m.c.boundRead()
	if r.err != nil {
		return 0, opError("read", r.err)
	}
	if r.skip {
		return 0, opError("read", errClosing)
	}
	if m.seq != r.seq || !r.open {
		return 0, opError("read", errors.New("the reader of an earlier message"))
	}
	if len(r.kept) > 0 {
		n := copy(p, r.kept)
		r.kept = r.kept[n:]
		return n, nil
	}
	n, err := m.c.some(m.ctx, p)
	if err == io.EOF { //nolint:errorlint // the end of the message is io.EOF itself
		m.eof = true
	} else if err != nil {
		err = opError("read", err)
	}
	return n, err
}

// Discard reads and drops messages until the connection ends, and says why it
// did. It is for programs that only send: reading is what answers pings and
// notices the peer's close.
func (c *Conn) Discard(ctx context.Context) error {
	for {
		_, m, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, m); err != nil {
			return err
		}
	}
}

// Wait waits until a message begins to arrive, if none does already. A server of many
// connections can take the buffer for [Conn.ReadAppend] from a sync.Pool then, so
// that one that waits has none, and the others share a few that are in the cache. The
// errors are as in Read.
func (c *Conn) Wait(ctx context.Context) error {
	r := &c.rd
	if err := c.lockRead(ctx); err != nil {
		return opError("read", err)
	}
	defer c.unlockRead()
	c.boundRead()
	if r.held != 0 {
		c.unhold()
	}
	for {
		var err error
		switch {
		case r.err != nil:
			err = r.err
		case r.open || r.skip || c.ext != nil && c.ext.begun:
			return nil
		case r.r == r.w:
			err = c.fill(ctx)
		case !wsproto.Opcode(r.buf[r.r] & 0x0F).Control():
			return nil
		default:
			var h wsproto.Header
			var n int
			if h, n, err = c.header(ctx); err == nil {
				err = c.control(ctx, h, n)
			}
		}
		if err != nil {
			return opError("read", err)
		}
	}
}
