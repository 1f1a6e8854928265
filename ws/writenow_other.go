//go:build !unix

package ws

import (
	"errors"
	"net"
	"syscall"
)

// rawSocket knows none: everything goes by way of the queue.
func rawSocket(net.Conn) (syscall.RawConn, bool) { return nil, false }

func writeNow(syscall.RawConn, []byte) (int, error) { return 0, errors.ErrUnsupported }
