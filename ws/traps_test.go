package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// What users of other libraries tripped over, each over real sockets, and after each no
// goroutine is left.
func TestTraps(t *testing.T) {
	for _, trap := range []struct {
		name string
		try  func(ctx context.Context, t *testing.T)
	}{
		{"1 a broadcast reaches who is connected", trapBroadcast},
		{"2 a client comes back after an orderly restart", trapRestart},
		{"3 a panic of a handler is logged, and its error", trapPanic},
		{"4 Serve refuses invalid options", trapOptions},
		{"5 a failed write ends the connection", trapWrite},
		{"6 a ping in the loop that reads", trapPing},
		{"7 who closed", trapClosed},
		{"8 header fields that cannot be sent", trapFields},
		{"9 a panic of an iterator", trapIterator},
		{"10 Check hands something to the handler", trapCheck},
		{"11 refusals say what to do", trapRefusals},
		{"13 a full queue is reported, names are unique", trapQueue},
	} {
		t.Run(trap.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			trap.try(within(t, 20*time.Second), t)
			if left := goroutinesLeft(before); left > 0 {
				all := make([]byte, 1<<20)
				t.Errorf("%d goroutines are left:\n%s", left, all[:runtime.Stack(all, true)])
			}
		})
	}
}

// serving runs a server on a port until it is told to stop.
func serving(t *testing.T, s *ws.Server) (url string, stop func()) {
	t.Helper()
	l := listen(t, "tcp", "127.0.0.1:0")
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	return "ws://" + l.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Close()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}
}

func trapBroadcast(ctx context.Context, t *testing.T) {
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error { return c.Discard(ctx) }}
	url, stop := serving(t, s)
	defer stop()
	missed := 0
	for i := range 500 {
		c, err := ws.Dial(ctx, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		n := 0
		for range s.Conns() {
			n++
		}
		if n != i+1 {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of 500 clients were connected, and the server did not know", missed)
	}
}

func trapRestart(ctx context.Context, t *testing.T) {
	var visits atomic.Int32
	codes := []wsproto.StatusCode{1000, 1001, wsproto.StatusNoStatusRcvd}
	url, stop := serving(t, &ws.Server{Handler: func(_ context.Context, c *ws.Conn) error {
		return c.Close(codes[(visits.Add(1)-1)%3], "")
	}})
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := &ws.Client{URL: url, Retry: func(error, int, time.Duration) time.Duration { return time.Millisecond }, Handler: func(ctx context.Context, c *ws.Conn) error {
		if visits.Load() >= 4 {
			cancel()
		}
		for _, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
		}
		return nil
	}}
	if err := client.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v after %d connections, want the end of our context", err, visits.Load())
	}
}

func trapPanic(ctx context.Context, t *testing.T) {
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(old)
	url, stop := serving(t, &ws.Server{Handler: func(context.Context, *ws.Conn) error { panic("at the disco") }})
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(ctx); ws.CloseStatus(err) != ws.StatusInternalError {
		t.Errorf("the client got %v, want 1011", err)
	}
	stop()
	if s := log.String(); !strings.Contains(s, "at the disco") || !strings.Contains(s, "trapPanic") {
		t.Errorf("got the log %q, want the panic and its stack", s)
	}
}

func trapOptions(_ context.Context, t *testing.T) {
	for _, o := range []ws.AcceptOptions{
		{Origins: []string{"https://a.test/path"}},
		{BasicAuth: &ws.BasicAuth{Users: map[string]string{"a:b": "c"}}},
		{BasicAuth: &ws.BasicAuth{Realm: "a\r\nb", Users: map[string]string{"a": "c"}}},
		{Subprotocols: []string{"a b"}},
		{Header: http.Header{"X-A": {"1\r\nX-B: 2"}}},
		{Header: http.Header{"a b": {"1"}}},
		{Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 7}}}},
	} {
		l := listen(t, "tcp", "127.0.0.1:0")
		served := make(chan error, 1)
		s := &ws.Server{Accept: o}
		go func() { served <- s.Serve(l) }()
		select {
		case err := <-served:
			if err == nil || strings.Count(err.Error(), "ws: ") != 1 {
				t.Errorf("%+v: error %v", o, err)
			}
		case <-time.After(2 * time.Second):
			t.Errorf("%+v: it serves", o)
			_ = s.Close()
			<-served
		}
	}
}

