package h3

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// cancelled is the stream error that stands for a reset of TCP (RFC 9220 §3).
const cancelled = quic.StreamErrorCode(http3.ErrCodeRequestCanceled)

// framed is a stream of quic-go whose bytes are those of DATA frames: a [*http3.Stream] on
// the server, a [*http3.RequestStream] on the client.
type framed interface {
	io.ReadWriteCloser
	CancelRead(code quic.StreamErrorCode)
	CancelWrite(code quic.StreamErrorCode)
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error
}

// A stream makes a [net.Conn] of a stream of HTTP/3: CloseWrite is FIN, and Close before the
// peer's FIN resets both directions with H3_REQUEST_CANCELLED.
type stream struct {
	framed
	local, remote net.Addr
	// release is called once the stream is closed, with whether the peer has reset it. It may
	// be nil.
	release func(reset bool)
	// trailers is where quic-go puts the fields of HEADERS behind the first. They end the
	// connection by refuse, which is nil where that is not ours.
	trailers *http.Header
	refuse   func(code http3.ErrCode)

	writing sync.Mutex // held by Write and by what ends our direction in order

	mu     sync.Mutex // guards the rest
	ended  bool       // the peer's FIN was read
	torn   bool       // its reset was read
	sent   bool       // ours was sent
	closed bool
}

var errHeaders = errors.New("HEADERS on the stream of an open WebSocket (RFC 9114 §4.4)")

// Read reads data. The error is io.EOF after FIN.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.framed.Read(p)
	if n == 0 && err == nil && *s.trailers != nil {
		if s.refuse != nil {
			s.refuse(http3.ErrCodeFrameUnexpected)
		}
		return 0, errHeaders
	}
	if err == nil {
		return n, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, io.EOF) {
		s.ended = true
		return n, io.EOF
	}
	if s.closed {
		return n, net.ErrClosed
	}
	if reset, ok := errors.AsType[*http3.Error](err); ok && reset.Remote {
		s.torn = true
	}
	return n, err
}

// Write sends p as a DATA frame. What a deadline cuts short is completed by the next call.
func (s *stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	s.mu.Lock()
	over := s.closed || s.sent
	s.mu.Unlock()
	if over {
		return 0, net.ErrClosed
	}
	return s.framed.Write(p)
}

// CloseWrite ends our direction with FIN.
func (s *stream) CloseWrite() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return net.ErrClosed
	case s.sent:
		return nil
	}
	s.sent = true
	return s.framed.Close()
}

// Close ends the stream: in order if the peer has done so, by a reset otherwise.
func (s *stream) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	ended, sent, torn := s.ended, s.sent, s.torn
	s.mu.Unlock()
	if !sent {
		if ended && s.writing.TryLock() {
			_ = s.framed.Close() // fails only where the stream is over
			s.writing.Unlock()
		} else {
			s.CancelWrite(cancelled)
		}
	}
	if !ended {
		s.CancelRead(cancelled)
	}
	if s.release != nil {
		s.release(torn)
	}
	return nil
}

// LocalAddr is that of the connection below.
func (s *stream) LocalAddr() net.Addr { return s.local }

// RemoteAddr is that of the connection below.
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// SetDeadline sets both deadlines.
func (s *stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// A waiting stream is one of a server, which package ws reads without a buffer that waits. A
// client has no such access to its streams.
type waiting struct {
	*stream
	below *quic.Stream
}

// Await waits until there is something to read, which may be the end.
func (s *waiting) Await() error {
	var next [1]byte
	_, err := s.below.Peek(next[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil // Read says the rest
}
