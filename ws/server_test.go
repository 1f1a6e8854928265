package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// exchange sends bytes to an address and reads until the end.
func exchange(t testing.TB, addr, req string) string {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(nc, req); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(nc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A pipeListener listens in memory.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error { l.once.Do(func() { close(l.done) }); return nil }

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// connect is a connection to it, or false once it has been closed.
func (l *pipeListener) connect() (net.Conn, bool) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, true
	case <-l.done:
		return nil, false
	}
}

// dial opens a WebSocket, on both sides. It belongs in a bubble.
func (l *pipeListener) dial(t testing.TB) *ws.Conn {
	t.Helper()
	c, err := ws.Dial(context.Background(), "ws://pipe/", &ws.DialOptions{
		NetDial: func(context.Context, string, string) (net.Conn, error) {
			if nc, ok := l.connect(); ok {
				return nc, nil
			}
			return nil, net.ErrClosed
		},
		Options: ws.Options{
			HandshakeTimeout: time.Minute,
			PingInterval:     -1,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return c
}

// start serves a listener in memory.
func start(s *ws.Server) (l *pipeListener, served <-chan error) {
	l = newPipeListener()
	result := make(chan error, 1)
	go func() { result <- s.Serve(l) }()
	return l, result
}

func readAll(nc net.Conn) <-chan string {
	got := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(nc)
		got <- string(b)
	}()
	return got
}

// Shutdown has something for each stage of a connection.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		released := make(chan struct{})
		s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
			_ = c.Discard(context.Background())
			if ctx.Err() == nil {
				t.Error("got a context that outlives the connection")
			}
			<-released
			return nil
		}}
		l, served := start(s)
		open := l.dial(t)
		silent, _ := l.connect()
		begun, _ := l.connect()
		_, _ = io.WriteString(begun, "GET / HTT")
		toSilent, toBegun := readAll(silent), readAll(begun)

		stopped := make(chan error, 1)
		go func() { stopped <- s.Shutdown(context.Background()) }()
		_, _, err := open.Read(context.Background())
		var ce *ws.CloseError
		if !errors.As(err, &ce) || ce.Code != ws.StatusGoingAway {
			t.Errorf("got error %v, want a close with 1001", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got error %v of Serve, want ErrServerClosed", err)
		}
		if got := <-toSilent; got != "" {
			t.Errorf("got %q where nothing was asked, want nothing", got)
		}
		if got := <-toBegun; !strings.HasPrefix(got, "HTTP/1.1 503 ") {
			t.Errorf("got %q, want status 503", got)
		}
		select {
		case <-stopped:
			t.Error("got an end of Shutdown before that of the handler")
		case <-time.After(time.Hour):
		}
		close(released)
		if err := <-stopped; err != nil {
			t.Errorf("got error %v, want none", err)
		}
		if _, ok := l.connect(); ok {
			t.Error("got a connection after Shutdown")
		}
		if err := s.Serve(newPipeListener()); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got error %v of another Serve, want ErrServerClosed", err)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("got status %d of ServeHTTP, want 503", w.Code)
		}
	})
}

// A Shutdown whose context ends cuts what is left.
func TestShutdownImpatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended time.Duration
		start0 := time.Now()
		s := &ws.Server{Handler: func(ctx context.Context, _ *ws.Conn) error {
			<-ctx.Done() // and does not read, so that the close is not noticed
			ended = time.Since(start0)
			return nil
		}}
		l, served := start(s)
		c := l.dial(t)
		go func() { _, _, _ = c.Read(context.Background()); _ = c.CloseNow() }()
		_, _ = l.connect() // never says a word
		synctest.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("got error %v, want none: the peer answered", err)
		}
		if ended != 0 {
			t.Errorf("got a context that ended after %v, want at once", ended)
		}
		<-served

		s = &ws.Server{Handler: func(ctx context.Context, _ *ws.Conn) error { <-ctx.Done(); return nil }}
		l, served = start(s)
		c = l.dial(t) // and never reads
		start0 = time.Now()
		ctx, cancel = context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want deadline exceeded", err)
		}
		if d := time.Since(start0); d != 3*time.Second {
			t.Errorf("got an end after %v, want 3s", d)
		}
		<-served
		_ = c.CloseNow()
	})
}

func TestServerClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &ws.Server{Handler: func(ctx context.Context, _ *ws.Conn) error { <-ctx.Done(); return nil }}
		l, served := start(s)
		c := l.dial(t)
		if err := s.Close(); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		if _, _, err := c.Read(context.Background()); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("got error %v, want an end without a close", err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("got error %v, want ErrServerClosed", err)
		}
		if err := s.Shutdown(context.Background()); err != nil { // waits for the handler
			t.Errorf("got error %v, want none", err)
		}
	})
}

// The context of a handler ends with the connection, whichever side ends it.
func TestHandlerContext(t *testing.T) {
	tests := []struct {
		name string
		end  func(client *ws.Conn)
	}{
		{"close", func(c *ws.Conn) { _ = c.Close(ws.StatusNormalClosure, "") }},
		{"cut", func(c *ws.Conn) { _ = c.CloseNow() }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
					go func() { _ = c.Discard(context.Background()) }()
					<-ctx.Done()
					return nil
				}}
				l, served := start(s)
				tt.end(l.dial(t))
				_ = s.Shutdown(context.Background())
				<-served
			})
		})
	}
}

func TestHandlerPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &ws.Server{
			Handler: func(context.Context, *ws.Conn) error { panic("oh no") },
			Accept:  ws.AcceptOptions{Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}},
		}
		l, served := start(s)
		_, _, err := l.dial(t).Read(context.Background())
		var ce *ws.CloseError
		if !errors.As(err, &ce) || ce.Code != ws.StatusInternalError {
			t.Errorf("got error %v, want a close with 1011", err)
		}
		_ = s.Shutdown(context.Background())
		<-served
		for _, want := range []string{`msg="connection opened" conn=`, "handler panicked", "oh no", "TestHandlerPanic", "connection closed"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("got log %s, want %q in it", &log, want)
			}
		}
	})
}

func TestMaxConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &ws.Server{MaxConns: 3}
		l, served := start(s)
		a, _ := l.dial(t), l.dial(t)
		shaking, _ := l.connect()
		synctest.Wait()

		tooMany, _ := l.connect()
		if got := <-readAll(tooMany); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
			t.Errorf("got %q for one too many, want status 503", got)
		}
		_ = tooMany.Close()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("got status %d of ServeHTTP, want 503", w.Code)
		}
		_ = a.Close(ws.StatusNormalClosure, "")
		synctest.Wait()
		b := l.dial(t)
		_ = shaking.Close()
		synctest.Wait()
		n := 0
		for c := range s.Conns() {
			if c.Err() != nil {
				t.Errorf("got state %v, want open", c.Err())
			}
			n++
		}
		if n != 2 {
			t.Errorf("got %d connections, want 2", n)
		}
		for range s.Conns() {
			break // may
		}
		go func() { _ = b.Discard(context.Background()) }()
		_ = s.Close()
		_ = s.Shutdown(context.Background())
		<-served
	})
}

// Clients that dribble do not hold up others: of MaxHandshakes the oldest go first.
func TestMaxHandshakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 4
		s := &ws.Server{MaxHandshakes: n}
		l, served := start(s)
		start0 := time.Now()
		answers := make([]<-chan string, n+1)
		for i := range answers {
			nc, _ := l.connect()
			answers[i] = readAll(nc)
			if i > 0 { // the first says nothing
				go func() { _, _ = io.WriteString(nc, "GET / HTTP/1.1\r\nHost: x\r\n") }()
			}
			synctest.Wait()
		}
		// One was too many already, so the first has gone. Clients that are quick take the
		// place of the second only.
		for range 2 {
			c := l.dial(t)
			_ = c.Close(ws.StatusNormalClosure, "")
		}
		if d := time.Since(start0); d != 0 {
			t.Errorf("got connections after %v, want none to wait", d)
		}
		for i, want := range []string{"", "HTTP/1.1 408 Request Timeout\r\n"} {
			if got := <-answers[i]; !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("handshake %d: got %q, want %q", i, got, want)
			}
		}
		for i := 2; i <= n; i++ {
			select {
			case got := <-answers[i]:
				t.Errorf("handshake %d: got %q, want it to go on", i, got)
			default:
			}
		}
		_ = s.Shutdown(context.Background())
		<-served
	})
}

