package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A write whose context was over leaves nothing in the history of the compressor that
// the peer has not seen.
func TestCancelledWriteKeepsHistory(t *testing.T) {
	client, server := pair(t, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	over, cancel := context.WithCancel(context.Background())
	cancel()
	want := []byte(strings.Repeat("not seen by the peer; ", 20))
	if err := client.Write(over, ws.MessageText, want); !errors.Is(err, context.Canceled) {
		t.Fatalf("got error %v", err)
	}
	ctx := within(t, 10*time.Second)
	wrote := make(chan error, 1)
	go func() { wrote <- client.Write(ctx, ws.MessageText, want) }()
	if _, got, err := server.Read(ctx); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, error %v", got, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
}

// A ReadAppend that is cut short keeps what arrived of the message, and nothing else.
func TestReadAppendCutShort(t *testing.T) {
	c, peer := rawPair(t, true, nil)
	whole := peer.frame(frame(wsproto.OpText, true, "one message"))
	go func() { _, _ = peer.Write(whole[:9]) }()
	ctx := within(t, 10*time.Second)
	short, cancel := context.WithCancel(ctx)
	time.AfterFunc(20*time.Millisecond, cancel)
	_, p, err := c.ReadAppend(short, []byte("before: "))
	if !errors.Is(err, context.Canceled) || string(p) != "before: " {
		t.Fatalf("got %q, error %v", p, err)
	}
	go func() { _, _ = peer.Write(whole[9:]) }()
	if _, p, err := c.ReadAppend(ctx, []byte("after: ")); err != nil || string(p) != "after: one message" {
		t.Errorf("got %q, error %v", p, err)
	}
}

// A proxy that refuses is hung up on.
func TestProxyRefusalClosesConn(t *testing.T) {
	near, far := net.Pipe()
	ended := make(chan error, 1)
	go func() {
		_ = far.SetDeadline(time.Now().Add(10 * time.Second))
		(&rawPeer{Conn: far, t: t}).head()
		_, _ = io.WriteString(far, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
		_, err := far.Read(make([]byte, 1))
		ended <- err
	}()
	proxy, _ := ws.ProxyURL("http://proxy")
	_, err := ws.Dial(within(t, 10*time.Second), "ws://example.com", &ws.DialOptions{Proxy: proxy, NetDial: over(near)})
	if he, ok := errors.AsType[*ws.HandshakeError](err); !ok || he.Status != http.StatusForbidden {
		t.Errorf("got error %v", err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("the proxy got %v, want the end", err)
	}
}

// Of a refusal's body 4 KiB are read, however long the server says it is.
func TestRefusalBodyIsBounded(t *testing.T) {
	near, far := net.Pipe()
	go func() {
		(&rawPeer{Conn: far, t: t}).head()
		_, _ = io.WriteString(far, "HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("x", 100_000))
		_ = far.Close()
	}()
	_, err := ws.Dial(within(t, 10*time.Second), "ws://localhost/", &ws.DialOptions{NetDial: over(near)})
	he, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok || len(he.Body) != 4<<10 {
		t.Fatalf("got error %.100v with %d bytes", err, len(he.Body))
	}
	if n := len(err.Error()); n > 300 {
		t.Errorf("got a message of %d bytes", n)
	}
}

// A peer whose pong has begun is alive, though it is not all there in time.
func TestKeepalivePongHasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPairWith(t, true, nil, pings{5 * time.Second, 2 * time.Second}, nil)
		ping, err := peer.next()
		if err != nil || ping.Opcode != wsproto.OpPing {
			t.Fatalf("got %v, error %v", ping, err)
		}
		pong := peer.frame(frame(wsproto.OpPong, true, string(ping.Payload)))
		time.Sleep(1500 * time.Millisecond)
		go func() { _, _ = peer.Write(pong[:1]) }()
		time.Sleep(time.Second)
		if c.Err() != nil {
			t.Fatalf("got an end of %v", c.Err())
		}
		go func() { _, _ = peer.Write(pong[1:]) }()
		if next, err := peer.next(); err != nil || next.Opcode != wsproto.OpPing || bytes.Equal(next.Payload, ping.Payload) {
			t.Errorf("got %v, error %v, want another ping", next, err)
		}
		_ = c.CloseNow()
	})
}

// A stumblingListener fails for a moment before each connection.
type stumblingListener struct {
	*pipeListener
	stumbled atomic.Bool
}

type temporaryError struct{}

func (temporaryError) Error() string   { return "for a moment" }
func (temporaryError) Timeout() bool   { return false }
func (temporaryError) Temporary() bool { return true }

func (l *stumblingListener) Accept() (net.Conn, error) {
	if l.stumbled.CompareAndSwap(false, true) {
		return nil, temporaryError{}
	}
	l.stumbled.Store(false)
	return l.pipeListener.Accept()
}

// The pause after a temporary error of the listener starts over after a connection.
func TestAcceptPauseResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		s := &ws.Server{Accept: ws.AcceptOptions{Options: ws.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}}}
		l := &stumblingListener{pipeListener: newPipeListener()}
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		for range 3 {
			c := l.dial(t)
			_ = c.Close(ws.StatusNormalClosure, "")
		}
		_ = s.Shutdown(context.Background())
		<-served
		if got := strings.Count(log.String(), "retry=5ms"); got < 3 || got != strings.Count(log.String(), "retry=") {
			t.Errorf("got log %s, want each pause to be 5 ms", log.String())
		}
	})
}
