package ws_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var errNetwork = &net.OpError{Op: "dial", Err: errors.New("network is unreachable")}

// A site is a server whose connections each do something else.
type site struct {
	dials []time.Duration // when, since the start
	start time.Time
	turns []func(far net.Conn) error // an error refuses the connection; the last one stays
}

func (s *site) dial(context.Context, string, string) (net.Conn, error) {
	n := len(s.dials)
	s.dials = append(s.dials, time.Since(s.start))
	near, far := net.Pipe()
	return near, s.turns[min(n, len(s.turns)-1)](far)
}

// connect is a Dial of a Client.
func (s *site) connect(ctx context.Context) (*ws.Conn, error) {
	return ws.Dial(ctx, "ws://site", &ws.DialOptions{NetDial: s.dial})
}

// atMost is a Retry that gives up.
func atMost(n int) func(error, int, time.Duration) time.Duration {
	return func(_ error, failed int, pause time.Duration) time.Duration {
		if failed == n {
			return -1
		}
		return pause
	}
}

func unreachable(net.Conn) error { return errNetwork }

// answers with a fixed response.
func answers(response string) func(net.Conn) error {
	return func(far net.Conn) error {
		go func() {
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = io.WriteString(far, response)
			far.Close()
		}()
		return nil
	}
}

// lasting echoes for a while and then goes away.
func lasting(d time.Duration) func(net.Conn) error {
	return func(far net.Conn) error {
		go func() {
			c, err := ws.AcceptNet(context.Background(), far, nil)
			if err != nil {
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), d)
			defer cancel()
			_ = ws.Echo(ctx, c)
			_ = c.Close(wsproto.StatusServiceRestart, "")
		}()
		return nil
	}
}

// near reports whether a pause is what it should be before half of it may go.
func near(got, full time.Duration) bool { return full/2 <= got && got <= full }

func TestClient(t *testing.T) {
	ms := time.Millisecond
	for _, row := range []struct {
		name   string
		turns  []func(net.Conn) error
		client *ws.Client      // nil: the zero value
		pauses []time.Duration // full ones
		check  func(error) bool
	}{
		{
			name: "gives up", turns: []func(net.Conn) error{unreachable}, client: &ws.Client{Retry: atMost(5)},
			pauses: []time.Duration{500 * ms, 1000 * ms, 2000 * ms, 4000 * ms},
			check:  func(err error) bool { return errors.Is(err, errNetwork) },
		},
		{
			name: "a minute at most", turns: []func(net.Conn) error{unreachable}, client: &ws.Client{Retry: atMost(10)},
			pauses: []time.Duration{500 * ms, 1000 * ms, 2000 * ms, 4000 * ms, 8000 * ms, 16000 * ms, 32000 * ms, time.Minute, time.Minute},
			check:  func(err error) bool { return errors.Is(err, errNetwork) },
		},
		{
			name: "no point in it", turns: []func(net.Conn) error{answers("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")},
			check: func(err error) bool { he, ok := errors.AsType[*ws.HandshakeError](err); return ok && he.Status == 401 },
		},
		{
			name:   "busy",
			turns:  []func(net.Conn) error{answers("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"), answers("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")},
			pauses: []time.Duration{500 * ms},
			check:  func(err error) bool { he, ok := errors.AsType[*ws.HandshakeError](err); return ok && he.Status == 403 },
		},
		{
			name: "pauses of any kind", turns: []func(net.Conn) error{unreachable, answers("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")},
			client: &ws.Client{Retry: func(err error, failed int, pause time.Duration) time.Duration {
				if _, refused := errors.AsType[*ws.HandshakeError](err); refused != (pause < 0) || failed == 4 {
					return -1
				}
				return time.Duration(failed*failed) * time.Hour
			}},
			pauses: []time.Duration{1 * time.Hour, 4 * time.Hour, 9 * time.Hour},
			check:  func(err error) bool { he, ok := errors.AsType[*ws.HandshakeError](err); return ok && he.Status == 401 },
		},
		{
			name: "no pause", turns: []func(net.Conn) error{unreachable},
			client: &ws.Client{Retry: func(_ error, failed int, _ time.Duration) time.Duration {
				if failed == 3 {
					return -1
				}
				return 0
			}},
			pauses: []time.Duration{0, 0},
			check:  func(err error) bool { return errors.Is(err, errNetwork) },
		},
		{
			name: "own mind", turns: []func(net.Conn) error{unreachable},
			client: &ws.Client{Retry: atMost(1)},
			check:  func(err error) bool { return errors.Is(err, errNetwork) },
		},
		{
			name: "stable connections reset the count", turns: []func(net.Conn) error{unreachable, unreachable, lasting(10 * time.Second), unreachable, answers("nonsense\r\n\r\n")},
			pauses: []time.Duration{500 * ms, 1000 * ms, 500 * ms, 1000 * ms},
			check:  func(err error) bool { _, ok := errors.AsType[*ws.HandshakeError](err); return ok },
		},
		{
			name: "a Handler that returns nil", turns: []func(net.Conn) error{lasting(time.Minute), lasting(time.Minute), answers("nonsense\r\n\r\n")},
			client: &ws.Client{Handler: func(ctx context.Context, c *ws.Conn) error {
				for _, err := range c.Messages(ctx) {
					if err != nil {
						return nil
					}
				}
				return nil
			}},
			pauses: []time.Duration{500 * ms, 500 * ms},
			check:  func(err error) bool { _, ok := errors.AsType[*ws.HandshakeError](err); return ok },
		},
		{
			name: "short ones do not", turns: []func(net.Conn) error{lasting(time.Second)}, client: &ws.Client{Retry: atMost(3)},
			pauses: []time.Duration{500 * ms, 1000 * ms},
			check: func(err error) bool {
				ce, ok := errors.AsType[*ws.CloseError](err)
				return ok && ce.Code == wsproto.StatusServiceRestart
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &site{start: time.Now(), turns: row.turns}
				cl := row.client
				if cl == nil {
					cl = &ws.Client{}
				}
				cl.Dial = s.connect
				var pauses []time.Duration
				retry := cl.Retry
				cl.Retry = func(err error, failed int, pause time.Duration) time.Duration {
					if retry != nil {
						pause = retry(err, failed, pause)
					}
					pauses = append(pauses, pause)
					return pause
				}
				if err := cl.Run(t.Context()); !row.check(err) {
					t.Errorf("got error %v", err)
				}
				if len(pauses) != len(row.pauses)+1 || pauses[len(pauses)-1] != -1 {
					t.Fatalf("got pauses %v, want about %v and an end", pauses, row.pauses)
				}
				for i, full := range row.pauses {
					if !near(pauses[i], full) {
						t.Errorf("pause %d: got %v, want %v less up to a half", i, pauses[i], full)
					}
				}
			})
		})
	}
}

func TestClientRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{start: time.Now(), turns: []func(net.Conn) error{
			answers("HTTP/1.1 503 No\r\nRetry-After: 20\r\nContent-Length: 0\r\n\r\n"),
			answers("HTTP/1.1 429 No\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n"),
			answers("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
		}}
		cl := &ws.Client{Dial: s.connect}
		_ = cl.Run(t.Context())
		if len(s.dials) != 3 || s.dials[1] != 20*time.Second || s.dials[2] != 80*time.Second {
			t.Errorf("got attempts at %v, want 0s 20s 80s", s.dials)
		}
	})
}

func TestClientHandlerEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{start: time.Now(), turns: []func(net.Conn) error{lasting(time.Minute)}}
		var connected int
		cl := &ws.Client{
			Dial: s.connect,
			Handler: func(ctx context.Context, c *ws.Conn) error {
				connected++
				return errors.Join(c.Write(ctx, ws.MessageText, []byte("that was all")), ws.ErrStop)
			},
		}
		if err := cl.Run(t.Context()); err != nil || connected != 1 {
			t.Errorf("got %v after %d connections", err, connected)
		}
	})
}

// Others may write while Run keeps the connection, across a reconnect.
func TestClientConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{start: time.Now(), turns: []func(net.Conn) error{unreachable, lasting(time.Minute), unreachable, lasting(time.Hour)}}
		got := make(chan string, 1)
		cl := &ws.Client{Dial: s.connect, Handler: func(ctx context.Context, c *ws.Conn) error {
			for m, err := range c.Messages(ctx) {
				if err != nil {
					return err
				}
				got <- string(m.Data)
			}
			return nil
		}}
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- cl.Run(ctx) }()
		for _, want := range []string{"first", "second"} {
			c, err := cl.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Write(ctx, ws.MessageText, []byte(want)); err != nil {
				t.Fatal(err)
			}
			if s := <-got; s != want {
				t.Errorf("got %q, want %q", s, want)
			}
			time.Sleep(90 * time.Second) // the bubble's clock: the connection has ended by then
		}
		over := errors.New("over")
		cancel(over)
		if err := <-ended; !errors.Is(err, over) {
			t.Errorf("got %v, want the context's cause", err)
		}
		if _, err := cl.Conn(ctx); !errors.Is(err, over) {
			t.Errorf("Conn afterwards: got %v", err)
		}
	})
}

// Conn never returns a connection that has ended or is being closed, however long the
// Handler takes.
func TestClientConnEnded(t *testing.T) {
	for name, end := range map[string]func(c *ws.Conn) error{
		"ended":         func(c *ws.Conn) error { _ = c.CloseNow(); time.Sleep(time.Hour); return nil },
		"being closed":  func(*ws.Conn) error { return nil }, // the peer does not answer
		"ends in order": func(c *ws.Conn) error { return c.Discard(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				mute := func(far net.Conn) error {
					go func() {
						if c, err := ws.AcceptNet(context.Background(), far, nil); err == nil {
							time.Sleep(time.Minute)
							_ = c.CloseNow()
						}
					}()
					return nil
				}
				s := &site{start: time.Now(), turns: []func(net.Conn) error{mute}}
				if name == "ends in order" {
					s.turns = []func(net.Conn) error{lasting(4500 * time.Millisecond)}
				}
				cl := &ws.Client{Dial: s.connect, Handler: func(_ context.Context, c *ws.Conn) error { return end(c) }}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- cl.Run(ctx) }()
				for i := range 20 {
					time.Sleep(time.Second)
					bound, stop := context.WithTimeout(ctx, 100*time.Millisecond)
					c, err := cl.Conn(bound)
					stop()
					if err != nil {
						continue
					}
					select {
					case <-c.Done():
						t.Errorf("after %d s: a connection that has ended: %v", i+1, c.Err())
					default:
					}
					if sent, _ := c.CloseFrames(); sent != nil {
						t.Errorf("after %d s: a connection that is being closed", i+1)
					}
				}
				cancel()
				<-done
				time.Sleep(time.Hour) // the peers end
			})
		})
	}
}
