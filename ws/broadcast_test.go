package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// tcpPair connects a client and a server by a socket.
func tcpPair(t testing.TB, dial *ws.DialOptions, accept *ws.AcceptOptions) (client, server *ws.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan error, 1)
	go func() {
		nc, err := l.Accept()
		if err == nil {
			server, err = ws.AcceptNet(context.Background(), nc, accept)
		}
		accepted <- err
	}()
	client, err = ws.Dial(context.Background(), "ws://"+l.Addr().String(), dial)
	if aerr := <-accepted; err != nil || aerr != nil {
		t.Fatalf("dial: %v, accept: %v", err, aerr)
	}
	t.Cleanup(func() { _ = client.CloseNow(); _ = server.CloseNow() })
	return client, server
}

// Every kind of connection gets every message, in order, with its own between.
func TestBroadcast(t *testing.T) {
	kinds := []struct {
		name   string
		dial   *ws.DialOptions
		accept *ws.AcceptOptions
	}{
		{"plain", nil, nil},
		{"takeover", &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}},
		{"no takeover", &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true}}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}},
		{"small window", &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 9}}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}},
		{"high threshold", &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{Threshold: 1 << 20}}}},
	}
	var from, to []*ws.Conn
	for _, k := range kinds {
		client, server := tcpPair(t, k.dial, k.accept)
		from, to = append(from, server), append(to, client)
	}
	client, server := pair(t, nil, nil) // a pipe
	from, to = append(from, server), append(to, client)
	client, server = tcpPair(t, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	from, to = append(from, client), append(to, server) // from a client

	const rounds = 20
	ctx := within(t, 20*time.Second)
	message := func(i int) []byte { return []byte(strings.Repeat(fmt.Sprintf("message %d, ", i), 1+i*40)) }
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range rounds {
			p := message(i)
			if missed, err := ws.Broadcast(slices.Values(from), ws.MessageText, p); err != nil || missed != nil {
				t.Errorf("got %v missed, error %v", missed, err)
			}
			clear(p) // it is no more needed
			for _, c := range from {
				if err := c.Send(ctx, ws.MessageBinary, fmt.Appendf(nil, "own %d, own %d, own %d", i, i, i)); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	var wg sync.WaitGroup
	for j, c := range to {
		wg.Go(func() {
			for i := range rounds {
				if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, message(i)) {
					t.Errorf("connection %d: got %.40q, error %v; want %.40q", j, got, err, message(i))
					return
				}
				if _, got, err := c.Read(ctx); err != nil || string(got) != fmt.Sprintf("own %d, own %d, own %d", i, i, i) {
					t.Errorf("connection %d: got %q, error %v; want its own message", j, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	<-sent
}

// A peer that does not read delays no other, and costs no more than its queue.
func TestBroadcastSlowPeer(t *testing.T) {
	const limit = 5
	for _, cut := range []bool{false, true} {
		t.Run(fmt.Sprintf("cut=%t", cut), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				opts := &ws.AcceptOptions{Options: ws.Options{QueueLimit: limit, PingInterval: -1}}
				slow, _ := slowPair(t, opts)
				fast, peer := slowPair(t, opts)
				got := make(chan int, 1)
				go func() {
					n := 0
					p := &rawPeer{Conn: peer, t: t, server: false}
					for {
						if f, err := p.next(); err != nil || f.Opcode != wsproto.OpText {
							got <- n
							return
						}
						n++
					}
				}()
				conns := slices.Values([]*ws.Conn{slow, fast})
				start := time.Now()
				for i := range limit + 2 {
					missed, err := ws.Broadcast(conns, ws.MessageText, []byte("hello"))
					if want := i == limit || i > limit && !cut; err != nil || slices.Equal(missed, []*ws.Conn{slow}) != want {
						t.Errorf("message %d: got %v missed, error %v", i, missed, err)
					}
					for _, c := range missed {
						if cut {
							_ = c.CloseNow()
						}
					}
					synctest.Wait()
					if (slow.Err() != nil) != (cut && i >= limit) {
						t.Errorf("message %d: got an end of %v", i, slow.Err())
					}
					if n := ws.Queued(slow); !cut && n != min(i+1, limit) {
						t.Errorf("message %d: got %d queued, want %d", i, n, min(i+1, limit))
					}
				}
				if d := time.Since(start); d != 0 {
					t.Errorf("got a wait of %v, want none", d)
				}
				if !cut { // what is queued ends with the write timeout
					<-slow.Done()
					if d := time.Since(start); !timedOut(slow.Err(), "write") || d != 25*time.Second {
						t.Errorf("got error %v after %v, want a timeout after 25s", slow.Err(), d)
					}
				}
				_ = fast.CloseNow()
				if n := <-got; n != limit+2 {
					t.Errorf("got %d messages at the fast one, want %d", n, limit+2)
				}
			})
		})
	}
}

// Who misses a message is named: those whose queue is full, not those that have gone.
func TestBroadcastMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := &ws.AcceptOptions{Options: ws.Options{QueueLimit: 1, PingInterval: -1}}
		slow, _ := slowPair(t, opts)
		full, _ := slowPair(t, opts)
		closed, _ := slowPair(t, opts)
		dying, peer := slowPair(t, opts)
		good, reads := slowPair(t, opts)
		_ = closed.CloseNow()
		if err := full.Send(context.Background(), ws.MessageText, []byte("x")); err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, reads) }()
		all := slices.Values([]*ws.Conn{slow, full, closed, dying, good})
		missed, err := ws.Broadcast(all, ws.MessageText, []byte("x"))
		if err != nil || !slices.Equal(missed, []*ws.Conn{full}) {
			t.Errorf("got %v, %v; want the one whose queue was full", missed, err)
		}
		synctest.Wait()
		_ = peer.Close() // a write that fails ends the connection
		<-dying.Done()
		if !errors.Is(dying.Err(), io.ErrClosedPipe) {
			t.Errorf("got an end of %v, want the failed write", dying.Err())
		}
		missed, err = ws.Broadcast(all, ws.MessageText, []byte("x"))
		if err != nil || !slices.Equal(missed, []*ws.Conn{slow, full}) {
			t.Errorf("got %v, %v; want slow and full", missed, err)
		}
		for _, c := range []*ws.Conn{slow, full, dying, good} {
			_ = c.CloseNow()
		}
	})
	_, server := pair(t, nil, nil)
	if _, err := ws.Broadcast(slices.Values([]*ws.Conn{server}), ws.MessageText, []byte("\xff")); err == nil {
		t.Error("got no error of a text that is not UTF-8")
	}
}

