package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var errBroken = errors.New("broken pipe")

// A breakingConn is a connection whose writes fail from a moment on.
type breakingConn struct {
	net.Conn
	broken atomic.Bool
}

func (c *breakingConn) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return 0, errBroken
	}
	return c.Conn.Write(p)
}

// breakingPair is a client whose writes can be made to fail, and its raw peer.
func breakingPair(t testing.TB, opts ws.DialOptions) (*ws.Conn, *breakingConn, *rawPeer) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	nc := &breakingConn{Conn: near}
	peer := &rawPeer{Conn: far, t: t, server: true}
	opts.NetDial = func(context.Context, string, string) (net.Conn, error) { return nc, nil }
	go func() {
		key := headerOf(peer.head(), "Sec-WebSocket-Key")
		_, _ = io.WriteString(far, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Accept: "+wsproto.AcceptKey(key)+"\r\n\r\n")
	}()
	c, err := ws.Dial(context.Background(), "ws://pipe/", &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c, nc, peer
}

// A write that fails ends the connection for all who wait, with its reason. What the
// peer sent before can still be read.
func TestWriteFailureEndsConn(t *testing.T) {
	for _, way := range []string{"Write", "Send", "Ping", "batch", "ping of the keepalive", "pong"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, nc, peer := breakingPair(t, ws.DialOptions{Options: ws.Options{PingInterval: time.Minute}})
				ctx := context.Background()
				nc.broken.Store(true)
				switch way {
				case "Write":
					if err := c.Write(ctx, ws.MessageText, []byte("a")); !errors.Is(err, errBroken) {
						t.Errorf("got error %v", err)
					}
				case "Send":
					if err := c.Send(ctx, ws.MessageText, []byte("a")); err != nil {
						t.Errorf("got error %v of the first", err)
					}
					synctest.Wait()
					if err := c.Send(ctx, ws.MessageText, []byte("a")); !errors.Is(err, errBroken) {
						t.Errorf("got error %v of the second", err)
					}
				case "Ping":
					if _, err := c.Ping(ctx); !errors.Is(err, errBroken) {
						t.Errorf("got error %v", err)
					}
				case "batch":
					if err := c.SetBatch(ctx, true); err != nil {
						t.Error(err)
					}
					if err := c.Write(ctx, ws.MessageText, []byte("a")); err != nil {
						t.Error(err)
					}
					if err := c.SetBatch(ctx, true); !errors.Is(err, errBroken) {
						t.Errorf("got error %v", err)
					}
				case "ping of the keepalive":
					time.Sleep(61 * time.Second)
				case "pong":
					go func() { _, _ = peer.Write(peer.frame(frame(wsproto.OpPing, true, "p"))) }()
					wait, cancel := context.WithTimeout(ctx, time.Millisecond)
					_ = c.Wait(wait)
					cancel()
				}
				select {
				case <-c.Done():
				default:
					t.Fatal("Done is open")
				}
				if !errors.Is(c.Err(), errBroken) {
					t.Errorf("got %v from Err", c.Err())
				}
				if err := c.Write(ctx, ws.MessageText, []byte("a")); !errors.Is(err, errBroken) {
					t.Errorf("got error %v of a later write", err)
				}
				if way != "ping of the keepalive" { // which ends at once
					go func() { _, _ = peer.Write(append(peer.frame(text("last words")), peer.frame(closing(4000, "why"))...)) }()
					// A context that ends with the connection does not get in the way.
					if _, p, err := c.Read(ctx); string(p) != "last words" {
						t.Errorf("got %q, error %v", p, err)
					}
					if _, _, err := c.Read(ctx); ws.CloseStatus(err) != 4000 {
						t.Errorf("got error %v, want the peer's close", err)
					}
				}
				start := time.Now()
				if _, _, err := c.Read(ctx); err == nil {
					t.Error("got no error in the end")
				}
				if d := time.Since(start); d > time.Second {
					t.Errorf("the end took %v", d)
				}
			})
		})
	}
}

// A connection that a peer has reset is over even for a program that only writes.
func TestResetEndsWriter(t *testing.T) {
	client, server := tcpPair(t, nil, nil)
	nc, _, err := client.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.(*net.TCPConn).SetLinger(0)
	_ = nc.Close()
	ctx := within(t, 20*time.Second)
	for err == nil {
		err = server.Send(ctx, ws.MessageBinary, make([]byte, 1<<10))
	}
	select {
	case <-server.Done():
	case <-ctx.Done():
		t.Fatal("Done is open")
	}
	if server.Err() == nil {
		t.Error("Err is nil")
	}
}

// Whoever only writes learns that the peer does not answer pings.
func TestKeepaliveEndsWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPairWith(t, true, nil, pings{5 * time.Second, 2 * time.Second}, nil)
		go func() { _, _ = io.Copy(io.Discard, peer) }()
		start := time.Now()
		var err error
		for err == nil && time.Since(start) < time.Minute {
			time.Sleep(100 * time.Millisecond)
			err = c.Write(context.Background(), ws.MessageText, []byte("x"))
		}
		if !errors.Is(err, ws.ErrPingTimeout) || !errors.Is(c.Err(), ws.ErrPingTimeout) {
			t.Errorf("got errors %v and %v after %v", err, c.Err(), time.Since(start))
		}
	})
}

