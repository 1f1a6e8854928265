package ws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A unix socket has its path in the URL, and the resource behind a colon.
func ExampleDial_unix() {
	dir, err := os.MkdirTemp("", "ws")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "app.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Println(err)
		return
	}
	s := &ws.Server{}
	go func() { _ = s.Serve(l) }()
	defer s.Shutdown(context.Background())

	c, err := ws.Dial(context.Background(), "ws+unix://"+socket+":/chat?room=1", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	fmt.Println(c.Handshake().Request.RequestURI)
	// Output: /chat?room=1
}

// A connection that exists takes the place of TCP.
func ExampleDialOptions_netDial() {
	near, far := net.Pipe()
	go func() {
		if c, err := ws.AcceptNet(context.Background(), far, nil); err == nil {
			_ = ws.Echo(context.Background(), c)
		}
	}()
	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws://localhost/", &ws.DialOptions{NetDial: over(near)})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.Write(ctx, ws.MessageText, []byte("hello"))
	_, p, err := c.Read(ctx)
	fmt.Println(string(p), err)
	// Output: hello <nil>
}

// A proxy that looks up the name itself and wants a password. What it says no to,
// the error names.
func ExampleProxyURL() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() { // a proxy that wants other credentials
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		greeting, login := make([]byte, 4), make([]byte, 11)
		_, _ = io.ReadFull(nc, greeting)
		_, _ = nc.Write([]byte{5, 2})
		_, _ = io.ReadFull(nc, login)
		_, _ = nc.Write([]byte{1, 1})
	}()

	proxy, err := ws.ProxyURL("socks5h://me:secret@" + l.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = ws.Dial(context.Background(), "wss://example.com/feed", &ws.DialOptions{Proxy: proxy})
	if he, ok := errors.AsType[*ws.HandshakeError](err); ok {
		fmt.Println(he.URL, he.Reason)
	}
	// Output: wss://example.com/feed refused: username/password authentication failed
}

// Headers, origin, cookies and subprotocols of the request; the server chooses
// among the latter.
func ExampleDialOptions_handshake() {
	address, stop := echoServer(ws.AcceptOptions{
		Origins:      []string{"https://example.com"},
		Subprotocols: []string{"v2.chat", "v1.chat"},
		Header:       http.Header{"Set-Cookie": {"session=42"}},
	})
	defer stop()
	jar, _ := cookiejar.New(nil)
	c, err := ws.Dial(context.Background(), strings.Replace(address, "ws://", "ws://user:password@", 1), &ws.DialOptions{
		Header:       http.Header{"User-Agent": {"example/1.0"}, "Origin": {"https://example.com"}},
		Subprotocols: []string{"v1.chat", "v2.chat"},
		Jar:          jar,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	u, _ := url.Parse(strings.Replace(address, "ws://", "http://", 1))
	fmt.Println(c.Subprotocol(), jar.Cookies(u))
	// Output: v2.chat [session=42]
}

// What a server answers in place of the handshake comes with the error.
func ExampleHandshakeError() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprint(w, "back soon")
	}))
	defer srv.Close()
	_, err := ws.Dial(context.Background(), strings.Replace(srv.URL, "http", "ws", 1), &ws.DialOptions{MaxRedirects: 3})
	if he, ok := errors.AsType[*ws.HandshakeError](err); ok {
		fmt.Println(he.Status, he.Header.Get("Retry-After"), string(he.Body))
	}
	// Output: 503 30 back soon
}

// A certificate of one's own authority, for another name than the one dialed.
func ExampleDialOptions_tls() {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := ws.Accept(w, r, nil); err == nil {
			_ = ws.Echo(r.Context(), c)
		}
	}))
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	config := &tls.Config{RootCAs: roots, ServerName: "example.com"}
	c, err := ws.Dial(context.Background(), strings.Replace(srv.URL, "https", "wss", 1), &ws.DialOptions{TLS: config})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(c.Close(ws.StatusNormalClosure, ""))
	// Output: <nil>
}

// A read that timed out loses nothing: the message comes with a later one.
func ExampleDialOptions_readTimeout() {
	asked := make(chan struct{})
	near, far := net.Pipe()
	go func() {
		c, err := ws.AcceptNet(context.Background(), far, nil)
		if err != nil {
			return
		}
		<-asked
		_ = c.Write(context.Background(), ws.MessageText, []byte("late"))
	}()
	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws://localhost/", &ws.DialOptions{NetDial: over(near), Options: ws.Options{ReadTimeout: 10 * time.Millisecond}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_, _, err = c.Read(ctx)
	fmt.Println(err, errors.Is(err, os.ErrDeadlineExceeded))
	close(asked)
	for errors.Is(err, os.ErrDeadlineExceeded) {
		var p []byte
		if _, p, err = c.Read(ctx); err == nil {
			fmt.Println(string(p))
		}
	}
	// Output:
	// ws: read: read timed out after 10ms true
	// late
}

// After the handshake, frames of any kind: a reserved opcode, masked with zero.
func ExampleConn_Hijack() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	c, err := ws.Dial(context.Background(), url, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	nc, early, err := c.Hijack()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nc.Close()
	_, _ = nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{
		Header:  wsproto.Header{Fin: true, Opcode: 3, Masked: true},
		Payload: []byte("what is this?"),
	}))
	r := io.MultiReader(bytes.NewReader(early), nc)
	h, err := wsproto.ReadHeader(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	payload := make([]byte, h.Length)
	_, _ = io.ReadFull(r, payload)
	code, reason, _ := wsproto.ParseClose(payload)
	fmt.Println(h.Opcode, code, reason)
	// Output: close 1002 (protocol error) reserved opcode 3
}

