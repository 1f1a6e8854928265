//go:build unix

package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/wsconform/wsconform/ws"
)

// A net.Dialer of your own sets socket options, here with IPv4 alone.
func ExampleDialOptions_socketOptions() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	dialer := &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
		})
		return errors.Join(err, failed)
	}}
	c, err := ws.Dial(context.Background(), url, &ws.DialOptions{NetDial: func(ctx context.Context, _, addr string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp4", addr)
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Close(ws.StatusNormalClosure, ""))
	// Output: <nil>
}
