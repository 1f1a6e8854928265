package native

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/wsconform/wsconform/cases/rfc"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/pattern"
)

// A mortal gateway ends at a request of G.1.2, as often as deaths says, and listens again at
// once if it is to.
type mortal struct {
	t      *testing.T
	origin string
	deaths atomic.Int32
	revive bool

	addr string
	wg   sync.WaitGroup
}

// serve runs a life of the gateway after the other.
func (m *mortal) serve(ctx context.Context, l net.Listener) {
	m.addr = l.Addr().String()
	m.wg.Go(func() {
		for ctx.Err() == nil {
			life, end := context.WithCancel(ctx)
			if err := gateway.Serve(life, &mortalListener{Listener: l, m: m, end: end}, m.origin, gateway.Plain); err != nil {
				m.t.Error(err)
			}
			end()
			if ctx.Err() != nil || !m.revive {
				return
			}
			var err error
			if l, err = new(net.ListenConfig).Listen(ctx, "tcp", m.addr); err != nil {
				if ctx.Err() == nil {
					m.t.Error(err)
				}
				return
			}
		}
	})
}

type mortalListener struct {
	net.Listener
	m   *mortal
	end func()
}

func (l *mortalListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &mortalConn{nc.(*net.TCPConn), l}, nil
}

type mortalConn struct {
	*net.TCPConn
	l *mortalListener
}

func (c *mortalConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if bytes.Contains(p[:n], []byte("a%2Fb")) && c.l.m.deaths.Add(-1) >= 0 { // in the target of G.1.2
		c.l.end()
		c.l.Close()
		c.Close()
		return 0, net.ErrClosed
	}
	return n, err
}

// reserved listens on a port that nobody else gets between two lives of a gateway, as any
// connection may that the system gives a port.
func reserved(t *testing.T) net.Listener {
	t.Helper()
	port, err := agent.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A gateway that ends in a case is named, whatever the case came to, and the case does not
// fail for it.
func TestGatewayEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	list, err := pattern.Select(rfc.All(), []string{"G.1.1", "G.1.2", "G.1.3"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		deaths int32
		revive bool
		want   []harness.Outcome
		note   string // of the second case
		cause  harness.Cause
	}{
		{"and somebody starts it again", 1, true, []harness.Outcome{harness.Pass, harness.Crash, harness.Pass}, "the gateway ended while the case was played, and was started again by something else\nplayed again through a new gateway: pass, OK", ""},
		{"twice in a case", 2, true, []harness.Outcome{harness.Pass, harness.Crash, harness.Pass}, "in each of two plays, the gateway ended while the case was played", ""},
		{"for good", 1, false, []harness.Outcome{harness.Pass, harness.Crash}, "the gateway ended while the case was played: nothing listens on 127.0.0.1:", harness.CauseCrash},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.revive && runtime.GOOS != "linux" {
				t.Skip("only Linux tells the sockets of a program that was started again from those before")
			}
			ctx, cancel := context.WithCancel(t.Context())
			front, back := reserved(t), loopback(t)
			m := &mortal{t: t, origin: back.Addr().String(), revive: test.revive}
			m.deaths.Store(test.deaths)
			m.serve(ctx, front)
			defer m.wg.Wait()
			defer cancel()
			g := Gateway{Target: Target{URL: &url.URL{Scheme: "ws", Host: m.addr, Path: "/"}}, Origin: back}
			var got []harness.Result
			err := TestGateway(t.Context(), g, list, Options{}, func(r harness.Result) { got = append(got, r) })
			var end *harness.UntestableError
			if errors.As(err, &end) != (test.cause != "") || test.cause != "" && end.Cause != test.cause {
				t.Errorf("got error %v, want cause %q", err, test.cause)
			}
			var outcomes []harness.Outcome
			for _, r := range got {
				outcomes = append(outcomes, r.Outcome)
			}
			if !slices.Equal(outcomes, test.want) {
				t.Fatalf("got %v, want %v: %+v", outcomes, test.want, got)
			}
			if !strings.HasPrefix(got[1].Note, test.note) {
				t.Errorf("got note %q, want %q", got[1].Note, test.note)
			}
		})
	}
}
