package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A peer that takes one byte in each time is slow, one that takes none is stuck.
func TestWriteTimeoutLimit(t *testing.T) {
	const bound = 20 * time.Second
	tests := []struct {
		name string
		opts ws.AcceptOptions
		rest time.Duration // until the peer reads on
		ok   bool
	}{
		{"at the default", ws.AcceptOptions{}, bound, true},
		{"beyond the default and its slack", ws.AcceptOptions{}, bound + bound/4 + 1, false},
		{"at an own one", ws.AcceptOptions{Options: ws.Options{WriteTimeout: time.Second}}, time.Second, true},
		{"beyond an own one", ws.AcceptOptions{Options: ws.Options{WriteTimeout: time.Second}}, 1251 * time.Millisecond, false},
		{"no bound", ws.AcceptOptions{Options: ws.Options{WriteTimeout: -1}}, time.Hour, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.opts.PingInterval = -1
				c, peer := slowPair(t, &tt.opts)
				done := make(chan struct{})
				go func() {
					defer close(done)
					buf := make([]byte, 64<<10)
					for {
						time.Sleep(tt.rest)
						if _, err := io.ReadFull(peer, buf); err != nil {
							return
						}
					}
				}()
				err := c.Write(context.Background(), ws.MessageBinary, make([]byte, 300<<10))
				if ok := err == nil; ok != tt.ok || !ok && !timedOut(err, "") {
					t.Errorf("got error %v, want none: %t", err, tt.ok)
				}
				if !tt.ok && c.Err() == nil {
					t.Errorf("got state %v, want closed", c.Err())
				}
				_ = c.CloseNow()
				<-done
			})
		})
	}
}

// slowPair is a server whose client is a pipe.
func slowPair(t *testing.T, opts *ws.AcceptOptions) (*ws.Conn, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	accepted := make(chan *ws.Conn, 1)
	go func() {
		c, _ := ws.AcceptNet(context.Background(), near, opts)
		accepted <- c
	}()
	_, _ = io.WriteString(far, request())
	(&rawPeer{Conn: far, t: t}).head()
	return <-accepted, far
}

// On a socket what was taken counts, however large the message is.
func TestWriteTimeoutProgress(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a peer that does not read")
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = far.(*net.TCPConn).SetWriteBuffer(16 << 10)
	_ = near.(*net.TCPConn).SetReadBuffer(16 << 10)
	go func() { _, _ = io.WriteString(near, request()) }()
	const bound = 300 * time.Millisecond
	c, err := ws.AcceptNet(context.Background(), far, &ws.AcceptOptions{Options: ws.Options{WriteTimeout: bound, PingInterval: -1}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	want := bytes.Repeat([]byte("0123456789abcdef"), 128<<10)
	got := make(chan bool, 1)
	go func() {
		(&rawPeer{Conn: near, t: t}).head()
		var all []byte
		buf := make([]byte, 128<<10)
		for len(all) < len(want)+10 {
			n, err := near.Read(buf)
			if err != nil {
				break
			}
			all = append(all, buf[:n]...)
			time.Sleep(time.Duration(n) * (4 * bound) / time.Duration(len(want)))
		}
		got <- len(all) == len(want)+10 && bytes.Equal(all[10:], want)
	}()
	start := time.Now()
	if err := c.Write(context.Background(), ws.MessageBinary, want); err != nil {
		t.Fatalf("got error %v after %v, want none: the peer is slow but steady", err, time.Since(start))
	}
	if !<-got {
		t.Error("got another message than was sent")
	}
	// And now it takes nothing.
	err = c.Write(context.Background(), ws.MessageBinary, make([]byte, 64<<20))
	if !timedOut(err, "") {
		t.Errorf("got error %v, want a timeout", err)
	}
}

// A context still ends a bounded write.
func TestWriteTimeoutAndContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := slowPair(t, &ws.AcceptOptions{})
		start := time.Now()
		if err := c.Write(within(t, time.Second), ws.MessageText, []byte("x")); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got error %v after %v, want the context's after 1s", err, time.Since(start))
		}
		_ = c.CloseNow()
	})
}