// Send waits for room, Close for the queue.
func TestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := slowPair(t, &ws.AcceptOptions{Options: ws.Options{QueueLimit: 3, PingInterval: -1}})
		for i := range 3 {
			if err := c.Send(within(t, time.Second), ws.MessageText, []byte{byte('a' + i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Send(within(t, time.Second), ws.MessageText, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want deadline exceeded", err)
		}
		go func() { _ = c.Discard(context.Background()) }()
		closed := make(chan error, 1)
		go func() { closed <- c.Close(ws.StatusNormalClosure, "") }()
		synctest.Wait()
		if err := c.Send(within(t, time.Second), ws.MessageText, []byte("y")); err == nil {
			t.Error("got no error while closing")
		}
		p := &rawPeer{Conn: peer, t: t}
		var got string
		for {
			f, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			if f.Opcode == wsproto.OpClose {
				break
			}
			got += string(f.Payload)
		}
		if got != "abc" {
			t.Errorf("got %q, want abc", got)
		}
		_, _ = peer.Write(p.frame(closing(1000, "")))
		if err := <-closed; err != nil {
			t.Errorf("got error %v, want none", err)
		}
	})
}

// The queue takes as many bytes as QueueBytes, and no message that is longer.
func TestQueueBytes(t *testing.T) {
	const limit = 100
	ways := []struct {
		name string
		send func(ctx context.Context, c *ws.Conn, p []byte) error
	}{
		{"send", func(ctx context.Context, c *ws.Conn, p []byte) error { return c.Send(ctx, ws.MessageText, p) }},
		{"broadcast", func(_ context.Context, c *ws.Conn, p []byte) error {
			missed, err := ws.Broadcast(slices.Values([]*ws.Conn{c}), ws.MessageText, p)
			if len(missed) > 0 {
				return ws.ErrQueueFull
			}
			return err
		}},
	}
	tests := []struct {
		name  string
		sizes []int
		want  []error // of each, in time
	}{
		{"at the limit", []int{60, 40}, []error{nil, nil}},
		{"beyond it", []int{60, 41}, []error{nil, ws.ErrQueueFull}},
		{"empty messages", []int{limit, 0, 0}, []error{nil, nil, nil}},
		{"a message as long", []int{limit, 1}, []error{nil, ws.ErrQueueFull}},
		{"a longer one", []int{limit + 1, 1}, []error{ws.ErrQueueFull, nil}},
		{"a smaller one behind one that did not fit", []int{60, 41, 40}, []error{nil, ws.ErrQueueFull, nil}},
	}
	for _, way := range ways {
		for _, tt := range tests {
			t.Run(way.name+"/"+tt.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, peer := slowPair(t, &ws.AcceptOptions{Options: ws.Options{QueueBytes: limit, WriteTimeout: -1, PingInterval: -1}})
					var sizes []int // of those that come
					for i, size := range tt.sizes {
						err := way.send(within(t, time.Second), c, bytes.Repeat([]byte("x"), size))
						want := tt.want[i]
						if way.name == "send" && want != nil && size <= limit {
							want = context.DeadlineExceeded // it waits for room
						}
						if !errors.Is(err, want) {
							t.Errorf("message %d: got error %v, want %v", i, err, want)
						}
						if want == nil {
							sizes = append(sizes, size)
						}
					}
					if n := ws.Queued(c); n != len(sizes) {
						t.Errorf("got %d messages queued, want %d", n, len(sizes))
					}
					p := &rawPeer{Conn: peer, t: t}
					for _, size := range sizes {
						if f, err := p.next(); err != nil || len(f.Payload) != size {
							t.Errorf("got %d bytes, %v, want %d", len(f.Payload), err, size)
						}
					}
					synctest.Wait()
					if n := ws.Queued(c); n != 0 {
						t.Errorf("got %d messages queued in the end, want none", n)
					}
					_ = c.CloseNow()
				})
			})
		}
	}
}

