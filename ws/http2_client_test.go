package ws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A countingListener counts connections.
type countingListener struct {
	net.Listener
	n atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return nc, err
}

// serveHTTP2 runs a server with or without TLS, which offers those protocols.
func serveHTTP2(t *testing.T, s *ws.Server, protocols ...string) (l *countingListener, url string, client *tls.Config) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url = "ws://" + inner.Addr().String() + "/chat"
	if protocols != nil {
		h := httptest.NewTLSServer(nil)
		conf, pool := h.TLS.Clone(), h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		h.Close()
		conf.NextProtos = protocols
		inner = tls.NewListener(inner, conf)
		client = &tls.Config{RootCAs: pool, ServerName: "example.com"}
		url = "wss" + strings.TrimPrefix(url, "ws")
	}
	l = &countingListener{Listener: inner}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(within(t, 10*time.Second)); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		<-served
	})
	return l, url, client
}

// settled waits until there are no more goroutines than before.
func settled(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines over the baseline:\n%s", runtime.NumGoroutine()-before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestHTTP2Dial(t *testing.T) {
	for _, test := range []struct {
		name      string
		protocols []string
		only      bool
	}{{"prior knowledge", nil, true}, {"TLS", []string{"h2", "http/1.1"}, false}} {
		t.Run(test.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			t.Run("", func(t *testing.T) { dialHTTP2(t, test.only, test.protocols) })
			settled(t, before)
		})
	}
}

func dialHTTP2(t *testing.T, only bool, protocols []string) {
	t.Helper()
	options := ws.Options{Deflate: &ws.Deflate{}, CloseTimeout: time.Minute} // a busy machine may need it
	l, url, conf := serveHTTP2(t, &ws.Server{Accept: ws.AcceptOptions{Subprotocols: []string{"chat"}, Options: options}}, protocols...)
	pool := &ws.HTTP2{Only: only}
	defer pool.Close()
	opts := &ws.DialOptions{TLS: conf, HTTP2: pool, Subprotocols: []string{"chat"}, Options: options}
	const webSockets = 50
	var wg sync.WaitGroup
	for i := range webSockets {
		wg.Go(func() {
			ctx := within(t, time.Minute)
			c, err := ws.Dial(ctx, url, opts)
			if err != nil {
				t.Error(err)
				return
			}
			w := c.Handshake()
			if w.ProtoMajor != 2 || w.StatusCode != http.StatusOK || w.Request.Method != http.MethodConnect || w.Request.Header.Get("Sec-WebSocket-Key") != "" {
				t.Errorf("handshake %v, request %v", w, w.Request)
			}
			if c.Subprotocol() != "chat" || !strings.HasPrefix(w.Header.Get("Sec-WebSocket-Extensions"), "permessage-deflate") {
				t.Errorf("agreed on %q and %q", c.Subprotocol(), w.Header["Sec-Websocket-Extensions"])
			}
			sent := bytes.Repeat([]byte{byte(i), 1, 2, 3}, 50_000*(i%3)+1)
			written := make(chan error, 1)
			go func() { written <- c.Write(ctx, ws.MessageBinary, sent) }()
			if _, got, err := c.Read(ctx); err != nil || !bytes.Equal(got, sent) {
				t.Errorf("echo of %d bytes has %d: %v", len(sent), len(got), err)
			}
			if err := <-written; err != nil {
				t.Error(err)
			}
			if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := l.n.Load(); n != 1 {
		t.Errorf("%d connections for %d WebSockets, want 1", n, webSockets)
	}
}

func TestHTTP2Fallback(t *testing.T) {
	pages := httptest.NewUnstartedServer(new(ws.Server)) // net/http does not announce WebSockets over HTTP/2
	pages.EnableHTTP2 = true
	pages.StartTLS()
	defer pages.Close()
	pagesTLS := pages.Client().Transport.(*http.Transport).TLSClientConfig
	_, old, oldTLS := serveHTTP2(t, new(ws.Server), "http/1.1")
	_, plain, _ := serveHTTP2(t, new(ws.Server))
	for _, test := range []struct {
		name, url string
		tls       *tls.Config
		only      string // the error of Only
	}{
		{"no ALPN", old, oldTLS, "no application protocol"},
		{"no setting", "wss" + strings.TrimPrefix(pages.URL, "https"), pagesTLS, "does not offer WebSockets over HTTP/2"},
		{"plain", plain, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			pool := new(ws.HTTP2)
			defer pool.Close()
			for range 2 {
				c, err := ws.Dial(within(t, time.Minute), test.url, &ws.DialOptions{TLS: test.tls, HTTP2: pool})
				if err != nil {
					t.Fatal(err)
				}
				if got := c.Handshake().Proto; got != "HTTP/1.1" {
					t.Errorf("opened over %s", got)
				}
				c.Close(ws.StatusNormalClosure, "")
			}
			only := &ws.HTTP2{Only: true}
			defer only.Close()
			c, err := ws.Dial(within(t, time.Minute), test.url, &ws.DialOptions{TLS: test.tls, HTTP2: only})
			if err == nil {
				c.CloseNow()
			}
			if err == nil != (test.only == "") || err != nil && !strings.Contains(err.Error(), test.only) {
				t.Errorf("Only: %v", err)
			}
		})
	}
}

// clientOverHTTP2 runs a test against a client in a bubble. The peer has sent nothing yet.
func clientOverHTTP2(t *testing.T, test func(t *testing.T, dial func() (*ws.Conn, error), p *http2Peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		p := newHTTP2Peer(t, far, false)
		pool := &ws.HTTP2{Only: true}
		opts := &ws.DialOptions{HTTP2: pool, NetDial: over(near)}
		test(t, func() (*ws.Conn, error) { return ws.Dial(within(t, time.Minute), "ws://pipe/chat?x=y", opts) }, p)
		far.Close()
		pool.Close()
	})
}

func announce(v uint32) http2.Setting {
	return http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: v}
}

