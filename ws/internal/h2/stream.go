package h2

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A Stream is one request and its response. After a response of 200 to an extended
// CONNECT it is a [net.Conn]: CloseWrite is END_STREAM, and Close before the peer's
// END_STREAM is RST_STREAM with CANCEL (RFC 8441 §5). Writes are buffered as a socket
// does it: an error may show in a later one.
type Stream struct {
	c  *Conn
	id uint32

	// The connection's mu guards the rest.
	fields                           []hpack.HeaderField // of the request, or of the response
	connect                          bool                // the request is CONNECT
	answered                         bool                // by the server
	since                            uint64              // Conn.frames at the request
	readable                         sync.Cond
	input                            input  // data that has not been read
	into                             []byte // of a Read that waits: where data goes at once
	got                              int    // so much of it
	window                           int64  // that the peer has at most
	recvWindow, sendWindow, consumed int64
	queued                           uint64 // Conn.taken when something was put into out
	remoteEnd                        bool   // END_STREAM has come
	localEnd                         bool   // and was sent
	closed                           bool   // by Close
	err                              error  // why it was aborted

	read, write deadline
}

// A ResetError says that the peer reset the stream, or would not look at it.
type ResetError struct{ Code http2.ErrCode }

func (e *ResetError) Error() string { return fmt.Sprintf("stream reset by peer: %v", e.Code) }

// A RuleError says that the peer broke a rule of HTTP/2, which ended the stream or all of
// the connection.
type RuleError struct {
	Code http2.ErrCode
	Conn bool
}

func (e *RuleError) Error() string {
	if e.Conn {
		return fmt.Sprintf("HTTP/2 connection failed: %v", e.Code)
	}
	return fmt.Sprintf("stream failed: %v", e.Code)
}

// newStream begins a stream. It needs mu.
func (c *Conn) newStream(id uint32) *Stream {
	s := &Stream{c: c, id: id, window: streamWindow, recvWindow: streamWindow, sendWindow: c.peer.window}
	s.readable.L = &c.mu
	if len(c.streams) == 0 {
		if c.idle != nil {
			c.idle.Stop()
		}
		if c.config.OnIdle != nil {
			c.config.OnIdle(false)
		}
	}
	c.streams[id] = s
	return s
}

// forget ends a stream's place in the connection.
func (c *Conn) forget(s *Stream) {
	if c.streams[s.id] != s {
		return
	}
	delete(c.streams, s.id)
	c.changed.Broadcast()
	if len(c.streams) > 0 || c.err != nil {
		return
	}
	if c.config.OnIdle != nil {
		c.config.OnIdle(true)
	}
	switch {
	case c.leaving:
		c.end(errLeaving)
	case c.idle != nil:
		c.idle.Reset(c.config.IdleTimeout)
	}
}

// Fields are the header fields of the request, on the server, or of the response, on the
// client, with the pseudo-header fields first.
func (s *Stream) Fields() []hpack.HeaderField { return s.fields }

// Conn is the connection below.
func (s *Stream) Conn() net.Conn { return s.c.nc }

// Ended reports whether the peer has sent END_STREAM.
func (s *Stream) Ended() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.remoteEnd
}

// Respond answers a request. With end that is all, and what more the client has to say
// about it is not of interest.
func (s *Stream) Respond(fields []hpack.HeaderField, body []byte, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	if err := s.sendHeaders(fields, end && len(body) == 0); err != nil {
		return err
	}
	s.fields = nil
	if !end {
		return nil
	}
	for len(body) > 0 {
		n, err := s.put(body, true)
		if err != nil {
			return err
		}
		body = body[n:]
	}
	s.localEnd = true
	if !s.remoteEnd {
		s.resetID(http2.ErrCodeNo) // RFC 9113 §8.1
	}
	c.forget(s)
	return nil
}

// sendHeaders needs mu.
func (s *Stream) sendHeaders(fields []hpack.HeaderField, end bool) error {
	c := s.c
	if err := s.broken(); err != nil {
		return err
	}
	c.block.Reset()
	for _, f := range fields {
		if err := c.encoder.WriteField(f); err != nil {
			return err
		}
	}
	block := c.block.Bytes()
	first := true
	s.queued = c.taken
	for first || len(block) > 0 {
		p := block[:min(len(block), 16<<10)]
		block = block[len(p):]
		last := len(block) == 0
		id, begin := s.id, first
		c.control(func(w *http2.Framer) error {
			if begin {
				return w.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: p, EndHeaders: last, EndStream: end})
			}
			return w.WriteContinuation(id, last, p)
		})
		first = false
	}
	return s.broken()
}

// broken is why nothing can be sent.
func (s *Stream) broken() error {
	switch {
	case s.closed:
		return net.ErrClosed
	case s.err != nil:
		return s.err
	case s.c.err != nil:
		return s.c.err
	}
	return nil
}