// Those that wait for room get it in the order in which they came, and all of them
// hear of the end.
func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := slowPair(t, &ws.AcceptOptions{Options: ws.Options{QueueBytes: 10, WriteTimeout: -1, PingInterval: -1}})
		sent := make(chan error, 6)
		for _, p := range []string{"aaaaaaaaaa", "b", "cccccccccc", "d", "eeeeeeeeee", "f"} {
			go func() { sent <- c.Send(context.Background(), ws.MessageText, []byte(p)) }()
			synctest.Wait()
		}
		p := &rawPeer{Conn: peer, t: t}
		for _, want := range "abcd" {
			if f, err := p.next(); err != nil || f.Payload[0] != byte(want) {
				t.Errorf("got %q, %v, want one of %c", f.Payload, err, want)
			}
		}
		synctest.Wait() // e is being sent, f waits for room
		_ = c.CloseNow()
		errs := 0
		for range 6 {
			if err := <-sent; err != nil {
				errs++
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("got error %v, want that of a closed connection", err)
				}
			}
		}
		if errs != 1 {
			t.Errorf("got %d errors, want that of the one that waited", errs)
		}
	})
}

// What a socket does not take at once comes all the same, whole and in order.
func TestBroadcastPartly(t *testing.T) {
	client, server := tcpPair(t, nil, &ws.AcceptOptions{Options: ws.Options{ReadLimit: -1}})
	const size = 8 << 20
	ctx := within(t, 30*time.Second)
	for i := range 3 {
		p := bytes.Repeat([]byte{byte('a' + i)}, size)
		if _, err := ws.Broadcast(slices.Values([]*ws.Conn{server}), ws.MessageBinary, p); err != nil {
			t.Fatal(err)
		}
	}
	if n := ws.Queued(server); n != 2 {
		t.Errorf("got %d queued, want those behind the first", n)
	}
	written := make(chan error, 1)
	go func() { written <- server.Write(ctx, ws.MessageText, []byte("behind the first")) }()
	counts := map[string]int{}
	last := ""
	for range 4 {
		_, got, err := client.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == size {
			if n := bytes.Count(got, got[:1]); n != size {
				t.Fatalf("got a mixture")
			}
			if kind := string(got[:1]); kind < last {
				t.Errorf("got %s behind %s", kind, last)
			} else {
				last = kind
			}
			got = []byte("large")
		}
		counts[string(got)]++
	}
	if err := <-written; err != nil || counts["large"] != 3 || counts["behind the first"] != 1 {
		t.Errorf("got %v, error %v", counts, err)
	}
}

