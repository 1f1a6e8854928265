package h3

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/quic-go/qpack"
	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/quicvarint"
	"golang.org/x/net/http2/hpack"
)

// A Stream is a stream of a [Conn] in both directions. It is a [net.Conn], over which frames of
// WebSocket run once a request for extended CONNECT was accepted. One goroutine may read while
// another writes.
type Stream struct {
	ID    int64
	c     *Conn
	qs    *quic.Stream
	early bool // it was opened before our SETTINGS went out

	reading sync.Mutex // guards what is read
	br      *bufio.Reader
	left    uint64 // of the DATA frame under way
	skip    uint64 // of a frame that is not known
	unknown int    // frames that were not known
	last    error  // how the peer's direction ended

	writing sync.Mutex // guards what is written

	mu     sync.Mutex          // guards the rest
	head   []hpack.HeaderField // of the peer's message
	inEnd  bool                // the peer has ended its direction, in whatever way
	outEnd bool                // we have ended ours
	abort  bool                // closing resets
	closed bool
}

// A ResetError says that the peer has reset a stream, or asked for that.
type ResetError struct{ Code Code }

// Is makes it the reset of a connection.
func (e *ResetError) Is(target error) bool { return target == syscall.ECONNRESET }

func (e *ResetError) Error() string { return "the peer reset the stream with " + e.Code.String() }

// A lostError says that the connection ended, and the stream with it, in no order.
type lostError struct{ cause error }

func (e *lostError) Error() string { return "the connection ended: " + e.cause.Error() }

func (c *Conn) newStream(qs *quic.Stream) *Stream {
	return &Stream{ID: int64(qs.StreamID()), c: c, qs: qs, br: bufio.NewReader(qs)}
}

// Conn is the connection of the stream.
func (s *Stream) Conn() *Conn { return s.c }

// Early reports whether the stream was opened before our SETTINGS went out.
func (s *Stream) Early() bool { return s.early }

// Request is the head of the peer's message, as far as it was read.
func (s *Stream) Request() []hpack.HeaderField {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head
}

// Head waits for the head of the peer's message, up to the deadline. Interim responses are
// skipped. The error says why there is none.
func (s *Stream) Head(deadline time.Time) ([]hpack.HeaderField, error) {
	s.qs.SetReadDeadline(deadline)          //nolint:errcheck // it never fails
	defer s.qs.SetReadDeadline(time.Time{}) //nolint:errcheck // as above
	s.reading.Lock()
	defer s.reading.Unlock()
	for {
		if head := s.Request(); head != nil {
			return head, nil
		}
		if err := s.next(); err != nil {
			return nil, err
		}
		if s.left > 0 && s.Request() == nil {
			return nil, s.broke("DATA comes before HEADERS")
		}
	}
}

// broke ends the stream because of what the peer has sent.
func (s *Stream) broke(words string) error {
	s.Reset(MessageError) //nolint:errcheck // the stream is over
	s.last = errors.New("HTTP/3: " + words)
	return s.last
}

// next reads up to the data of the next DATA frame, or what else begins. reading is held.
func (s *Stream) next() error {
	if s.last != nil {
		return s.last
	}
	for s.skip > 0 {
		n, err := s.br.Discard(int(min(s.skip, 1<<16)))
		s.skip -= uint64(n)
		if err != nil {
			return s.failed(err, true)
		}
	}
	kind, n, err := s.peek(0)
	if err != nil {
		return s.failed(err, s.br.Buffered() > 0)
	}
	size, m, err := s.peek(n)
	if err != nil {
		return s.failed(err, true)
	}
	f := Frame{Type: FrameType(kind), Stream: s.ID, Len: int(min(size, math.MaxInt32))}
	if f.Type != FrameHeaders {
		s.br.Discard(n + m) //nolint:errcheck // it was peeked at
		switch f.Type {
		case FrameData:
			s.left = size
		case FrameSettings, FrameGoAway:
			f.Offences = []Offence{{"RFC 9114 7.2.4", "a frame of the control stream is on another one"}}
			s.skip = size
		default:
			s.skip = size
			if s.unknown++; s.unknown > controlBound {
				return nil
			}
		}
		s.c.tell(f)
		return nil
	}
	if size > blockBound {
		return s.broke("a header block is longer than 64 KiB")
	}
	block, err := s.ahead(n + m + int(size))
	if err != nil {
		return s.failed(err, true)
	}
	fields, err := decode(block[n+m:])
	s.br.Discard(len(block)) //nolint:errcheck // as above
	if err != nil {
		s.c.tell(f)
		if s.c.o.Undecoded {
			return nil
		}
		words := "a header block cannot be decoded: " + err.Error()
		s.c.broken(DecompressionFailed, words) // RFC 9204 §2.2 and §3.1
		s.last = errors.New("HTTP/3: " + words)
		return s.last
	}
	f.Fields = fields
	s.mu.Lock()
	f.Trailers = s.head != nil
	if s.head == nil && !interim(fields) {
		s.head = fields
	}
	s.mu.Unlock()
	s.c.tell(f)
	return nil
}

