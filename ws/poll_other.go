//go:build !unix

package ws

import "net"

// A poller would wait without a buffer.
type poller struct{}

func newPoller(*reader, net.Conn) *poller { return nil }

func (*poller) read([]byte) (int, error) { panic("there is none") }