type dialed struct {
	c   *ws.Conn
	err error
}

// dialing dials in another goroutine.
func dialing(dial func() (*ws.Conn, error)) <-chan dialed {
	done := make(chan dialed, 1)
	go func() {
		c, err := dial()
		done <- dialed{c, err}
	}()
	return done
}

func TestHTTP2ClientRequest(t *testing.T) {
	clientOverHTTP2(t, func(t *testing.T, dial func() (*ws.Conn, error), p *http2Peer) {
		done := dialing(dial)
		if got := p.next(http2.FrameSettings).settings; got[http2.SettingEnablePush] != 0 {
			t.Errorf("settings %v", got)
		}
		synctest.Wait()
		for len(p.frames) > 0 {
			if f := <-p.frames; f.typ == http2.FrameHeaders {
				t.Error("a request before the server's SETTINGS")
			}
		}
		p.write(func() error { return p.WriteSettings(announce(1)) })
		h := p.next(http2.FrameHeaders)
		want := map[string]string{
			":method": "CONNECT", ":protocol": "websocket", ":scheme": "http", ":path": "/chat?x=y", ":authority": "pipe",
			"sec-websocket-version": "13",
		}
		for name, v := range want {
			if h.fields[name] != v {
				t.Errorf("%s is %q, want %q", name, h.fields[name], v)
			}
		}
		if len(h.fields) != len(want) || h.end {
			t.Errorf("request %v, END_STREAM %v", h.fields, h.end)
		}
		p.headers(1, false, ":status", "200")
		d := <-done
		if d.err != nil {
			t.Fatal(d.err)
		}
		if err := d.c.Write(context.Background(), ws.MessageText, []byte("hi")); err != nil {
			t.Fatal(err)
		}
		if got, _ := p.data(1, 8); got[0] != 0x81 || got[1] != 0x82 {
			t.Errorf("frame %x is not masked", got)
		}
		// The server closes.
		read := make(chan error, 1)
		go func() {
			_, _, err := d.c.Read(context.Background())
			read <- err
		}()
		p.write(func() error { return p.WriteData(1, false, wsproto.AppendFrame(nil, closing(1000, ""))) })
		p.data(1, 8)
		p.write(func() error { return p.WriteData(1, true, nil) })
		if _, end := p.data(1, 1); !end {
			t.Error("no END_STREAM after the closing handshake")
		}
		if err := <-read; ws.CloseStatus(err) != 1000 {
			t.Errorf("read: %v", err)
		}
	})
}