// brokenConn cannot write any more, once it is told so.
type brokenConn struct {
	net.Conn
	broken atomic.Bool
}

func (b *brokenConn) Write(p []byte) (int, error) {
	if b.broken.Load() {
		return 0, &net.OpError{Op: "write", Err: os.NewSyscallError("write", syscall.EPIPE)}
	}
	return b.Conn.Write(p)
}

func trapWrite(ctx context.Context, t *testing.T) {
	url, stop := serving(t, &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		if err := c.WriteText(ctx, "received whole"); err != nil {
			return err
		}
		return c.Discard(ctx)
	}})
	defer stop()
	for _, way := range []string{"Write", "Send", "Broadcast"} {
		var nc *brokenConn
		c, err := ws.Dial(ctx, url, &ws.DialOptions{NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			inner, err := new(net.Dialer).DialContext(ctx, network, addr)
			nc = &brokenConn{Conn: inner}
			return nc, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(ctx); err != nil { // the message is here
			t.Fatal(err)
		}
		nc.broken.Store(true)
		switch way {
		case "Write":
			err = c.WriteText(ctx, "x")
		case "Send":
			err = c.Send(ctx, ws.MessageText, []byte("x"))
		case "Broadcast":
			_, err = ws.Broadcast(func(yield func(*ws.Conn) bool) { yield(c) }, ws.MessageText, []byte("x"))
		}
		if way == "Write" && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%s: got %v", way, err)
		}
		select {
		case <-c.Done():
			if !errors.Is(c.Err(), syscall.EPIPE) {
				t.Errorf("%s: the end is %v", way, c.Err())
			}
		case <-time.After(2 * time.Second):
			t.Errorf("%s: the connection has not ended", way)
			_ = c.CloseNow()
		}
		if err := c.Send(ctx, ws.MessageText, []byte("y")); err == nil {
			t.Errorf("%s: a later Send gave no error", way)
		}
		if s, err := c.ReadText(ctx); s != "received whole" {
			t.Errorf("%s: got %q, %v; want the message that had come", way, s, err)
		}
	}
}

func trapPing(ctx context.Context, t *testing.T) {
	url, stop := serving(t, &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		for range 3 {
			if err := c.WriteText(ctx, "ahead of the pong"); err != nil {
				return err
			}
		}
		return c.Discard(ctx)
	}})
	defer stop()
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	pong, err := c.StartPing(ctx, []byte("mine"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StartPing(ctx, []byte("mine")); err == nil {
		t.Error("a second ping with the same payload: no error")
	}
	for range 3 {
		if _, err := c.ReadText(ctx); err != nil {
			t.Fatal(err)
		}
	}
	go func() { _ = c.Discard(ctx) }()
	if latency, ok := <-pong; !ok || latency <= 0 {
		t.Errorf("got a latency of %v, %v", latency, ok)
	}
}

func trapClosed(ctx context.Context, t *testing.T) {
	url, stop := serving(t, &ws.Server{})
	defer stop()
	c, err := ws.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(4001, "enough"); err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	if err := c.Err(); !strings.Contains(err.Error(), "closed by us") {
		t.Errorf("got %q, want it to say that we closed", err)
	}
	sent, received := c.CloseFrames()
	if sent == nil || received == nil || sent.Reason != "enough" || !sent.Local || !received.Local {
		t.Errorf("got %+v and %+v", sent, received)
	}
}

func trapFields(ctx context.Context, t *testing.T) {
	url, stop := serving(t, &ws.Server{})
	defer stop()
	for _, h := range []http.Header{
		{"Sec-WebSocket-Protocol": {"chat"}}, {"Connection": {"close"}}, {"a b": {"1"}}, {"": {"1"}}, {"X-A": {"1\r\nX-B: 2"}}, {"X-A": {"1\n2"}},
	} {
		if c, err := ws.Dial(ctx, url, &ws.DialOptions{Header: h}); err == nil {
			t.Errorf("%q: no error", h)
			_ = c.CloseNow()
		}
	}
}

func trapIterator(ctx context.Context, t *testing.T) {
	url, stop := serving(t, &ws.Server{})
	defer stop()
	for _, begun := range []bool{false, true} {
		c, err := ws.Dial(ctx, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = c.WriteSeq(ctx, ws.MessageText, func(yield func([]byte) bool) {
				if begun {
					yield([]byte("half"))
				}
				panic("iterator")
			})
		}()
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		if err := c.WriteText(short, "next"); errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("begun %t: the next write hangs", begun)
		} else if begun && strings.Count(fmt.Sprint(err), "ws: ") != 1 {
			t.Errorf("error %v names the package not once", err)
		}
		cancel()
		_ = c.CloseNow()
	}
}

