//go:build unix

package ws

import (
	"io"
	"net"
	"os"
	"syscall"
)

// A poller reads from a socket and holds no buffer while it waits. Reading needs
// no more system calls than [net.Conn.Read].
type poller struct {
	r    *reader
	raw  syscall.RawConn
	step func(fd uintptr) (done bool) // the method ready, made into a func once

	p   []byte // where to; nil is the reader's buffer
	n   int
	err error
}

// newPoller is nil for anything but a plain socket. What merely has one inside
// may do more than read from it.
func newPoller(r *reader, nc net.Conn) *poller {
	var sc syscall.Conn
	switch nc := nc.(type) {
	case *net.TCPConn:
		sc = nc
	case *net.UnixConn:
		sc = nc
	default:
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	s := &poller{r: r, raw: raw}
	s.step = s.ready
	return s
}

// read is [net.Conn.Read], but takes the buffer of the reader if p is nil.
func (s *poller) read(p []byte) (int, error) {
	s.p, s.n, s.err = p, 0, nil
	err := s.raw.Read(s.step)
	s.p = nil
	if err == nil {
		err = s.err
	}
	return s.n, err
}

// ready is called when the socket may have something, and first of all.
func (s *poller) ready(fd uintptr) (done bool) {
	p := s.p
	if p == nil {
		p = s.r.space()
	}
	n, err := syscall.Read(int(fd), p)
	for err == syscall.EINTR {
		n, err = syscall.Read(int(fd), p)
	}
	switch {
	case err == syscall.EAGAIN:
		s.r.rest()
		return false
	case err != nil:
		s.err = os.NewSyscallError("read", err)
	case n == 0:
		s.err = io.EOF
	default:
		s.n = n
	}
	return true
}
