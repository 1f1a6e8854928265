package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// ignore is a peer that reads and never answers. It gives the last frame.
func (p *rawPeer) ignore() <-chan wsproto.Frame {
	last := make(chan wsproto.Frame, 1)
	go func() {
		var f wsproto.Frame
		for {
			g, err := p.next()
			if err != nil {
				last <- f
				return
			}
			f = g
		}
	}()
	return last
}

// answer is a peer that answers pings after a time, until the connection ends.
func (p *rawPeer) answer(after time.Duration) {
	for {
		f, err := p.next()
		if err != nil {
			return
		}
		time.Sleep(after)
		if f.Opcode == wsproto.OpPing {
			_, _ = p.Write(p.frame(frame(wsproto.OpPong, true, string(f.Payload))))
		}
	}
}

// What programs do with a connection while the keepalive watches it.
var programs = []struct {
	name string
	run  func(context.Context, *ws.Conn)
}{
	{"reads", func(ctx context.Context, c *ws.Conn) { _, _, _ = c.Read(ctx) }},
	{"does nothing", func(_ context.Context, c *ws.Conn) { <-c.Done() }},
	{"polls", func(ctx context.Context, c *ws.Conn) {
		for {
			ctx, cancel := context.WithTimeout(ctx, 70*time.Millisecond)
			_, _, err := c.Read(ctx)
			cancel()
			if !errors.Is(err, context.DeadlineExceeded) {
				return
			}
			time.Sleep(30 * time.Millisecond)
		}
	}},
	{"reads in the end", func(ctx context.Context, c *ws.Conn) {
		select {
		case <-c.Done():
		case <-time.After(39900 * time.Millisecond):
			_, _, _ = c.Read(ctx)
		}
	}},
}

func TestKeepaliveDeadPeer(t *testing.T) {
	settings := []struct {
		alive pings
		want  time.Duration
	}{
		{pings{}, 40 * time.Second},
		{pings{time.Minute, 5 * time.Second}, 65 * time.Second},
		{pings{time.Second, time.Minute}, 61 * time.Second},
		{pings{time.Second, time.Millisecond}, 1001 * time.Millisecond},
	}
	for _, server := range []bool{true, false} {
		for _, set := range settings {
			for _, program := range programs {
				name := fmt.Sprintf("server=%t/%v+%v/%s", server, set.alive.every, set.alive.within, program.name)
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						c, peer := rawPairWith(t, server, nil, set.alive, nil)
						last := peer.ignore()
						start := time.Now()
						ended := make(chan struct{})
						go func() { program.run(context.Background(), c); close(ended) }()
						<-c.Done()
						if d := time.Since(start); d != set.want {
							t.Errorf("got an end after %v, want %v", d, set.want)
						}
						if _, _, err := c.Read(context.Background()); !errors.Is(err, ws.ErrPingTimeout) {
							t.Errorf("got error %v, want ErrPingTimeout", err)
						}
						<-ended
						f := <-last
						if code, _, _ := wsproto.ParseClose(f.Payload); f.Opcode != wsproto.OpClose || code != ws.StatusInternalError {
							t.Errorf("got %v %q in the end, want close 1011", f.Opcode, f.Payload)
						}
					})
				})
			}
		}
	}
}

// A peer that does not even read is dead as well.
func TestKeepaliveStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := rawPairWith(t, true, nil, pings{}, nil)
		start := time.Now()
		if _, _, err := c.Read(context.Background()); !errors.Is(err, ws.ErrPingTimeout) {
			t.Errorf("got error %v, want ErrPingTimeout", err)
		}
		if d := time.Since(start); d != 40*time.Second {
			t.Errorf("got an end after %v, want 40s", d)
		}
	})
}

