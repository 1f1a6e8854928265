package h2

import (
	"cmp"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A Stream is a stream of a [Conn]. It is a [net.Conn], over which frames of WebSocket run
// once a request for extended CONNECT was accepted.
type Stream struct {
	ID uint32
	c  *Conn

	// The rest is guarded by the mutex of the Conn.
	head     []hpack.HeaderField // of the peer's message
	early    bool                // it was opened before our SETTINGS went out
	trailers []hpack.HeaderField
	in       []byte // DATA that was not read
	keep     bool   // DATA is kept to be read
	take     func([]byte)
	inEnd    bool           // the peer has ended its direction
	reset    *http2.ErrCode // it has reset the stream
	sendWin  int64
	recvWin  int64
	unread   int64  // bytes read, and not given back to the window
	due      uint32 // given back, but not told yet
	outEnd   bool   // we have ended ours, or reset the stream
	abort    bool   // closing resets
	closed   bool
	readBy   deadline
	writeBy  deadline
}

// A ResetError says that the peer has reset a stream.
type ResetError struct{ Code http2.ErrCode }

// Is makes it the reset of a connection.
func (e *ResetError) Is(target error) bool { return target == syscall.ECONNRESET }

func (e *ResetError) Error() string { return "the peer reset the stream with " + codeName(e.Code) }

// NewStream makes the next stream of ours, for the request that is to follow.
func (c *Conn) NewStream() *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.newStream(c.nextID)
	c.nextID += 2
	return s
}

// Stream is the one with that id, if it is open.
func (c *Conn) Stream(id uint32) *Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streams[id]
}

// newStream is NewStream with mu held.
func (c *Conn) newStream(id uint32) *Stream {
	s := &Stream{ID: id, c: c, early: !c.said, sendWin: c.initial, recvWin: c.ours, keep: true}
	c.streams[id] = s
	return s
}

// Conn is the connection of the stream.
func (s *Stream) Conn() *Conn { return s.c }

// Early reports whether the stream was opened before our SETTINGS went out.
func (s *Stream) Early() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.early
}

// Take hands DATA to f, in the order in which it comes, in place of [Stream.Read]. It is
// called before any comes, and f may not call the Conn.
func (s *Stream) Take(f func([]byte)) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.keep, s.take = false, f
}

// Window is how many bytes the peer lets us send on the stream now.
func (s *Stream) Window() int64 {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return min(s.sendWin, s.c.sendWin)
}

// Head waits for the head of the peer's message, up to the deadline. Interim responses are
// skipped. The error says why there is none.
func (s *Stream) Head(deadline time.Time) ([]hpack.HeaderField, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.await(deadline, func() bool { return s.head != nil && !s.interim() || s.reset != nil || c.err != nil })
	switch {
	case s.head != nil && !s.interim():
		return s.head, nil
	case s.reset != nil:
		return nil, &ResetError{*s.reset}
	case !in:
		return nil, os.ErrDeadlineExceeded
	}
	return nil, c.err
}

// Request is the head of the peer's request, and whether END_STREAM came with it or since.
func (s *Stream) Request() (fields []hpack.HeaderField, ended bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.head, s.inEnd && len(s.in) == 0
}

// interim reports whether the head is that of an interim response. A 101 is none: it is
// malformed (RFC 9113 §8.6).
func (s *Stream) interim() bool {
	status := Value(s.head, ":status")
	return len(status) == 3 && status[0] == '1' && status != "101"
}

// Value is that of the first field of a name; "" without.
func Value(fields []hpack.HeaderField, name string) string {
	for _, f := range fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Read reads what came in DATA. It returns [io.EOF] after END_STREAM, and a [*ResetError] where
// the stream was reset.
func (s *Stream) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	c.await(time.Time{}, func() bool {
		return len(s.in) > 0 || s.inEnd || s.reset != nil || c.err != nil || s.closed || s.readBy.past()
	})
	if s.readBy.past() {
		c.mu.Unlock()
		return 0, os.ErrDeadlineExceeded
	}
	if len(s.in) == 0 || s.closed {
		defer c.mu.Unlock()
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case s.inEnd:
			return 0, io.EOF
		case s.reset != nil:
			return 0, &ResetError{*s.reset}
		}
		return 0, &lostError{c.err}
	}
	n := copy(p, s.in)
	s.in = s.in[n:]
	if len(s.in) == 0 {
		s.in = nil
	}
	s.unread += int64(n)
	give := uint32(0)
	if !c.o.Manual && !s.inEnd && s.unread >= c.ours/2 && s.unread > 0 {
		give = uint32(s.unread)
		s.recvWin += s.unread
		s.unread = 0
	}
	c.mu.Unlock()
	if give > 0 {
		c.answer(func() { c.fr.WriteWindowUpdate(s.ID, give) }) //nolint:errcheck // flush tells
	}
	return n, nil
}

// A lostError says that the connection ended, and the stream with it, in no order.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "the connection ended: " + e.cause.Error() }