// Floods end at the limits that the options name.
func TestFloods(t *testing.T) {
	const limit = 1 << 16 // of rawPair
	repeat := func(p *rawPeer, n int, f wsproto.Frame) func() {
		one := p.frame(f)
		return func() {
			for n > 0 {
				k := min(n, 1000)
				if _, err := p.Write(bytes.Repeat(one, k)); err != nil {
					return
				}
				n -= k
			}
		}
	}
	tests := []struct {
		name  string
		empty int // fragments
		tiny  int // fragments of one byte
		want  wsproto.StatusCode
	}{
		{"empty fragments at the limit", 1 << 14, 0, 1000},
		{"empty fragments beyond it", 1<<14 + 1, 0, 1009},
		{"tiny fragments at the limit", 0, limit, 1000},
		{"tiny fragments beyond it", 0, limit + 1, 1009},
	}
	for _, tt := range tests {
		for _, program := range []struct {
			name string
			run  func(context.Context, *ws.Conn) error
		}{{"echo", ws.Echo}, {"discard", func(ctx context.Context, c *ws.Conn) error { return c.Discard(ctx) }}} {
			t.Run(tt.name+"/"+program.name, func(t *testing.T) {
				c, peer := rawPair(t, true, nil)
				frames := peer.collect()
				go func() {
					if tt.empty > 0 {
						_, _ = peer.Write(peer.frame(frame(wsproto.OpBinary, false, "")))
						repeat(peer, tt.empty-1, frame(wsproto.OpContinuation, false, ""))()
					} else {
						_, _ = peer.Write(peer.frame(frame(wsproto.OpBinary, false, "x")))
						repeat(peer, tt.tiny-1, frame(wsproto.OpContinuation, false, "x"))()
					}
					_, _ = peer.Write(peer.frame(frame(wsproto.OpContinuation, true, "")))
					_, _ = peer.Write(peer.frame(closing(1000, "")))
				}()
				err := program.run(context.Background(), c)
				if tt.want == 1009 != errors.Is(err, ws.ErrTooLarge) {
					t.Errorf("got error %v", err)
				}
				list := <-frames
				if code, _, _ := wsproto.ParseClose(list[len(list)-1].Payload); code != tt.want {
					t.Errorf("got close %v, want %v", code, tt.want)
				}
			})
		}
	}
}

// A flood of pings from a peer that reads no pongs ends with the write timeout; of
// one that reads, each is answered, or the latest.
func TestPingFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPair(t, true, nil)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				if _, err := peer.Write(peer.frame(frame(wsproto.OpPing, true, "x"))); err != nil {
					return
				}
			}
		}()
		start := time.Now()
		if err := c.Discard(context.Background()); !timedOut(err, "") {
			t.Errorf("got error %v, want a timeout", err)
		}
		if d := time.Since(start); d != 25*time.Second {
			t.Errorf("got an end after %v, want 25s", d)
		}
		<-done
	})
	const n = 10_000
	c, peer := rawPair(t, true, nil)
	frames := peer.collect()
	go func() {
		for range n {
			_, _ = peer.Write(peer.frame(frame(wsproto.OpPing, true, "x")))
		}
		_, _ = peer.Write(peer.frame(closing(1000, "")))
	}()
	_ = c.Discard(context.Background())
	if got := len(<-frames); got != n+1 {
		t.Errorf("got %d frames, want a pong for each of %d pings, and a close", got, n)
	}
}

// While a write blocks, as many pongs wait as are allowed; then the oldest go (RFC
// 6455 §5.5.3).
func TestPongLimit(t *testing.T) {
	const limit = 64
	for _, n := range []int{limit, limit + 1} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peer := rawPair(t, true, nil)
				ended := make(chan error, 2)
				go func() { ended <- c.Write(t.Context(), ws.MessageText, []byte("blocks")) }()
				synctest.Wait()
				go func() { ended <- c.Discard(t.Context()) }()
				for i := range n {
					_, _ = peer.Write(peer.frame(frame(wsproto.OpPing, true, fmt.Sprint(i))))
				}
				synctest.Wait() // until all have been read
				frames := peer.collect()
				_, _ = peer.Write(peer.frame(closing(1000, "")))
				want := []string{"blocks"}
				for i := n - limit; i < n; i++ {
					want = append(want, fmt.Sprint(i))
				}
				var got []string
				for _, f := range <-frames {
					if f.Opcode != wsproto.OpClose {
						got = append(got, string(f.Payload))
					}
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("frames, -want +got:\n%s", d)
				}
				<-ended
				<-ended
			})
		})
	}
}