func TestKeepaliveLivePeer(t *testing.T) {
	const timeout = 20 * time.Second
	tests := []struct {
		name  string
		alive pings
		after time.Duration // until the pong
		lives bool
	}{
		{"at once", pings{}, 0, true},
		{"at the timeout", pings{}, timeout - 1, true},
		{"past the timeout", pings{}, timeout + 1, false},
		{"past several intervals", pings{every: time.Second}, timeout - 1, true},
		{"never in time, and no timeout", pings{time.Second, -1}, 950 * time.Millisecond, true},
		{"no pings", pings{every: -1}, 0, true},
	}
	for _, tt := range tests {
		for _, program := range programs {
			t.Run(tt.name+"/"+program.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, peer := rawPairWith(t, true, nil, tt.alive, nil)
					ended := make(chan struct{}, 2)
					go func() { peer.answer(tt.after); ended <- struct{}{} }()
					go func() { program.run(context.Background(), c); ended <- struct{}{} }()
					lives := true
					select {
					case <-c.Done():
						lives = false
					case <-time.After(5*time.Minute + time.Millisecond):
					}
					if lives != tt.lives {
						t.Errorf("got lives=%t, want %t", lives, tt.lives)
					}
					if d := c.Latency(); lives && tt.alive.every >= 0 && d != tt.after {
						t.Errorf("got latency %v, want %v", d, tt.after)
					}
					_ = c.CloseNow()
					<-ended
					<-ended
				})
			})
		}
	}
}

// How often pings go out.
func TestKeepaliveInterval(t *testing.T) {
	tests := []struct {
		alive pings
		want  int // in 61 seconds
	}{
		{pings{}, 3},
		{pings{every: time.Second}, 61},
		{pings{time.Second, -1}, 61},
		{pings{30 * time.Second, time.Second}, 2},
		{pings{every: -1}, 0},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%v+%v", tt.alive.every, tt.alive.within), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pongs := 0
				c, peer := rawPairWith(t, true, nil, tt.alive, func(_ *ws.Conn, sent bool, f wsproto.Frame) {
					if !sent && f.Opcode == wsproto.OpPong {
						pongs++
					}
				})
				go peer.answer(time.Millisecond)
				ctx, cancel := context.WithTimeout(context.Background(), 61*time.Second+time.Millisecond*2)
				defer cancel()
				_, _, _ = c.Read(ctx)
				if pongs != tt.want {
					t.Errorf("got %d pongs, want %d", pongs, tt.want)
				}
			})
		})
	}
}

// What a peer sends shows that it lives, pong or not.
func TestKeepaliveOtherSigns(t *testing.T) {
	tests := []struct {
		name string
		peer func(p *rawPeer)
		run  func(c *ws.Conn)
	}{
		{"messages", func(p *rawPeer) {
			for _, err := p.Write(p.frame(text("hello"))); err == nil; _, err = p.Write(p.frame(text("hello"))) {
				time.Sleep(15 * time.Second)
			}
		}, func(c *ws.Conn) { _ = c.Discard(context.Background()) }},
		{"a message that dribbles", func(p *rawPeer) {
			for _, b := range p.frame(text("a message of seventeen")) {
				if _, err := p.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(15 * time.Second)
			}
			time.Sleep(15 * time.Second)
		}, func(c *ws.Conn) { _ = c.Discard(context.Background()) }},
		{"a message that is not read", func(p *rawPeer) {
			_, _ = p.Write(p.frame(text("hello")))
		}, func(c *ws.Conn) { <-c.Done() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := rawPairWith(t, true, nil, pings{}, nil)
				last := peer.ignore()
				go tt.peer(peer)
				go tt.run(c)
				select {
				case <-c.Done():
					t.Error("got an end, want life")
				case <-time.After(5 * time.Minute):
				}
				_ = c.CloseNow()
				<-last
				time.Sleep(time.Minute) // the peer has seen it too
			})
		})
	}
}

