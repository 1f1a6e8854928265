package ws_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/internal/flatetest"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// BenchmarkEcho goes through loopback TCP, so the kernel's price is in it.
func BenchmarkEcho(b *testing.B) {
	for _, d := range []*ws.Deflate{nil, {}} {
		for _, size := range []int{64, 1 << 10, 64 << 10, 1 << 20} {
			name := fmt.Sprintf("%d", size)
			if d != nil {
				name += "/deflate"
			}
			b.Run(name, func(b *testing.B) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				s := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{Deflate: d}}}
				served := make(chan error, 1)
				go func() { served <- s.Serve(l) }()
				ctx := context.Background()
				c, err := ws.Dial(ctx, "ws://"+l.Addr().String(), &ws.DialOptions{Options: ws.Options{Deflate: d}})
				if err != nil {
					b.Fatal(err)
				}
				p := flatetest.Corpus(size)["text"]
				var buf []byte
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := c.Write(ctx, ws.MessageBinary, p); err != nil {
						b.Fatal(err)
					}
					if _, buf, err = c.ReadAppend(ctx, buf[:0]); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				_ = c.Close(ws.StatusNormalClosure, "")
				_ = s.Shutdown(ctx)
				<-served
			})
		}
	}
}

// BenchmarkOverhead is what batched echoes cost beside the kernel: a connection
// that is in memory has all messages at once and swallows what is written.
func BenchmarkOverhead(b *testing.B) {
	for _, role := range []string{"server", "client"} {
		for _, size := range []int{64, 1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("%s/%d", role, size), func(b *testing.B) {
				ctx := b.Context()
				c, err := endlessConn(ctx, role == "client", size)
				if err != nil {
					b.Fatal(err)
				}
				defer c.CloseNow()
				if err := c.SetBatch(ctx, true); err != nil {
					b.Fatal(err)
				}
				buf := make([]byte, size)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if err := c.Write(ctx, ws.MessageBinary, buf); err != nil {
						b.Fatal(err)
					}
					if i%endlessBurst != endlessBurst-1 {
						continue
					}
					for range endlessBurst {
						if _, buf, err = c.ReadAppend(ctx, buf[:0]); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// endlessBurst is how many messages one read brings.
const endlessBurst = 16

func endlessConn(ctx context.Context, client bool, size int) (*ws.Conn, error) {
	frame := wsproto.AppendFrame(nil, wsproto.Frame{
		Header:  wsproto.Header{Fin: true, Opcode: wsproto.OpBinary, Masked: !client, MaskKey: [4]byte{1, 2, 3, 4}},
		Payload: make([]byte, size),
	})
	nc := &endless{octets: bytes.Repeat(frame, endlessBurst)}
	if client {
		return ws.Dial(ctx, "ws://localhost/", &ws.DialOptions{NetDial: over(nc)})
	}
	nc.head = request()
	return ws.AcceptNet(ctx, nc, nil)
}

// endless is a connection that repeats the same bytes after a head.
type endless struct {
	net.Conn
	octets []byte
	head   string
	at     int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.head != "" {
		n := copy(p, e.head)
		e.head = e.head[n:]
		return n, nil
	}
	n := copy(p, e.octets[e.at:])
	e.at = (e.at + n) % len(e.octets)
	return n, nil
}

// Write answers a handshake and swallows the rest.
func (e *endless) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("GET ")) {
		e.head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Accept: " + wsproto.AcceptKey(headerOf(p, "Sec-WebSocket-Key")) + "\r\n\r\n"
	}
	return len(p), nil
}

func (*endless) Close() error                     { return nil }
func (*endless) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*endless) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*endless) SetDeadline(time.Time) error      { return nil }
func (*endless) SetReadDeadline(time.Time) error  { return nil }
func (*endless) SetWriteDeadline(time.Time) error { return nil }
