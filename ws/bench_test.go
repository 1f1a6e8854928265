package ws_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/wsconform/wsconform/ws"
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
				s := &ws.Server{Accept: ws.AcceptOptions{Deflate: d}}
				served := make(chan error, 1)
				go func() { served <- s.Serve(l) }()
				ctx := context.Background()
				c, err := ws.Dial(ctx, "ws://"+l.Addr().String(), &ws.DialOptions{Deflate: d})
				if err != nil {
					b.Fatal(err)
				}
				p := corpus(size)["text"]
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