func TestKeepaliveHooks(t *testing.T) {
	for _, server := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var got []string
			var conns []*ws.Conn
			c, peer := rawPairWith(t, server, nil, pings{every: -1}, func(c *ws.Conn, sent bool, f wsproto.Frame) {
				if f.Opcode == wsproto.OpPing || f.Opcode == wsproto.OpPong {
					got = append(got, fmt.Sprintf("%v %s, sent %t", f.Opcode, f.Payload, sent))
					conns = append(conns, c)
				}
			})
			frames := peer.collect()
			go func() {
				_, _ = peer.Write(peer.frame(frame(wsproto.OpPing, true, "1")))
				_, _ = peer.Write(peer.frame(frame(wsproto.OpPong, true, "2")))
				_, _ = peer.Write(peer.frame(closing(1000, "")))
			}()
			_ = c.Discard(context.Background())
			if want := []string{"ping 1, sent false", "pong 1, sent true", "pong 2, sent false"}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if slices.ContainsFunc(conns, func(of *ws.Conn) bool { return of != c }) {
				t.Error("a hook got another Conn")
			}
			if list := <-frames; len(list) != 2 || list[0].Opcode != wsproto.OpPong {
				t.Errorf("got frames %v, want pong, close", list)
			}
		})
	}
}

// Pings go out between the fragments of a message, and stop when the connection
// is closing.
func TestKeepaliveWhileWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPairWith(t, true, nil, pings{every: time.Second}, nil)
		frames := peer.collect()
		go func() { _ = c.Discard(context.Background()) }()
		w, err := c.Writer(context.Background(), ws.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(w, "a")
		time.Sleep(1500 * time.Millisecond)
		_, _ = io.WriteString(w, "b")
		_ = w.Close()
		_ = c.Close(ws.StatusNormalClosure, "")
		var got []wsproto.Opcode
		for _, f := range <-frames {
			got = append(got, f.Opcode)
		}
		if want := []wsproto.Opcode{1, 9, 0, 0, 8}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// The wait for a pong takes no goroutine.
func TestKeepaliveGoroutines(t *testing.T) {
	const n = 100
	synctest.Test(t, func(t *testing.T) {
		var all []*ws.Conn
		before := runtime.NumGoroutine()
		for range n {
			c, peer := rawPairWith(t, true, nil, pings{}, nil)
			go peer.answer(10 * time.Second)
			go func() { _, _, _ = c.Read(context.Background()) }()
			all = append(all, c)
		}
		time.Sleep(25 * time.Second) // five seconds after the ping
		synctest.Wait()
		if got := runtime.NumGoroutine() - before; got > 2*n+n/2 { // other tests have some; one a connection would be n
			t.Errorf("got %d goroutines, want those of the test, %d", got, 2*n)
		}
		for _, c := range all {
			_ = c.CloseNow()
		}
		time.Sleep(10 * time.Second) // the peers end
		synctest.Wait()
		if got := runtime.NumGoroutine() - before; got > n/2 {
			t.Errorf("got %d goroutines after the end, want none", got)
		}
	})
}

// A connection that sends nothing gives up what it compresses with, which costs
// the next message its history and nothing else.
func TestKeepaliveIdleCompressor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPairWith(t, true, &ws.Deflate{}, pings{within: -1}, nil)
		want := bytes.Repeat([]byte("all work and no play; "), 20)
		var z wsproto.Inflater
		z.Reset(1<<15, nil)
		send := func() (size int) {
			t.Helper()
			written := make(chan error, 1)
			go func() { written <- c.Write(t.Context(), ws.MessageText, want) }()
			f, err := peer.next()
			for err == nil && f.Opcode == wsproto.OpPing {
				f, err = peer.next()
			}
			var got []byte
			take := func(p []byte) bool { got = append(got, p...); return true }
			if err == nil {
				err = z.Inflate(f.Payload, take)
			}
			if err == nil {
				_, err = z.InflateTail(take)
			}
			if err = errors.Join(err, <-written); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("got %q, error %v", got, err)
			}
			return len(f.Payload)
		}
		first, second := send(), send()
		if second >= first {
			t.Errorf("got %d bytes for a message again, want fewer than %d", second, first)
		}
		for range 2 {
			if f, err := peer.next(); err != nil || f.Opcode != wsproto.OpPing {
				t.Fatalf("got %v, error %v; want a ping", f.Opcode, err)
			}
		}
		synctest.Wait()
		if got := send(); got != first {
			t.Errorf("got %d bytes after two pings, want %d as without history", got, first)
		}
		_ = c.CloseNow()
	})
}