func trapCheck(ctx context.Context, t *testing.T) {
	type user struct{}
	url, stop := serving(t, &ws.Server{
		Accept: ws.AcceptOptions{Check: func(r *http.Request, _ http.Header) (context.Context, error) {
			return context.WithValue(r.Context(), user{}, "ada"), nil
		}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			return c.WriteText(ctx, fmt.Sprint(ctx.Value(user{}), " at ", c.Handshake().Request.URL.Path))
		},
	})
	defer stop()
	c, err := ws.Dial(ctx, url+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if s, err := c.ReadText(ctx); s != "ada at /chat" {
		t.Errorf("got %q, %v", s, err)
	}
}

func trapRefusals(ctx context.Context, t *testing.T) {
	var accept error
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wrapped" {
			_, accept = ws.Accept(struct{ http.ResponseWriter }{w}, r, nil)
			return
		}
		http.Error(w, "not today\nsecond line", http.StatusForbidden)
	}))
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	defer srv.Close()
	url := strings.Replace(srv.URL, "http", "ws", 1)
	_, err := ws.Dial(ctx, url+"/chat", nil)
	for _, want := range []string{url + "/chat", "403", "not today"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want %q in it", err, want)
		}
	}
	_, _ = ws.Dial(ctx, url+"/wrapped", nil)
	if !errors.Is(accept, http.ErrNotSupported) || !strings.Contains(accept.Error(), "Unwrap") {
		t.Errorf("without a Hijacker: got %v, want http.ErrNotSupported and what to do", accept)
	}
	if _, err := ws.Dial(ctx, "localhost:80", nil); err == nil || !strings.Contains(err.Error(), "ws://") {
		t.Errorf("without a scheme: got %v, want what is missing", err)
	}
}

func trapQueue(ctx context.Context, t *testing.T) {
	if os.Getenv("WS_TRAP_NAME") != "" { // another process
		client, _ := pair(t, nil, nil)
		fmt.Println("name", client.ID())
		return
	}
	again := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestTraps$/^13")
	again.Env = append(os.Environ(), "WS_TRAP_NAME=1")
	out, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	_, other, _ := strings.Cut(string(out), "name ")
	other, _, _ = strings.Cut(other, "\n")

	l := listen(t, "tcp", "127.0.0.1:0")
	s := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{QueueLimit: 2}}, Handler: func(_ context.Context, c *ws.Conn) error {
		<-c.Done()
		return nil
	}}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = io.WriteString(nc, request())
	if _, err := io.ReadFull(nc, make([]byte, 12)); err != nil { // and no more: a slow reader
		t.Fatal(err)
	}
	var missed []*ws.Conn
	for range 64 {
		if missed, err = ws.Broadcast(s.Conns(), ws.MessageBinary, make([]byte, 1<<20)); err != nil || len(missed) > 0 {
			break
		}
	}
	if len(missed) != 1 || err != nil {
		t.Errorf("64 MiB to who does not read: got %v, %v; want to hear who missed them", missed, err)
	} else if missed[0].ID() == "" || missed[0].ID() == other {
		t.Errorf("two processes name their first connections %q and %q", missed[0].ID(), other)
	}
	_ = s.Close()
	_ = s.Shutdown(ctx)
	<-served
}