// headers is a further block of header fields: a response, or trailers.
func (s *Stream) headers(f *http2.MetaHeadersFrame) error {
	switch {
	case s.remoteEnd:
		s.reset(http2.ErrCodeStreamClosed)
	case f.Truncated:
		s.reset(http2.ErrCodeEnhanceYourCalm)
	case s.c.client() && !s.answered:
		return s.response(f)
	case !f.StreamEnded() || len(f.PseudoFields()) > 0 || s.connect:
		s.reset(http2.ErrCodeProtocol) // RFC 9113 §8.1, §8.5
	default:
		s.endRemote() // trailers
	}
	return s.c.spend(1)
}

// received takes data from the peer, and padding.
func (s *Stream) received(p []byte, padding int64) {
	if s.closed || s.err != nil {
		s.consume(int64(len(p)) + padding)
		return
	}
	if len(p) > 0 {
		if s.into != nil && s.input.size == 0 {
			n := copy(s.into[s.got:], p)
			s.got, p = s.got+n, p[n:]
		}
		s.input.add(p)
		s.c.unread += int64(len(p))
		s.readable.Broadcast()
	}
	if padding > 0 {
		s.consume(padding)
	}
}

// consume gives back room in the stream's window. A program that has read all there is
// waits for the peer, which gets more room.
func (s *Stream) consume(n int64) {
	s.consumed += n
	if s.consumed < s.window/2 || s.remoteEnd || s.err != nil || s.closed {
		return
	}
	n, id := s.consumed, s.id
	s.consumed = 0
	if s.input.size == 0 && s.window < maxStreamWindow {
		n += s.window
		s.window *= 2
	}
	s.recvWindow += n
	s.c.control(func(w *http2.Framer) error { return w.WriteWindowUpdate(id, uint32(n)) })
}

// drop forgets what nobody will read.
func (s *Stream) drop() {
	s.c.unread -= int64(s.input.size)
	s.input.drop()
	s.c.giveBack()
}

func (s *Stream) endRemote() {
	s.remoteEnd = true
	s.readable.Broadcast()
	if s.localEnd {
		s.c.forget(s)
	}
}

// abort ends a stream for those who use it.
func (s *Stream) abort(err error) {
	if s.err == nil {
		s.err = err
	}
	s.readable.Broadcast()
	s.c.changed.Broadcast()
}

// reset ends a stream whose peer broke a rule. It needs mu.
func (s *Stream) reset(code http2.ErrCode) {
	s.resetID(code)
	s.abort(&RuleError{Code: code})
	s.c.forget(s)
}

func (s *Stream) resetID(code http2.ErrCode) { s.c.resetID(s.id, code) }

func (c *Conn) resetID(id uint32, code http2.ErrCode) {
	c.resets[c.nresets%len(c.resets)] = id
	c.nresets++
	c.control(func(w *http2.Framer) error { return w.WriteRSTStream(id, code) })
}

// hasReset reports whether the peer may not know yet that a stream is over.
func (c *Conn) hasReset(id uint32) bool {
	for _, have := range c.resets {
		if have == id {
			return true
		}
	}
	return false
}

// Read reads data. The error is io.EOF after END_STREAM, a [*ResetError], or why the
// connection ended.
func (s *Stream) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if s.into == nil && s.input.size == 0 {
		s.into = p
	}
	err := s.await()
	n := 0
	if len(s.into) > 0 && &s.into[0] == &p[0] {
		n = s.got
		s.into, s.got = nil, 0
	}
	if n == 0 {
		if err != nil {
			return 0, err
		}
		n = s.input.read(p)
		c.unread -= int64(n)
		c.giveBack()
	}
	s.consume(int64(n))
	return n, nil
}

// Await waits until Read has something to return. An error is that of Read, but not
// io.EOF.
func (s *Stream) Await() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if err := s.await(); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// Ready reports whether data waits to be read.
func (s *Stream) Ready() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.input.size > 0
}

// await waits until there is data. It needs mu.
func (s *Stream) await() error {
	for {
		switch {
		case s.got > 0:
			return nil
		case s.closed:
			return net.ErrClosed
		case s.read.passed:
			return os.ErrDeadlineExceeded
		case s.input.size > 0:
			return nil
		case s.remoteEnd:
			return io.EOF
		case s.err != nil:
			return s.err
		}
		s.readable.Wait()
	}
}

// Close ends the stream: in order if the peer has done so, with RST_STREAM otherwise.
func (s *Stream) Close() error {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	if s.closed {
		return nil
	}
	if s.err == nil && c.err == nil {
		switch {
		case s.remoteEnd && !s.localEnd:
			s.endLocal()
		case !s.remoteEnd:
			s.resetID(http2.ErrCodeCancel)
		}
	}
	s.closed = true
	s.drop()
	s.read.stop()
	s.write.stop()
	s.readable.Broadcast()
	c.changed.Broadcast()
	c.forget(s)
	return nil
}

// LocalAddr is that of the connection below.
func (s *Stream) LocalAddr() net.Addr { return s.c.nc.LocalAddr() }

// RemoteAddr is that of the connection below.
func (s *Stream) RemoteAddr() net.Addr { return s.c.nc.RemoteAddr() }