// ahead peeks at n bytes, so that a deadline in their middle loses nothing. What it holds grows
// with what has come, not with what was announced.
func (s *Stream) ahead(n int) ([]byte, error) {
	for {
		p, err := s.br.Peek(min(n, s.br.Size()))
		if err != nil || len(p) == n {
			return p, err
		}
		s.br = bufio.NewReaderSize(s.br, min(n, 2*s.br.Size()))
	}
}

// peek looks at a number behind n bytes.
func (s *Stream) peek(n int) (value uint64, end int, err error) {
	p, err := s.br.Peek(n + 1)
	if err != nil {
		return 0, 0, err
	}
	size := 1 << (p[n] >> 6)
	if p, err = s.br.Peek(n + size); err != nil {
		return 0, 0, err
	}
	value, _, err = quicvarint.Parse(p[n:])
	return value, size, err
}

// interim reports whether the head is that of an interim response. A 101 is none: it is
// malformed (RFC 9114 §4.5).
func interim(fields []hpack.HeaderField) bool {
	for _, f := range fields {
		if f.Name == ":status" {
			return len(f.Value) == 3 && f.Value[0] == '1' && f.Value != "101"
		}
	}
	return false
}

// failed is why reading has ended, if it has. cut says that it was inside a frame.
func (s *Stream) failed(err error, cut bool) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	s.mu.Lock()
	ended, closed := s.inEnd, s.closed
	s.inEnd = true
	s.mu.Unlock()
	f := Frame{Stream: s.ID}
	reset, isReset := errors.AsType[*quic.StreamError](err)
	switch {
	case isReset && reset.Remote:
		f.Type, f.Code = Reset, Code(reset.ErrorCode)
		s.last = &ResetError{f.Code}
	case errors.Is(err, io.EOF):
		f.Type, s.last = Fin, io.EOF
		if cut {
			f.Offences = []Offence{{"RFC 9114 7.1", "FIN comes inside a frame"}}
		}
	case closed:
		return net.ErrClosed
	default:
		s.last = &lostError{s.c.why(err)}
		return s.last
	}
	if !ended {
		s.c.tell(f)
	}
	return s.last
}

// decode makes fields of a header block.
func decode(block []byte) ([]hpack.HeaderField, error) {
	fields, size := []hpack.HeaderField{}, uint32(0)
	next := qpack.NewDecoder().Decode(block)
	for {
		f, err := next()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return nil, err
		}
		one := hpack.HeaderField{Name: f.Name, Value: f.Value}
		if size += one.Size(); size > blockBound {
			return nil, fmt.Errorf("its fields measure more than %d bytes", blockBound)
		}
		fields = append(fields, one)
	}
}

// Read reads what came in DATA. It returns [io.EOF] after FIN, and a [*ResetError] where the
// stream was reset.
func (s *Stream) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	for s.left == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	n, err := s.br.Read(p[:min(uint64(len(p)), s.left)])
	s.left -= uint64(n)
	if err != nil {
		err = s.failed(err, true)
		if n > 0 {
			err = nil
		}
	}
	return n, err
}

// Take hands DATA to f, in the order in which it comes, until the peer's direction ends. It
// returns then.
func (s *Stream) Take(f func([]byte)) {
	p := make([]byte, 32<<10)
	for {
		n, err := s.Read(p)
		if n > 0 {
			f(p[:n])
		}
		if err != nil {
			return
		}
	}
}

// write sends bytes as they are.
func (s *Stream) write(p []byte) error {
	_, err := s.qs.Write(p)
	return s.cause(err)
}

// cause is what an error of the stream means.
func (s *Stream) cause(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return os.ErrDeadlineExceeded
	}
	if reset, ok := errors.AsType[*quic.StreamError](err); ok && reset.Remote {
		return &ResetError{Code(reset.ErrorCode)}
	}
	if errors.Is(err, net.ErrClosed) { // every error of QUIC that ends the connection is one
		return &lostError{s.c.why(err)}
	}
	return net.ErrClosed
}

