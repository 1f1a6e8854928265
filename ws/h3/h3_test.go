package h3_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// pair is a certificate for loopback, and what trusts it.
var pair = sync.OnceValues(func() (server, client *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, &tls.Config{RootCAs: roots}
})

// serve serves s until the test ends, and gives the URL.
func serve(t *testing.T, s *h3.Server) (url string) {
	t.Helper()
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.TLS, _ = pair()
	served := make(chan error, 1)
	go func() { served <- s.Serve(pc) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: got %v", err)
		}
		_ = pc.Close()
	})
	return "wss://" + pc.LocalAddr().String() + "/chat?room=1"
}

// dialer gives a client that is closed with the test, and options that trust the server.
func dialer(t *testing.T) (*h3.Client, *ws.DialOptions) {
	t.Helper()
	client := &h3.Client{}
	t.Cleanup(func() { _ = client.Close() })
	_, conf := pair()
	return client, &ws.DialOptions{TLS: conf, Subprotocols: []string{"other", "echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}}
}

func echoServer(ended chan error) *h3.Server {
	return &h3.Server{WebSocket: &ws.Server{
		Accept: ws.AcceptOptions{Subprotocols: []string{"echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			_ = ws.Echo(ctx, c)
			if ended != nil {
				ended <- c.Err()
			}
			return nil
		},
	}}
}

// An origins counts the requests from each address.
type origins struct {
	mu   sync.Mutex
	from map[string]int
}

// watch has the server count.
func (o *origins) watch(s *h3.Server) {
	o.from = map[string]int{}
	s.WebSocket.Accept.Check = func(r *http.Request, _ http.Header) (context.Context, error) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.from[r.RemoteAddr]++
		return nil, nil
	}
}

// list is what it has counted so far.
func (o *origins) list() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.from)
}

// echo sends a message and wants it back.
func echo(ctx context.Context, c *ws.Conn, p []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := c.Write(ctx, ws.MessageBinary, p); err != nil {
		return err
	}
	_, got, err := c.Read(ctx)
	if err == nil && !bytes.Equal(got, p) {
		err = fmt.Errorf("got %d bytes, want the %d that were sent", len(got), len(p))
	}
	return err
}

