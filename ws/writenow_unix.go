//go:build unix

package ws

import (
	"errors"
	"net"
	"syscall"
)

// rawSocket is the socket of a plain connection.
func rawSocket(nc net.Conn) (syscall.RawConn, bool) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return nil, false
	}
	raw, err := sc.SyscallConn()
	return raw, err == nil
}

// writeNow writes what the socket takes at once.
func writeNow(raw syscall.RawConn, p []byte) (n int, err error) {
	werr := raw.Write(func(fd uintptr) bool {
		n, err = syscall.Write(int(fd), p)
		return true
	})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		err = nil
	}
	if err == nil {
		err = werr
	}
	return max(n, 0), err
}