// A request that takes too long gets status 408, silence nothing.
func TestHandshakeTimeoutStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &ws.Server{}
		l, served := start(s)
		silent, _ := l.connect()
		begun, _ := l.connect()
		_, _ = io.WriteString(begun, "GET / HTT")
		toSilent, toBegun := readAll(silent), readAll(begun)
		start0 := time.Now()
		if got := <-toBegun; !strings.HasPrefix(got, "HTTP/1.1 408 ") || !strings.Contains(got, "Connection: close\r\n") {
			t.Errorf("got %q, want status 408", got)
		}
		if got := <-toSilent; got != "" || time.Since(start0) != 10*time.Second {
			t.Errorf("got %q after %v, want nothing after 10s", got, time.Since(start0))
		}
		_ = s.Shutdown(context.Background())
		<-served
	})
}

// A Server in a mux, beside other pages.
func TestServeHTTP(t *testing.T) {
	type key struct{}
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		v, _ := ctx.Value(key{}).(string)
		_ = c.Write(ctx, ws.MessageText, []byte(c.Handshake().Request.RequestURI+" "+v))
		_ = ws.Echo(ctx, c)
		return nil
	}}
	mux := http.NewServeMux()
	mux.Handle("/chat/{room}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, r.PathValue("room"))))
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "a page") })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	ctx := within(t, 10*time.Second)
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http")+"/chat/blue?x=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(ctx); err != nil || string(p) != "/chat/blue?x=1 blue" {
		t.Errorf("got %q, error %v", p, err)
	}
	if got := exchange(t, srv.Listener.Addr().String(), "GET /chat/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); status(got) != "426" {
		t.Errorf("got %q, want 426", got)
	}
	go func() { _ = s.Shutdown(ctx) }()
	_, _, err = c.Read(ctx)
	var ce *ws.CloseError
	if !errors.As(err, &ce) || ce.Code != ws.StatusGoingAway {
		t.Errorf("got error %v, want a close with 1001", err)
	}
}

// What a connection knows about itself, from open to closed.
func TestConnState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPair(t, true, nil)
		d, _ := rawPair(t, false, nil)
		process, _, ok := strings.Cut(c.ID(), "-")
		if other, _, _ := strings.Cut(d.ID(), "-"); !ok || len(process) != 12 || c.ID() == d.ID() || process != other {
			t.Errorf("got IDs %s and %s, want two of one process", c.ID(), d.ID())
		}
		if sent, received := c.CloseFrames(); c.Err() != nil || sent != nil || received != nil {
			t.Errorf("got %v, %v, %v; want open and nothing", c.Err(), sent, received)
		}
		closed := make(chan error, 1)
		go func() { closed <- c.Close(wsproto.StatusCode(4000), "enough") }()
		if _, err := peer.next(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if sent, received := c.CloseFrames(); c.Err() != nil || sent == nil || sent.Code != 4000 || sent.Reason != "enough" || received != nil {
			t.Errorf("got %v, %v, %v; want closing with 4000", c.Err(), sent, received)
		}
		_, _ = peer.Write(peer.frame(closing(4001, "indeed")))
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		var ce *ws.CloseError
		if _, received := c.CloseFrames(); received == nil || received.Code != 4001 || !errors.As(c.Err(), &ce) || ce.Reason != "indeed" {
			t.Errorf("got %v, %v; want closed with 4001", received, c.Err())
		}
		_ = d.CloseNow()
		if sent, received := d.CloseFrames(); sent != nil || received != nil || !errors.Is(d.Err(), net.ErrClosed) {
			t.Errorf("got %v, %v, %v; want closed without a word", sent, received, d.Err())
		}
	})
}

// A client that leaves before the response is written does not hold up a shutdown, which
// waits to say goodbye to it.
func TestShutdownWithoutResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &ws.Server{Handler: ws.Echo}
		l, served := start(s)
		nc, ok := l.connect()
		if !ok {
			t.Fatal("the listener is closed")
		}
		if _, err := io.WriteString(nc, request()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it writes the response, which nobody reads
		ended := make(chan error, 1)
		begun := time.Now()
		go func() { ended <- s.Shutdown(t.Context()) }()
		synctest.Wait()
		nc.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("the shutdown took %v", took)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