func TestHTTP2ClientResponses(t *testing.T) {
	for _, test := range []struct {
		name   string
		fields []string
		end    bool
		want   string // of the error; empty means that it opens
	}{
		{"200", []string{":status", "200"}, false, ""},
		{"201", []string{":status", "201"}, false, ""},
		{"101", []string{":status", "101"}, false, "PROTOCOL_ERROR"},
		{"404", []string{":status", "404"}, true, "404"},
		{"302", []string{":status", "302", "location", "/"}, true, "302"},
		{"upgrade", []string{":status", "200", "upgrade", "websocket"}, false, "Upgrade"},
		{"subprotocol", []string{":status", "200", "sec-websocket-protocol", "x"}, false, "subprotocol"},
		{"two pseudo-headers", []string{":status", "200", ":path", "/"}, false, "PROTOCOL_ERROR"},
		{"accept is ignored", []string{":status", "200", "sec-websocket-accept", "x"}, false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			clientOverHTTP2(t, func(t *testing.T, dial func() (*ws.Conn, error), p *http2Peer) {
				done := dialing(dial)
				p.write(func() error { return p.WriteSettings(announce(1)) })
				id := p.next(http2.FrameHeaders).id
				p.headers(id, false, ":status", "103")
				p.headers(id, test.end, test.fields...)
				d := <-done
				if d.err == nil {
					d.c.CloseNow()
				}
				if test.want == "" && d.err != nil || test.want != "" && (d.err == nil || !strings.Contains(d.err.Error(), test.want)) {
					t.Errorf("error %v, want %q", d.err, test.want)
				}
				if he, ok := errors.AsType[*ws.HandshakeError](d.err); d.err != nil && (!ok || he.URL != "ws://pipe/chat?…") {
					t.Errorf("error %#v, want a *HandshakeError with the URL", d.err)
				}
				if !test.end {
					p.next(http2.FrameRSTStream)
				}
			})
		})
	}
}

func TestHTTP2ClientSettings(t *testing.T) {
	for _, test := range []struct {
		name string
		val  uint32
		want string
	}{{"0", 0, "does not offer"}, {"2", 2, "PROTOCOL_ERROR"}} {
		t.Run(test.name, func(t *testing.T) {
			clientOverHTTP2(t, func(t *testing.T, dial func() (*ws.Conn, error), p *http2Peer) {
				done := dialing(dial)
				p.write(func() error { return p.WriteSettings(announce(test.val)) })
				if d := <-done; d.err == nil || !strings.Contains(d.err.Error(), test.want) {
					t.Errorf("error %v, want %q", d.err, test.want)
				}
			})
		})
	}
	t.Run("never", func(t *testing.T) {
		clientOverHTTP2(t, func(t *testing.T, dial func() (*ws.Conn, error), _ *http2Peer) {
			if _, err := dial(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("error %v, want a timeout", err)
			}
		})
	})
	t.Run("taken back", func(t *testing.T) {
		clientOverHTTP2(t, func(t *testing.T, dial func() (*ws.Conn, error), p *http2Peer) {
			done := dialing(dial)
			p.write(func() error { return p.WriteSettings(announce(1)) })
			p.headers(p.next(http2.FrameHeaders).id, false, ":status", "200")
			d := <-done
			p.write(func() error { return p.WriteSettings(announce(0)) })
			if _, _, err := d.c.Read(context.Background()); err == nil || !strings.Contains(err.Error(), "PROTOCOL_ERROR") {
				t.Errorf("read: %v", err)
			}
			if f := p.next(http2.FrameGoAway); f.code != http2.ErrCodeProtocol {
				t.Errorf("GOAWAY %v", f.code)
			}
		})
	})
}

// A reset ends one WebSocket, without a close code, and no other.
func TestHTTP2ClientReset(t *testing.T) {
	clientOverHTTP2(t, func(t *testing.T, dial func() (*ws.Conn, error), p *http2Peer) {
		first := dialing(dial)
		p.write(func() error { return p.WriteSettings(announce(1)) })
		p.headers(p.next(http2.FrameHeaders).id, false, ":status", "200")
		a := <-first
		second := dialing(dial)
		p.headers(p.next(http2.FrameHeaders).id, false, ":status", "200")
		b := <-second
		if a.err != nil || b.err != nil {
			t.Fatal(a.err, b.err)
		}
		p.write(func() error { return p.WriteData(1, false, []byte("\x81\x05hal")) })
		p.write(func() error { return p.WriteRSTStream(1, http2.ErrCodeCancel) })
		if _, _, err := a.c.Read(context.Background()); err == nil || ws.CloseStatus(err) != 0 {
			t.Errorf("read of the stream that was reset: %v", err)
		}
		p.write(func() error { return p.WriteData(3, false, []byte("\x81\x05hello")) })
		if _, got, err := b.c.Read(context.Background()); err != nil || string(got) != "hello" {
			t.Errorf("read of the other: %q, %v", got, err)
		}
		b.c.CloseNow()
	})
}