// A peer that resets the connection ends what waits for it, at once and for good.
func TestReset(t *testing.T) {
	client, server := tcpPair(t, nil, nil)
	read, written := make(chan error, 1), make(chan error, 1)
	go func() { _, _, err := server.Read(t.Context()); read <- err }()
	go func() {
		var err error
		for err == nil { // until nothing more fits, and then until the reset
			err = server.Write(t.Context(), ws.MessageBinary, make([]byte, 1<<20))
		}
		written <- err
	}()
	nc, _, err := client.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.(*net.TCPConn).SetLinger(0); err != nil { // so that closing resets
		t.Fatal(err)
	}
	if err := nc.Close(); err != nil {
		t.Fatal(err)
	}
	for name, errs := range map[string]chan error{"read": read, "write": written} {
		if err := <-errs; err == nil || errors.As(err, new(*ws.CloseError)) {
			t.Errorf("%s: got %v, want what the socket says", name, err)
		}
	}
	<-server.Done()
	if err := server.Write(t.Context(), ws.MessageText, []byte("x")); err == nil {
		t.Error("a write after the reset: got no error")
	}
	if sent, received := server.CloseFrames(); server.Err() == nil || sent != nil || received != nil {
		t.Errorf("got state %v, close frames %v, %v; want closed without any", server.Err(), sent, received)
	}
}

// A bomb costs its peer the connection at the read limit.
func TestBombLimit(t *testing.T) {
	for _, over := range []int{0, 1} {
		t.Run(map[int]string{0: "at the limit", 1: "one beyond"}[over], func(t *testing.T) {
			c, peer := rawPair(t, true, &ws.Deflate{})
			frames := peer.collect()
			z := ws.Compress(make([]byte, 1<<16+over))
			go func() {
				f := frame(wsproto.OpBinary, true, string(z[:len(z)-4]))
				f.RSV = wsproto.RSV1
				_, _ = peer.Write(peer.frame(f))
				_, _ = peer.Write(peer.frame(closing(1000, "")))
			}()
			_, p, err := c.Read(context.Background())
			if over == 0 && (err != nil || len(p) != 1<<16) || over == 1 && !errors.Is(err, ws.ErrTooLarge) {
				t.Errorf("got %d bytes, error %v", len(p), err)
			}
			_, _, _ = c.Read(context.Background())
			list := <-frames
			want := []wsproto.StatusCode{1000, 1009}[over]
			if code, _, _ := wsproto.ParseClose(list[len(list)-1].Payload); code != want {
				t.Errorf("got close %v, want %v", code, want)
			}
		})
	}
}

// hijackable gives up a connection.
type hijackable struct{ nc net.Conn }

func (hijackable) Header() http.Header         { return http.Header{} }
func (hijackable) Write(p []byte) (int, error) { return len(p), nil }
func (hijackable) WriteHeader(int)             {}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.nc, bufio.NewReadWriter(bufio.NewReader(h.nc), bufio.NewWriter(h.nc)), nil
}

// A handshake that dribbles, a peer that resets.
func TestHandshakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // through an HTTP server, to a client that does not read
		near, far := net.Pipe()
		defer far.Close()
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request())))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, err = ws.Accept(hijackable{near}, r, &ws.AcceptOptions{Options: ws.Options{HandshakeTimeout: time.Minute}})
		if d := time.Since(start); !timedOut(err, "") || d != time.Minute {
			t.Errorf("got error %v after %v, want a timeout after a minute", err, d)
		}
	})
	for _, set := range []struct{ opts, want time.Duration }{{0, 10 * time.Second}, {time.Minute, time.Minute}} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				for i := range len(request()) {
					if _, err := io.WriteString(far, request()[i:i+1]); err != nil {
						return
					}
					time.Sleep(set.want / 8)
				}
			}()
			start := time.Now()
			_, err := ws.AcceptNet(context.Background(), near, &ws.AcceptOptions{Options: ws.Options{HandshakeTimeout: set.opts}})
			if d := time.Since(start); !timedOut(err, "") || d < set.want || d > set.want+100*time.Millisecond { // which is for the answer
				t.Errorf("got error %v after %v, want a timeout after %v", err, time.Since(start), set.want)
			}
			<-done
		})
	}
	answer, err := serverAnswer(t, strings.TrimSuffix(request(), "\n"), &ws.AcceptOptions{Options: ws.Options{HandshakeTimeout: 50 * time.Millisecond}})
	if !strings.HasPrefix(answer, "HTTP/1.1 408 ") || err == nil {
		t.Errorf("got %q, error %v; want status 408", answer, err)
	}
}
