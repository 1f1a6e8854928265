package compliance_test

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipe is a TCP connection in memory. Unlike with net.Pipe no write waits for a
// read, either direction can end alone, and closing an end that has unread input
// resets the other, which loses what it has not read.
func pipe() (a, b *end) {
	there, back := newStream(), newStream()
	return &end{in: back, out: there}, &end{in: there, out: back}
}

type end struct {
	in, out *stream
	sip     int // bytes that a read gives at most; zero is any number

	mu       sync.Mutex // guards the rest
	writeEnd time.Time
}

// A stream is one direction.
type stream struct {
	mu   sync.Mutex // guards the rest
	more *sync.Cond
	buf  []byte

	ended    bool // by the writer
	closed   bool // by the reader
	reset    bool
	deadline time.Time
	timer    *time.Timer
}

func newStream() *stream {
	s := &stream{}
	s.more = sync.NewCond(&s.mu)
	return s
}

func (e *end) Read(p []byte) (int, error) {
	s := e.in
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.sip > 0 {
		p = p[:min(len(p), e.sip)]
	}
	for {
		switch {
		case s.closed:
			return 0, net.ErrClosed
		case past(s.deadline):
			return 0, os.ErrDeadlineExceeded
		case s.reset:
			return 0, syscall.ECONNRESET
		case len(p) == 0:
			return 0, nil
		case len(s.buf) > 0:
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.more.Wait()
	}
}

func past(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (e *end) Write(p []byte) (int, error) {
	e.mu.Lock()
	late := past(e.writeEnd)
	e.mu.Unlock()
	s := e.out
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return 0, net.ErrClosed
	case s.closed:
		return 0, syscall.EPIPE
	case late:
		return 0, os.ErrDeadlineExceeded
	}
	s.buf = append(s.buf, p...)
	s.more.Broadcast()
	return len(p), nil
}

// CloseWrite ends the direction to the other end.
func (e *end) CloseWrite() error {
	s := e.out
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.more.Broadcast()
	return nil
}

func (e *end) Close() error {
	e.in.mu.Lock()
	unread := len(e.in.buf) > 0
	e.in.closed = true
	e.in.buf = nil
	e.in.more.Broadcast()
	e.in.mu.Unlock()

	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	e.out.ended = true
	if unread {
		e.out.reset, e.out.buf = true, nil
	}
	e.out.more.Broadcast()
	return nil
}

func (e *end) SetReadDeadline(t time.Time) error {
	s := e.in
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.deadline = t
	if !t.IsZero() && !past(t) {
		s.timer = time.AfterFunc(time.Until(t), func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.more.Broadcast()
		})
	}
	s.more.Broadcast()
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.writeEnd = t
	return nil
}

func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetWriteDeadline(t) // never fails
	return e.SetReadDeadline(t)
}

func (e *end) LocalAddr() net.Addr  { return memory{} }
func (e *end) RemoteAddr() net.Addr { return memory{} }

// memory is the address of both ends.
type memory struct{}

func (memory) Network() string { return "memory" }
func (memory) String() string  { return "memory" }
