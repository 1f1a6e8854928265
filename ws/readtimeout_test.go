package ws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// isReadTimeout: the bound that ran out is ReadTimeout.
func isReadTimeout(err error) bool {
	return timedOut(err, "read")
}

// tlsPair is pair, with TLS in between.
func tlsPair(t testing.TB, dial *ws.DialOptions, accept *ws.AcceptOptions) (client, server *ws.Conn) {
	t.Helper()
	https := httptest.NewTLSServer(nil) // which has a certificate
	https.Close()
	near, far := net.Pipe()
	accepted := make(chan error, 1)
	go func() {
		var err error
		server, err = ws.AcceptNet(context.Background(), tls.Server(far, &tls.Config{Certificates: https.TLS.Certificates}), accept)
		accepted <- err
	}()
	d := *dial
	d.TLS = &tls.Config{InsecureSkipVerify: true}
	d.NetDial = over(near)
	client, err := ws.Dial(context.Background(), "wss://pipe/", &d)
	if aerr := <-accepted; err != nil || aerr != nil {
		t.Fatalf("dial: %v, accept: %v", err, aerr)
	}
	t.Cleanup(func() {
		_ = near.Close() // first: TLS waits to say its farewell
		_ = client.CloseNow()
		_ = server.CloseNow()
	})
	return client, server
}

