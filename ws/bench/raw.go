//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// rawBuffer is what one read takes at most.
const rawBuffer = 64 << 10

func rawServe(l net.Listener, _ bool) error {
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer nc.Close()
			buf := make([]byte, rawBuffer)
			for {
				n, err := nc.Read(buf)
				if err != nil {
					return
				}
				if _, err := nc.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// rawDrive writes a burst that was made beforehand and reads as many bytes as
// its echo has.
func rawDrive(rawURL string, w *work) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return err
	}
	nc, err := net.Dial("tcp", u.Host)
	if err != nil {
		return err
	}
	defer nc.Close()
	_, err = fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", u.Path, u.Host, wsproto.NewKey())
	if err != nil {
		return err
	}
	if _, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil {
		return err
	}
	var send, want []byte
	for range w.depth {
		send = wsproto.AppendFrame(send, clientFrame(w.payload))
		want = wsproto.AppendFrame(want, serverFrame(w.payload))
	}
	buf := make([]byte, rawBuffer)
	w.begin()
	for {
		if _, err := nc.Write(send); err != nil {
			return err
		}
		for left := len(want); left > 0; {
			n, err := nc.Read(buf)
			if err != nil {
				return fmt.Errorf("raw: %w", io.ErrUnexpectedEOF)
			}
			left -= n
		}
		if !w.next() {
			return nil
		}
	}
}