// Write sends p as a DATA frame, when the windows permit.
func (s *Stream) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := s.Data(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Data sends a DATA frame, which may be empty, and FIN behind it.
func (s *Stream) Data(p []byte, end bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	over := s.closed || s.outEnd
	s.mu.Unlock()
	if over {
		return net.ErrClosed
	}
	out := make([]byte, 0, len(p)+9)
	out = quicvarint.Append(quicvarint.Append(out, uint64(FrameData)), uint64(len(p)))
	s.c.tell(Frame{Out: true, Type: FrameData, Stream: s.ID, Len: len(p)})
	if err := s.write(append(out, p...)); err != nil {
		return err
	}
	if end {
		return s.fin()
	}
	return nil
}

// Raw sends a frame as it is.
func (s *Stream) Raw(kind FrameType, p []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	out := quicvarint.Append(quicvarint.Append(nil, uint64(kind)), uint64(len(p)))
	s.c.tell(Frame{Out: true, Type: kind, Stream: s.ID, Len: len(p)})
	return s.write(append(out, p...))
}

// Cut sends FIN inside a DATA frame.
func (s *Stream) Cut() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.write([]byte{byte(FrameData), 10}); err != nil {
		return err
	}
	return s.fin()
}

// Headers sends fields as they are, and FIN behind them.
func (s *Stream) Headers(fields []hpack.HeaderField, end bool) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var block bytes.Buffer
	enc := qpack.NewEncoder(&block)
	for _, f := range fields {
		enc.WriteField(qpack.HeaderField{Name: f.Name, Value: f.Value}) //nolint:errcheck // a buffer takes all
	}
	out := quicvarint.Append(quicvarint.Append(nil, uint64(FrameHeaders)), uint64(block.Len()))
	s.c.tell(Frame{Out: true, Type: FrameHeaders, Stream: s.ID, Len: block.Len(), Fields: fields})
	if err := s.write(append(out, block.Bytes()...)); err != nil {
		return err
	}
	if end {
		return s.fin()
	}
	return nil
}

// fin ends our direction, with writing held.
func (s *Stream) fin() error {
	s.mu.Lock()
	over := s.outEnd
	s.outEnd = true
	s.mu.Unlock()
	if over {
		return nil
	}
	s.c.tell(Frame{Out: true, Type: Fin, Stream: s.ID})
	return s.qs.Close()
}

// CloseWrite ends our direction: FIN.
func (s *Stream) CloseWrite() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.fin()
}

// Reset resets our direction, and asks the peer to reset its own.
func (s *Stream) Reset(code Code) error {
	s.mu.Lock()
	s.outEnd = true
	inEnd := s.inEnd
	s.mu.Unlock()
	s.c.tell(Frame{Out: true, Type: Reset, Stream: s.ID, Code: code})
	s.qs.CancelWrite(quic.StreamErrorCode(code))
	if !inEnd {
		s.c.tell(Frame{Out: true, Type: Stop, Stream: s.ID, Code: code})
		s.qs.CancelRead(quic.StreamErrorCode(code))
	}
	return nil
}

// SetLinger makes Close reset the stream where sec is 0, as for a TCP connection.
func (s *Stream) SetLinger(sec int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort = sec == 0
	return nil
}

// Close ends our direction, and asks the peer with H3_REQUEST_CANCELLED to reset its own if it
// has not ended it. After SetLinger(0) it resets the stream in any case.
func (s *Stream) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.closed = true
	inEnd, outEnd, abort := s.inEnd, s.outEnd, s.abort
	s.mu.Unlock()
	switch {
	case abort && !(inEnd && outEnd):
		return s.Reset(RequestCancelled)
	case outEnd:
	case s.writing.TryLock():
		s.fin() //nolint:errcheck // a broken connection shows in the next call
		s.writing.Unlock()
	default: // a write is under way, and stuck
		return s.Reset(RequestCancelled)
	}
	if !inEnd {
		s.c.tell(Frame{Out: true, Type: Stop, Stream: s.ID, Code: RequestCancelled})
		s.qs.CancelRead(quic.StreamErrorCode(RequestCancelled))
	}
	return nil
}

// LocalAddr is that of the connection.
func (s *Stream) LocalAddr() net.Addr { return s.c.qc.LocalAddr() }

// RemoteAddr is that of the connection.
func (s *Stream) RemoteAddr() net.Addr { return s.c.qc.RemoteAddr() }

// SetDeadline sets both deadlines.
func (s *Stream) SetDeadline(t time.Time) error { return s.qs.SetDeadline(t) }

// SetReadDeadline bounds reads, also one under way.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.qs.SetReadDeadline(t) }

// SetWriteDeadline bounds writes, also one under way.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.qs.SetWriteDeadline(t) }

// Parted waits until the peer has ended its direction of a stream that was closed, up to the
// deadline.
func (s *Stream) Parted(deadline time.Time) {
	s.qs.SetReadDeadline(deadline) //nolint:errcheck // it never fails
	s.Take(func([]byte) {})
}