// A deadlineConn tells of the deadlines for writing that it gets.
type deadlineConn struct {
	*net.TCPConn
	set chan time.Time
}

func (d *deadlineConn) SetWriteDeadline(at time.Time) error {
	err := d.TCPConn.SetWriteDeadline(at)
	d.set <- at
	return err
}

// A deadline that an earlier write left behind, and that is over, does not hold for
// a broadcast.
func TestBroadcastAfterDeadline(t *testing.T) {
	for _, row := range []struct {
		name    string
		timeout time.Duration
		ctx     bool // the write's context ends behind it
	}{
		{"WriteTimeout", 100 * time.Millisecond, false},
		{"context", -1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := listen(t, "tcp", "127.0.0.1:0")
			defer l.Close()
			set := make(chan time.Time, 100)
			accepted := make(chan *ws.Conn, 1)
			go func() {
				defer close(accepted)
				nc, err := l.Accept()
				if err != nil {
					t.Error(err)
					return
				}
				c, err := ws.AcceptNet(context.Background(), &deadlineConn{nc.(*net.TCPConn), set},
					&ws.AcceptOptions{Options: ws.Options{WriteTimeout: row.timeout, HandshakeTimeout: -1, PingInterval: -1}})
				if err != nil {
					t.Error(err)
					return
				}
				accepted <- c
			}()
			ctx := within(t, 10*time.Second)
			client, err := ws.Dial(ctx, "ws://"+l.Addr().String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer client.CloseNow()
			server := <-accepted
			if server == nil {
				return
			}
			defer server.CloseNow()
			write, cancel := context.WithCancel(ctx)
			defer cancel()
			if err := server.Write(write, ws.MessageText, []byte("one")); err != nil {
				t.Fatal(err)
			}
			if row.ctx {
				cancel()
			}
			select {
			case at := <-set:
				time.Sleep(time.Until(at)) // so that it is over
			case <-ctx.Done():
				t.Fatal("no deadline was set")
			}
			if missed, err := ws.Broadcast(slices.Values([]*ws.Conn{server}), ws.MessageText, []byte("two")); err != nil || missed != nil {
				t.Error(err)
			}
			for _, want := range []string{"one", "two"} {
				if _, p, err := client.Read(ctx); err != nil || string(p) != want {
					t.Fatalf("got %q, %v, want %q", p, err, want)
				}
			}
		})
	}
}