// A deadline is one of a stream; the zero value is none.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) past() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// set changes a deadline of a stream, also for a call under way.
func (c *Conn) set(d *deadline, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	*d = deadline{at: t}
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.cond.Broadcast()
		})
	}
	c.cond.Broadcast()
}

// Write sends p in DATA frames as large as the peer takes, when its windows permit.
func (s *Stream) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := s.reserve(len(p) - sent)
		if err != nil {
			return sent, err
		}
		piece := p[sent : sent+n]
		err = s.c.write(func() {
			s.c.fr.WriteData(s.ID, false, piece) //nolint:errcheck // flush tells
			s.c.sentData(s.ID, piece, 0, false)
		})
		if err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// reserve takes up to n bytes off the windows, and waits until there are any.
func (s *Stream) reserve(n int) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	room := func() int64 {
		if c.o.Window != nil {
			return c.o.Window(s.sendWin, c.sendWin)
		}
		return min(s.sendWin, c.sendWin)
	}
	can := func() bool { return room() > 0 }
	broken := func() bool { return s.reset != nil || c.err != nil || s.outEnd || s.closed }
	c.await(time.Time{}, func() bool { return broken() || s.writeBy.past() || can() })
	switch {
	case s.closed, s.outEnd:
		return 0, net.ErrClosed
	case s.reset != nil:
		return 0, &ResetError{*s.reset}
	case c.err != nil:
		return 0, &lostError{c.err}
	case s.writeBy.past():
		return 0, os.ErrDeadlineExceeded
	}
	n = int(min(int64(n), room(), int64(cmp.Or(c.o.FrameSize, c.maxSend))))
	s.sendWin -= int64(n)
	c.sendWin -= int64(n)
	return n, nil
}

// CloseWrite ends our direction: END_STREAM.
func (s *Stream) CloseWrite() error {
	s.c.mu.Lock()
	over := s.outEnd || s.reset != nil || s.c.err != nil
	s.outEnd = true
	s.c.mu.Unlock()
	if over {
		return nil
	}
	return s.c.write(func() {
		s.c.fr.WriteData(s.ID, true, nil) //nolint:errcheck // flush tells
		s.c.sentData(s.ID, nil, 0, true)
	})
}

// SetLinger makes Close reset the stream where sec is 0, as for a TCP connection.
func (s *Stream) SetLinger(sec int) error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.abort = sec == 0
	return nil
}

// Close ends our direction, and resets the stream with CANCEL if the peer has not ended its
// own. After SetLinger(0) it resets it in any case.
func (s *Stream) Close() error {
	c := s.c
	c.mu.Lock()
	if s.closed {
		c.mu.Unlock()
		return net.ErrClosed
	}
	s.closed = true
	end := !s.outEnd && !s.abort
	cancel := s.reset == nil && (s.abort && !(s.inEnd && s.outEnd) || !s.inEnd)
	gone := c.err != nil || s.reset != nil
	s.outEnd = true
	s.in = nil
	c.cond.Broadcast()
	c.mu.Unlock()
	if gone {
		return nil
	}
	return c.write(func() {
		if end {
			c.fr.WriteData(s.ID, true, nil) //nolint:errcheck // flush tells
			c.sentData(s.ID, nil, 0, true)
		}
		if cancel {
			c.rst(s.ID, http2.ErrCodeCancel)
		}
	})
}

// LocalAddr is that of the connection.
func (s *Stream) LocalAddr() net.Addr { return s.c.nc.LocalAddr() }

// RemoteAddr is that of the connection.
func (s *Stream) RemoteAddr() net.Addr { return s.c.nc.RemoteAddr() }

// SetDeadline sets both deadlines.
func (s *Stream) SetDeadline(t time.Time) error {
	s.SetReadDeadline(t) //nolint:errcheck // it never fails
	return s.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, also one under way.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.c.set(&s.readBy, t)
	return nil
}

// SetWriteDeadline bounds writes, also one under way.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.c.set(&s.writeBy, t)
	return nil
}

// Text is fields as the head of a message of HTTP/1.1 shows them, behind this start line.
// Pseudo-header fields that are no part of that come first, colon and all.
func Text(start string, fields []hpack.HeaderField) string {
	var b strings.Builder
	b.WriteString(start + "\r\n")
	clean := strings.NewReplacer("\r", `\r`, "\n", `\n`)
	for _, f := range fields {
		if f.Name == ":status" || f.Name == ":method" || f.Name == ":path" {
			continue
		}
		b.WriteString(clean.Replace(f.Name) + ": " + clean.Replace(f.Value) + "\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// AwaitWindow waits until the windows permit n bytes, and reports whether they do.
func (s *Stream) AwaitWindow(n int, deadline time.Time) bool {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	can := func() bool { return s.sendWin >= int64(n) && c.sendWin >= int64(n) }
	c.await(deadline, func() bool { return can() || s.reset != nil || c.err != nil })
	return can()
}
