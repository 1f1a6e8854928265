package ws_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Compressed bombs on many connections take no more memory than the server has for
// messages, and what they took is given back.
func TestMemoryLimit(t *testing.T) {
	const size, limit = 4 << 20, 20 << 20 // room is made by doubling, so that one takes up to 12 MiB
	release := make(chan struct{})
	arrived := make(chan error, 16)
	var held atomic.Int32
	s := &ws.Server{
		MemoryLimit: limit,
		Accept:      ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}, ReadLimit: size}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			_, p, err := c.Read(ctx)
			arrived <- err
			if err != nil {
				return err
			}
			held.Add(int32(len(p) >> 20))
			<-release
			held.Add(-int32(len(p) >> 20))
			return nil
		},
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	ctx := within(t, 30*time.Second)
	bomb := make([]byte, size)
	throw := func(n int) (through int) {
		for range n {
			c, err := ws.Dial(ctx, "ws://"+l.Addr().String(), &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.CloseNow() })
			go func() { _ = c.Write(ctx, ws.MessageBinary, bomb) }()
			err = <-arrived
			if err == nil {
				through++
				go func() { _ = c.Discard(ctx) }()
				continue
			}
			if !errors.Is(err, ws.ErrTooLarge) {
				t.Errorf("got error %v", err)
			}
			if _, _, err := c.Read(ctx); ws.CloseStatus(err) != wsproto.StatusTryAgainLater {
				t.Errorf("got error %v, want a close with 1013", err)
			}
		}
		return through
	}
	first := throw(4)
	if first == 0 || first > limit/size || held.Load() > limit>>20 {
		t.Errorf("got %d of 4 bombs through, with %d MiB", first, held.Load())
	}
	close(release)
	for deadline := time.Now().Add(20 * time.Second); held.Load() > 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for range 3 { // as each ends right away
		if again := throw(1); again != 1 {
			t.Errorf("got %d through afterwards, want 1", again)
		}
		for held.Load() > 0 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
	}
	_ = s.Shutdown(ctx)
	<-served
}

// Messages of Send count, too, and are given back when their connection ends.
func TestMemoryLimitSend(t *testing.T) {
	conns := make(chan *ws.Conn, 3)
	s := &ws.Server{MemoryLimit: 1 << 20, Handler: func(_ context.Context, c *ws.Conn) error {
		conns <- c
		<-c.Done()
		return nil
	}}
	l := newPipeListener()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	ctx := within(t, 20*time.Second)
	open := func() (*ws.Conn, net.Conn) {
		nc, _ := l.connect()
		c, err := ws.Dial(ctx, "ws://localhost/", &ws.DialOptions{NetDial: over(nc), Options: ws.Options{PingInterval: -1}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.CloseNow() })
		return <-conns, nc
	}
	p := make([]byte, 600<<10)
	slow, peer := open()
	if err := slow.Send(ctx, ws.MessageBinary, p); err != nil {
		t.Fatal(err)
	}
	other, _ := open()
	if err := other.Send(ctx, ws.MessageBinary, p); !errors.Is(err, ws.ErrQueueFull) {
		t.Errorf("got error %v, want ErrQueueFull", err)
	}
	_ = peer.Close()
	for { // until the queue has noticed
		err := other.Send(ctx, ws.MessageBinary, p)
		if err == nil {
			break
		}
		if !errors.Is(err, ws.ErrQueueFull) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	_ = s.Shutdown(short)
	<-served
}