// A read that a ReadTimeout ends in the midst of a message loses nothing, whatever
// is below and whichever way of reading it is.
func TestReadTimeoutLosesNothing(t *testing.T) {
	transports := []struct {
		name string
		pair func(testing.TB, *ws.DialOptions, *ws.AcceptOptions) (client, server *ws.Conn)
	}{{"pipe", pair}, {"TCP", tcpPair}, {"TLS", tlsPair}}
	ways := []struct {
		name string
		read func(ctx context.Context, c *ws.Conn, timeout func()) (string, error)
	}{
		{"Read", func(ctx context.Context, c *ws.Conn, timeout func()) (string, error) {
			for {
				_, p, err := c.Read(ctx)
				if !isReadTimeout(err) {
					return string(p), err
				}
				timeout()
			}
		}},
		{"Reader", func(ctx context.Context, c *ws.Conn, timeout func()) (string, error) {
			var m io.Reader
			for m == nil {
				var err error
				if _, m, err = c.Reader(ctx); err != nil && !isReadTimeout(err) {
					return "", err
				}
			}
			var all bytes.Buffer
			for {
				_, err := all.ReadFrom(m)
				if !isReadTimeout(err) {
					return all.String(), err
				}
				timeout()
			}
		}},
	}
	for _, tr := range transports {
		for _, way := range ways {
			t.Run(tr.name+"/"+way.name, func(t *testing.T) {
				client, server := tr.pair(t, &ws.DialOptions{Options: ws.Options{ReadTimeout: 10 * time.Millisecond}}, nil)
				ctx := within(t, 10*time.Second)
				half := make(chan struct{})
				wrote := make(chan error, 1)
				go func() {
					w, err := server.Writer(ctx, ws.MessageText)
					if err == nil {
						_, err = w.Write([]byte("one "))
					}
					<-half
					if err == nil {
						_, err = w.Write([]byte("message"))
					}
					if err == nil {
						err = w.Close()
					}
					wrote <- err
				}()
				timeouts, release := 0, sync.OnceFunc(func() { close(half) })
				defer release()
				got, err := way.read(ctx, client, func() {
					if timeouts++; timeouts > 1 {
						release()
					}
				})
				if err != nil || got != "one message" || timeouts < 2 {
					t.Errorf("got %q, %v after %d timeouts", got, err, timeouts)
				}
				if err := <-wrote; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// Each call has the whole ReadTimeout and no more, whatever deadline an earlier
// one left behind.
func TestReadTimeoutBound(t *testing.T) {
	const bound = time.Second
	start := func(t *testing.T) (*ws.Conn, *rawPeer, context.Context, func(want time.Duration)) {
		near, far := net.Pipe()
		made := make(chan *ws.Conn, 1)
		go func() {
			c, err := ws.AcceptNet(context.Background(), near, &ws.AcceptOptions{Options: ws.Options{ReadTimeout: bound, WriteTimeout: -1, PingInterval: -1}})
			if err != nil {
				t.Error(err)
			}
			made <- c
		}()
		_, _ = io.WriteString(far, request())
		peer := &rawPeer{Conn: far, t: t}
		peer.head()
		c := <-made
		t.Cleanup(func() { _ = c.CloseNow() })
		began := time.Now()
		return c, peer, t.Context(), func(want time.Duration) {
			t.Helper()
			if got := time.Since(began); got != want {
				t.Errorf("got to it after %v, want %v", got, want)
			}
		}
	}
	timedOut := func(t *testing.T, c *ws.Conn) {
		t.Helper()
		if _, p, err := c.Read(t.Context()); !isReadTimeout(err) {
			t.Errorf("got %q, %v, want a read timeout", p, err)
		}
	}
	t.Run("again and again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _, _, at := start(t)
			timedOut(t, c)
			at(bound)
			timedOut(t, c)
			at(2 * bound)
		})
	})
	t.Run("after a message", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, peer, ctx, at := start(t)
			go func() {
				time.Sleep(600 * time.Millisecond)
				_, _ = peer.Write(peer.frame(text("hello")))
			}()
			if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
				t.Errorf("got %q, %v", p, err)
			}
			timedOut(t, c)
			at(1600 * time.Millisecond)
		})
	})
	t.Run("byte by byte", func(t *testing.T) { // a call is bounded, not each wait
		synctest.Test(t, func(t *testing.T) {
			c, peer, ctx, at := start(t)
			go func() {
				for _, b := range peer.frame(text(strings.Repeat("x", 94))) {
					time.Sleep(15 * time.Millisecond)
					_, _ = peer.Write([]byte{b})
				}
			}()
			timedOut(t, c)
			at(bound)
			if _, p, err := c.Read(ctx); err != nil || len(p) != 94 {
				t.Errorf("got %q, %v", p, err)
			}
			at(100 * 15 * time.Millisecond)
		})
	})
	t.Run("with another reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _, _, at := start(t)
			var wg sync.WaitGroup
			wg.Go(func() {
				timedOut(t, c)
				at(bound)
			})
			time.Sleep(bound / 2)
			timedOut(t, c) // which has the turn for the second half of its time
			at(bound + bound/2)
			wg.Wait()
		})
	})
	t.Run("close", func(t *testing.T) { // which has a bound of its own
		synctest.Test(t, func(t *testing.T) {
			c, peer, _, at := start(t)
			timedOut(t, c)
			go func() {
				_, _ = peer.next()
				time.Sleep(3 * bound)
				_, _ = peer.Write(peer.frame(closing(ws.StatusNormalClosure, "")))
			}()
			if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
			at(4 * bound)
		})
	})
	t.Run("context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, peer, _, at := start(t)
			if _, _, err := c.Read(within(t, bound/2)); !errors.Is(err, context.DeadlineExceeded) || isReadTimeout(err) {
				t.Errorf("got %v, want the context's end", err)
			}
			at(bound / 2)
			timedOut(t, c)
			at(bound + bound/2)
			go func() { _, _ = peer.Write(peer.frame(text("late"))) }()
			if _, p, err := c.Read(t.Context()); err != nil || string(p) != "late" {
				t.Errorf("got %q, %v", p, err)
			}
		})
	})
	t.Run("flush", func(t *testing.T) { // of a peer that reads nothing, with the slack of writes
		synctest.Test(t, func(t *testing.T) {
			c, _, ctx, at := start(t)
			if err := c.SetBatch(ctx, true); err != nil {
				t.Fatal(err)
			}
			if err := c.Write(ctx, ws.MessageText, []byte("x")); err != nil {
				t.Fatal(err)
			}
			timedOut(t, c)
			at(bound + bound/4)
			if err := c.Write(ctx, ws.MessageText, []byte("x")); !isReadTimeout(err) {
				t.Errorf("write behind half a frame: got %v", err)
			}
		})
	})
	t.Run("write", func(t *testing.T) { // of a program, which the ReadTimeout does not bound
		synctest.Test(t, func(t *testing.T) {
			c, peer, ctx, at := start(t)
			go func() { _, _ = peer.Write(peer.frame(frame(wsproto.OpPing, true, "x"))); _, _ = peer.next() }()
			timedOut(t, c) // having answered a ping
			wrote := make(chan error, 1)
			go func() { wrote <- c.Write(ctx, ws.MessageText, []byte("x")) }()
			time.Sleep(3 * bound)
			if _, err := peer.next(); err != nil {
				t.Error(err)
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
			at(4 * bound)
		})
	})
}
