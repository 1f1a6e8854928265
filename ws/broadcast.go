package ws

import (
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Broadcast sends a message to many connections, such as [Server.Conns], waits for none
// of them, and returns those that missed it. Connections that are closing or closed are passed over. The
// message is framed once, and compressed once for each window size in use; with context
// takeover it neither uses nor becomes history. A client's connection, which masks, gets
// its own frame.
//
// A slow peer delays no other: what its socket does not take at once waits in the
// queue of its connection, in order with [Conn.Send], for at most WriteTimeout. A
// connection whose queue is full, by QueueLimit or QueueBytes, misses the message; the
// program may end it by [Conn.CloseNow]. A write that fails later ends the connection.
// The error is that of a message that cannot be sent.
func Broadcast(to iter.Seq[*Conn], typ MessageType, p []byte) (missed []*Conn, err error) {
	if err := checkMessage(typ, p); err != nil {
		return nil, opError("broadcast", err)
	}
	b := &broadcast{typ: typ, p: slices.Clone(p)}
	for c := range to {
		if !b.send(c) {
			missed = append(missed, c)
		}
	}
	return missed, nil
}

// checkMessage checks a complete message of a type that the connection takes.
func (c *Conn) checkMessage(typ MessageType, p []byte) error {
	if err := c.checkType(typ); err != nil || typ != MessageText {
		return err
	}
	return checkMessage(typ, p)
}

// checkMessage checks a complete message.
func checkMessage(typ MessageType, p []byte) error {
	if err := checkType(typ); err != nil {
		return err
	}
	if typ == MessageText && !utf8.Valid(p) {
		return errNotUTF8
	}
	return nil
}

// A broadcast is a message and its frames.
type broadcast struct {
	typ    MessageType
	p      []byte
	frames [16][]byte // by window bits; 0 is not compressed
}

// send sends or queues the message. It is false if the connection is open and misses it.
func (b *broadcast) send(c *Conn) bool {
	if c.state() != connOpen {
		return true
	}
	m := queued{typ: b.typ, p: b.p}
	if !c.client && c.ext == nil {
		m.frame = b.frame(&c.wr.flate)
		if c.tryReady(m) {
			return true
		}
	}
	return c.enqueue(m) == nil || c.state() != connOpen
}

// frame is the message as a server sends it to a connection that compresses so.
func (b *broadcast) frame(w *flateWriter) []byte {
	var bits uint8
	if w.worth(len(b.p)) {
		bits = w.windowBits
	}
	if b.frames[bits] == nil {
		f := wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: b.typ}, Payload: b.p}
		if bits > 0 {
			alone := flateWriter{on: true, windowBits: bits, fresh: true}
			z := alone.message(b.p)
			defer alone.done(z)
			f.RSV, f.Payload = wsproto.RSV1, *z
		}
		b.frames[bits] = wsproto.AppendFrame(make([]byte, 0, wsproto.MaxHeaderLen+len(f.Payload)), f)
	}
	return b.frames[bits]
}