func TestEcho(t *testing.T) {
	ended := make(chan error, 1)
	url := serve(t, echoServer(ended))
	client, opts := dialer(t)
	var heads []string
	opts.OnHandshake = func(_ bool, head []byte) { heads = append(heads, string(head)) }
	c, err := client.Dial(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	w := c.Handshake()
	if c.Subprotocol() != "echo" || w.Proto != "HTTP/3.0" || w.StatusCode != http.StatusOK || w.TLS == nil || w.Request.RequestURI != "/chat?room=1" {
		t.Errorf("opened with %s %d, subprotocol %q, TLS %v, target %q", w.Proto, w.StatusCode, c.Subprotocol(), w.TLS, w.Request.RequestURI)
	}
	if ext := w.Header.Get("Sec-Websocket-Extensions"); !strings.HasPrefix(ext, "permessage-deflate") {
		t.Errorf("extensions %q", ext)
	}
	if len(heads) != 2 || !strings.Contains(heads[0], ":protocol: websocket") || strings.Contains(strings.ToLower(heads[0]), "sec-websocket-key") || !strings.HasPrefix(heads[1], ":status: 200") {
		t.Errorf("OnHandshake: %q", heads)
	}
	for _, size := range []int{0, 1, 125, 126, 70_000, 3 << 20} {
		p := make([]byte, size)
		rand.Read(p[:size/2])
		if err := echo(t.Context(), c, p); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
	}
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Close(4001, "enough"); err != nil {
		t.Error(err)
	}
	if err := <-ended; ws.CloseStatus(err) != 4001 {
		t.Errorf("the server saw %v", err)
	}
}

// A cut WebSocket is a reset of its stream, and others of the connection live on.
func TestReset(t *testing.T) {
	ended := make(chan error, 2)
	server := echoServer(ended)
	var count origins
	count.watch(server)
	url := serve(t, server)
	client, opts := dialer(t)
	dial := func() *ws.Conn {
		c, err := client.Dial(t.Context(), url, opts)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	cut, stays := dial(), dial()
	if from := count.list(); len(from) > 3 { // one, unless a stream takes the machine 200 ms
		t.Errorf("connections: %v, want one", from)
	}
	cut.CloseNow()
	err := <-ended
	if reset, ok := errors.AsType[*http3.Error](err); !ok || !reset.Remote || reset.ErrorCode != http3.ErrCodeRequestCanceled {
		t.Errorf("the server saw %v", err)
	}
	if err := echo(t.Context(), stays, []byte("hello")); err != nil {
		t.Error(err)
	}
	if err := stays.Close(ws.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// A thousand WebSockets are open on a connection at a time.
func TestThousand(t *testing.T) {
	server := echoServer(nil)
	server.MaxStreams = 1000
	var count origins
	count.watch(server)
	url := serve(t, server)
	client, opts := dialer(t)
	opts.Deflate, opts.CloseTimeout = nil, time.Minute
	var wg sync.WaitGroup
	var mu sync.Mutex
	var conns []*ws.Conn
	few := make(chan struct{}, 16) // dial at a time, which keeps a busy machine in time
	for n := range 1000 {
		wg.Go(func() {
			few <- struct{}{}
			defer func() { <-few }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := client.Dial(ctx, url, opts)
			if err == nil {
				err = echo(ctx, c, fmt.Append(nil, n))
			}
			if err != nil {
				t.Errorf("WebSocket %d: %v", n, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, c)
		})
	}
	wg.Wait()
	if from := count.list(); len(from) > 3 { // one, unless a stream takes the machine 200 ms
		t.Errorf("connections: %v, want one", from)
	}
	for _, c := range conns {
		wg.Go(func() {
			if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A connection that is full gives way to another one.
func TestFull(t *testing.T) {
	server := echoServer(nil)
	server.MaxStreams = 2
	var count origins
	count.watch(server)
	url := serve(t, server)
	client, opts := dialer(t)
	for range 5 {
		if _, err := client.Dial(t.Context(), url, opts); err != nil {
			t.Fatal(err)
		}
	}
	for addr, n := range count.list() {
		if n > 2 {
			t.Errorf("%d WebSockets from %s", n, addr)
		}
	}
}

// Refusals arrive as those of HTTP/1.1 do.
func TestRefused(t *testing.T) {
	server := echoServer(nil)
	server.WebSocket.Accept.Check = func(r *http.Request, _ http.Header) (context.Context, error) {
		return nil, &ws.RejectError{Status: http.StatusForbidden, Body: []byte("not you, " + r.URL.Query().Get("room"))}
	}
	url := serve(t, server)
	client, opts := dialer(t)
	_, err := client.Dial(t.Context(), url, opts)
	refused, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok || refused.Status != http.StatusForbidden || string(refused.Body) != "not you, 1" {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{strings.Replace(url, "wss:", "ws:", 1), "wss+unix:///run/x"} {
		if _, err := client.Dial(t.Context(), url, opts); err == nil || !strings.Contains(err.Error(), "only wss URLs") {
			t.Errorf("%s: got %v", url, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	silent, err := new(net.ListenConfig).ListenPacket(ctx, "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := client.Dial(ctx, "wss://"+silent.LocalAddr().String(), opts); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody answers: got %v", err)
	}
	if n := client.Hosts(); n != 1 { // the one that refused, whose connection is open
		t.Errorf("got %d servers that the client remembers, want 1", n)
	}
}

// Requests that open no WebSocket get what RFC 8441 and RFC 9220 say.
func TestRequests(t *testing.T) {
	server := echoServer(nil)
	server.WebSocket.Accept.Intercept = func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			_, _ = io.WriteString(w, "fine")
		}
	}
	url := strings.TrimSuffix(strings.Replace(serve(t, server), "wss:", "https:", 1), "/chat?room=1")
	_, conf := pair()
	conf = conf.Clone()
	conf.NextProtos = []string{http3.NextProtoH3}
	qc, err := quic.DialAddr(t.Context(), strings.TrimPrefix(url, "https://"), conf, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer qc.CloseWithError(quic.ApplicationErrorCode(http3.ErrCodeNoError), "")
	hc := new(http3.Transport).NewClientConn(qc)
	for _, test := range []struct {
		method, proto, path, version string
		want                         int
	}{
		{http.MethodGet, "", "/health", "", 200},
		{http.MethodGet, "", "/", "", 405},
		{http.MethodConnect, "x-unknown", "/", "13", 501},
		{http.MethodConnect, "websocket", "/", "8", 400},
		{http.MethodConnect, "websocket", "/", "", 400},
		{http.MethodConnect, "websocket", "/", "13", 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), test.method, url+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if test.proto != "" {
			r.Proto = test.proto
		}
		if test.version != "" {
			r.Header.Set("Sec-WebSocket-Version", test.version)
		}
		st, err := hc.OpenRequestStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := st.SendRequestHeader(r); err != nil {
			t.Fatal(err)
		}
		resp, err := st.ReadResponse()
		if err != nil {
			t.Fatalf("%s %s: %v", test.method, test.proto, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != test.want {
			t.Errorf("%s %s version %s: status %d, want %d", test.method, test.proto, test.version, resp.StatusCode, test.want)
		}
		_ = st.Close()
	}
}

// Shutdown says 1001 to all, and ends Serve.
func TestShutdown(t *testing.T) {
	server := echoServer(nil)
	url := serve(t, server)
	client, opts := dialer(t)
	c, err := client.Dial(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, _, err := c.Read(t.Context())
		read <- err
	}()
	if err := server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-read; ws.CloseStatus(err) != ws.StatusGoingAway {
		t.Errorf("the client saw %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := client.Dial(ctx, url, opts); err == nil {
		t.Error("dialed a server that has shut down")
	}
}

// The handler of an http3.Server that is not ours has a Conn too, as over HTTP/2.
func TestBareServer(t *testing.T) {
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	conf, _ := pair()
	handler := echoServer(nil).WebSocket
	server := &http3.Server{Handler: handler, TLSConfig: http3.ConfigureTLSConfig(conf)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(pc) }()
	client, opts := dialer(t)
	c, err := client.Dial(t.Context(), "wss://"+pc.LocalAddr().String(), opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := echo(t.Context(), c, make([]byte, 100_000)); err != nil {
		t.Error(err)
	}
	if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	<-served
}

// Package ws does without QUIC: who does not import h3 does not pay for it.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "github.com/wsconform/wsconform/ws").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	if strings.Contains(string(out), "quic-go") || !strings.Contains(string(out), "golang.org/x/net/http2") {
		t.Errorf("package ws imports\n%s", out)
	}
}
