package ws_test

import (
	"context"
	"errors"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws"
)

// Close of a pool ends the connections on which no WebSocket is open yet, and does not wait
// for those who dial.
func TestHTTP2CloseWhileDialing(t *testing.T) {
	withHTTP2(t, func(t *testing.T, s *http2Site) {
		first := dialing(s.dial)
		p := <-s.peers
		synctest.Wait() // the dial waits for SETTINGS
		start := time.Now()
		s.pool.Close()
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("Close took %v", took)
		}
		if d := <-first; !errors.Is(d.err, net.ErrClosed) {
			t.Errorf("dial: got %v, want net.ErrClosed", d.err)
		}
		p.nc.Close()
	})
}

// A connection on which nothing has come since a request that nobody answered takes no
// other: the network may have changed below it. Its WebSockets go on.
func TestHTTP2DeadConnection(t *testing.T) {
	withHTTP2(t, func(t *testing.T, s *http2Site) {
		first := dialing(s.dial)
		p := s.connection()
		id := p.answer()
		a := <-first
		if a.err != nil {
			t.Fatal(a.err)
		}
		slow := dialing(s.dial)
		p.next(http2.FrameHeaders)
		synctest.Wait()
		p.write(func() error { return p.WritePing(false, [8]byte{1}) }) // it is alive
		if d := <-slow; d.err == nil {
			t.Fatal("dial without an answer has no error")
		}
		p.next(http2.FrameRSTStream)
		dead := dialing(s.dial)
		p.next(http2.FrameHeaders)
		if d := <-dead; d.err == nil {
			t.Fatal("dial without an answer has no error")
		}
		p.next(http2.FrameRSTStream)
		third := dialing(s.dial)
		q := s.connection()
		other := q.answer()
		c := <-third
		if c.err != nil {
			t.Fatal(c.err)
		}
		p.exchange(a.c, id)
		q.exchange(c.c, other)
		a.c.CloseNow()
		c.c.CloseNow()
	})
}

// A server that takes no stream at all is not dialed again and again.
func TestHTTP2NoStreams(t *testing.T) {
	for name, play := range map[string]func(p *http2Peer){
		"maximum of 0": func(p *http2Peer) {
			p.write(func() error {
				return p.WriteSettings(announce(1), http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 0})
			})
		},
		"GOAWAY at once": func(p *http2Peer) {
			_ = p.WriteSettings(announce(1))
			_ = p.WriteGoAway(0, http2.ErrCodeNo, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				pool, dials := &ws.HTTP2{Only: true}, 0
				defer pool.Close()
				opts := &ws.DialOptions{HTTP2: pool, NetDial: func(context.Context, string, string) (net.Conn, error) {
					if dials++; dials > 20 {
						return nil, errors.New("dialed 20 times")
					}
					near, far := net.Pipe()
					p := newHTTP2Peer(t, far, false)
					go play(p)
					return near, nil
				}}
				client := &ws.Client{
					Dial: func(ctx context.Context) (*ws.Conn, error) { return ws.Dial(ctx, "ws://pipe/", opts) },
					Retry: func(err error, _ int, pause time.Duration) time.Duration {
						if pause < 0 {
							t.Errorf("not to be tried again: %v", err)
						}
						return -1
					},
				}
				if err := client.Run(within(t, time.Minute)); err == nil || dials > 9 {
					t.Errorf("dialed %d times, error %v", dials, err)
				}
			})
		})
	}
}

// A pool forgets the servers that it has no connection to.
func TestHTTP2Forgets(t *testing.T) {
	_, url, conf := serveHTTP2(t, &ws.Server{}, "h2")
	pool := &ws.HTTP2{}
	for range 3 {
		c, err := ws.Dial(within(t, 10*time.Second), url, &ws.DialOptions{TLS: conf.Clone(), HTTP2: pool})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
	}
	if _, err := ws.Dial(within(t, 10*time.Second), "wss://127.0.0.1:1/", &ws.DialOptions{HTTP2: pool}); err == nil {
		t.Fatal("dialed a port without a server")
	}
	_ = pool.Close()
	for end := time.Now().Add(10 * time.Second); pool.Hosts() > 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%d servers remembered", pool.Hosts())
		}
	}
}

// Those who dial at the same time all get a connection, one stream each.
func TestHTTP2OneStreamEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := &ws.HTTP2{Only: true}
		defer pool.Close()
		opts := &ws.DialOptions{HTTP2: pool, NetDial: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			p := newHTTP2Peer(t, far, false)
			go func() {
				_ = p.WriteSettings(announce(1), http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
				p.answer()
			}()
			return near, nil
		}}
		var dials [50]<-chan dialed
		for i := range dials {
			dials[i] = dialing(func() (*ws.Conn, error) { return ws.Dial(within(t, time.Minute), "ws://pipe/", opts) })
		}
		for _, d := range dials {
			if got := <-d; got.err != nil {
				t.Error(got.err)
			}
		}
	})
}

// A server that has no WebSockets over HTTP/2 may have them after its next restart. With
// Only it is asked each time.
func TestHTTP2OnlyAsksAgain(t *testing.T) {
	withHTTP2(t, func(t *testing.T, s *http2Site) {
		first := dialing(s.dial)
		p := <-s.peers
		p.write(func() error { return p.WriteSettings() })
		if d := <-first; d.err == nil {
			t.Fatal("dialed a server without the setting")
		}
		p.nc.Close()
		second := dialing(s.dial)
		synctest.Wait()
		select {
		case d := <-second:
			t.Fatalf("was not asked: %v", d.err)
		default:
		}
		q := s.connection()
		q.answer()
		d := <-second
		if d.err != nil {
			t.Fatal(d.err)
		}
		d.c.CloseNow()
	})
}