// A masking key of one's own: with zero, what is on the wire can be read.
func ExampleDialOptions_maskKey() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, &ws.DialOptions{
		MaskKey: func() [4]byte { return [4]byte{} },
		Options: ws.Options{OnFrame: func(_ *ws.Conn, sent bool, f wsproto.Frame) {
			if sent {
				fmt.Println(f.Opcode, f.MaskKey, string(f.Payload))
			}
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.WriteFragments(ctx, ws.MessageText, []byte("fragmented"), 8)
	// Output:
	// text [0 0 0 0] fragment
	// continuation [0 0 0 0] ed
}

func ExampleConn_Messages() {
	near, far := net.Pipe()
	ctx := context.Background()
	go func() {
		c, err := ws.AcceptNet(ctx, far, nil)
		if err != nil {
			return
		}
		for i := range 3 {
			_ = c.Write(ctx, ws.MessageText, fmt.Append(nil, "message ", i))
		}
		_ = c.Close(ws.StatusNormalClosure, "")
	}()
	c, err := ws.Dial(ctx, "ws://localhost/", &ws.DialOptions{NetDial: over(near)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for m, err := range c.Messages(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(string(m.Data))
	}
	// Output:
	// message 0
	// message 1
	// message 2
}

// A client that comes back until it has seen what it waits for.
func ExampleClient() {
	var visits int
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if visits++; visits == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c, err := ws.Accept(w, r, nil)
		if err != nil {
			return
		}
		_ = c.Write(r.Context(), ws.MessageText, fmt.Append(nil, "visit ", visits))
		_ = c.Close(wsproto.StatusServiceRestart, "")
	}))
	defer srv.Close()

	client := &ws.Client{
		URL:   strings.Replace(srv.URL, "http", "ws", 1),
		Retry: func(error, int, time.Duration) time.Duration { return time.Millisecond },
		Handler: func(ctx context.Context, c *ws.Conn) error {
			for m, err := range c.Messages(ctx) {
				if err != nil {
					return err // and dial again
				}
				fmt.Println(string(m.Data))
				if string(m.Data) == "visit 3" {
					return ws.ErrStop
				}
			}
			return nil // the server closed in order: dial again
		},
	}
	fmt.Println(client.Run(context.Background()))
	// Output:
	// visit 2
	// visit 3
	// <nil>
}

// Options, and a token that expires: Dial is called for each attempt. Retry logs, and
// gives up after five attempts in a row that failed.
func ExampleClient_options() {
	var tokens int
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer 2" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if c, err := ws.Accept(w, r, nil); err == nil {
			_ = c.Close(ws.StatusNormalClosure, "")
		}
	}))
	defer srv.Close()

	client := &ws.Client{
		Dial: func(ctx context.Context) (*ws.Conn, error) {
			tokens++
			return ws.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1), &ws.DialOptions{
				Header:  http.Header{"Authorization": {fmt.Sprint("Bearer ", tokens)}},
				Options: ws.Options{Deflate: &ws.Deflate{}, ReadLimit: 1 << 20},
			})
		},
		Handler: func(context.Context, *ws.Conn) error { return ws.ErrStop },
		Retry: func(err error, failed int, pause time.Duration) time.Duration {
			if he, ok := errors.AsType[*ws.HandshakeError](err); ok {
				fmt.Println(failed, "failed:", he.Reason, he.Status)
			}
			if failed == 5 {
				return -1
			}
			return min(pause, time.Millisecond) // not so in real life
		},
	}
	fmt.Println(client.Run(context.Background()))
	// Output:
	// 1 failed: server refused 503
	// <nil>
}

// Pings tell a dead server from a silent one.
func ExampleDialOptions_keepalive() {
	url, stop := echoServer(ws.AcceptOptions{})
	defer stop()
	ctx := context.Background()
	pong := make(chan struct{}, 1)
	c, err := ws.Dial(ctx, url, &ws.DialOptions{Options: ws.Options{
		PingInterval: 10 * time.Millisecond,
		PingTimeout:  10 * time.Second,
		OnFrame: func(_ *ws.Conn, _ bool, f wsproto.Frame) {
			if f.Opcode != wsproto.OpPong {
				return
			}
			select {
			case pong <- struct{}{}:
			default:
			}
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	go func() { _ = c.Discard(ctx) }()
	<-pong
	fmt.Println("alive")
	// Output: alive
}

// Every frame goes to a log, and so does the handshake, secrets left out.
func ExampleDialOptions_logger() {
	near, far := net.Pipe()
	go func() {
		if c, err := ws.AcceptNet(context.Background(), far, nil); err == nil {
			_ = ws.Echo(context.Background(), c)
		}
	}()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug - 4,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case "time", "conn", "remote", "mask", "Sec-Websocket-Key", "Sec-Websocket-Accept": // they differ each time
				return slog.Attr{}
			}
			return a
		},
	}))
	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws://localhost/", &ws.DialOptions{
		NetDial: over(near),
		Options: ws.Options{Logger: log},
		Header:  http.Header{"Authorization": {"Bearer secret"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.Write(ctx, ws.MessageText, []byte("hello"))
	// Output:
	// level=DEBUG msg=connected network=tcp addr=localhost:80
	// level=DEBUG msg=request target=/ host=localhost header.Authorization=[redacted] header.Connection=Upgrade header.Sec-Websocket-Version=13 header.Upgrade=websocket
	// level=DEBUG msg=response status=101 header.Connection=Upgrade header.Upgrade=websocket
	// level=DEBUG msg="frame sent" opcode=text fin=true length=5 payload="\"hello\""
}