// The error tells who closed, and both frames can be told apart afterwards.
func TestWhoClosed(t *testing.T) {
	for _, row := range []struct {
		name  string
		local bool
		want  string
	}{
		{"by us", true, `ws: closed by us, peer answered with 4001`},
		{"by the peer", false, `ws: peer closed with 4001: "enough"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, far := pair(t, nil, nil)
			ctx := within(t, 10*time.Second)
			closes, answers := far, c
			if row.local {
				closes, answers = c, far
			}
			got := make(chan error, 1)
			go func() {
				_, _, err := answers.Read(ctx)
				got <- err
			}()
			if err := closes.Close(4001, "enough"); err != nil {
				t.Fatal(err)
			}
			<-got
			<-c.Done()
			var ce *ws.CloseError
			if !errors.As(c.Err(), &ce) || ce.Error() != row.want || ce.Local != row.local || ce.Code != 4001 {
				t.Errorf("got %+v: %v, want %s", ce, c.Err(), row.want)
			}
			sent, received := c.CloseFrames()
			if sent == nil || received == nil || sent.Local != row.local || received.Local != row.local ||
				sent.Code != 4001 || (sent.Reason == "enough") != row.local || (received.Reason == "enough") == row.local {
				t.Errorf("got frames %+v and %+v", sent, received)
			}
			err := c.Write(ctx, ws.MessageText, []byte("late"))
			if row.local && !errors.Is(err, net.ErrClosed) || !row.local && ws.CloseStatus(err) != 4001 {
				t.Errorf("got error %v of a late write", err)
			}
		})
	}
	if ws.CloseStatus(io.EOF) != 0 || ws.CloseStatus(nil) != 0 {
		t.Error("got a status where there is none")
	}
	for code, ok := range map[wsproto.StatusCode]bool{1000: true, 1001: true, 1005: true, 1002: false, 1011: false, 4000: false} {
		if got := ws.ClosedOK(&ws.CloseError{Code: code}); got != ok {
			t.Errorf("ClosedOK of %d: got %t", code, got)
		}
	}
	if ws.ClosedOK(nil) || ws.ClosedOK(io.EOF) {
		t.Error("got an orderly end where there was none")
	}
}

// A ping in the loop that reads does not wait for messages in front of its pong.
func TestStartPing(t *testing.T) {
	c, peer := rawPair(t, false, nil)
	ctx := within(t, 10*time.Second)
	answer := make(chan struct{})
	go func() {
		for range 3 {
			if _, err := peer.next(); err != nil {
				t.Error(err)
			}
		}
		<-answer
		_, _ = peer.Write(append(peer.frame(text("ahead")), peer.frame(frame(wsproto.OpPong, true, "two"))...))
		_, _ = peer.Write(peer.frame(text("behind")))
	}()
	first, err := c.StartPing(ctx, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.StartPing(ctx, []byte("two"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StartPing(ctx, []byte("one")); err == nil {
		t.Error("got no error for a payload that waits")
	}
	if _, err := c.StartPing(ctx, bytes.Repeat([]byte("x"), 126)); err == nil {
		t.Error("got no error for 126 bytes")
	}
	third, err := c.StartPing(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	close(answer)
	for _, want := range []string{"ahead", "behind"} {
		if _, p, err := c.Read(ctx); string(p) != want {
			t.Fatalf("got %q, error %v, want %s", p, err, want)
		}
	}
	for i, pong := range []<-chan time.Duration{first, second} { // the second answers the first, too
		select {
		case d, ok := <-pong:
			if !ok || d <= 0 {
				t.Errorf("ping %d: got %v, %t", i, d, ok)
			}
		default:
			t.Errorf("ping %d waits", i)
		}
	}
	select {
	case d, ok := <-third:
		t.Errorf("got %v, %t for a ping without a pong", d, ok)
	default:
	}
}

// The end of the connection ends the wait for pongs.
func TestStartPingEnds(t *testing.T) {
	c, peer := rawPair(t, false, nil)
	go func() { _, _ = io.Copy(io.Discard, peer) }()
	pong, err := c.StartPing(within(t, 10*time.Second), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
	if d, ok := <-pong; ok {
		t.Errorf("got %v", d)
	}
	if _, err := c.StartPing(context.Background(), nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got error %v", err)
	}
}

// A peer that is slow to read after its close frame gets the answer within CloseTimeout.
func TestCloseAnswerWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPair(t, true, nil)
		ended := make(chan error, 1)
		go func() { ended <- c.Discard(context.Background()) }()
		if _, err := peer.Write(peer.frame(closing(1000, ""))); err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Second)
		if list := <-peer.collect(); len(list) != 1 || list[0].Opcode != wsproto.OpClose {
			t.Errorf("got frames %v, want the answer", list)
		}
		if err := <-ended; ws.CloseStatus(err) != 1000 {
			t.Errorf("got %v", err)
		}
	})
}
