package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

const sampleKey = "dGhlIHNhbXBsZSBub25jZQ=="

func TestAcceptKey(t *testing.T) {
	if got, want := wsproto.AcceptKey(sampleKey), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// serverAnswer is what AcceptNet says to these bytes.
func serverAnswer(t testing.TB, req string, opts *ws.AcceptOptions) (answer string, err error) {
	t.Helper()
	near, far := net.Pipe()
	go func() {
		_, _ = io.WriteString(far, req)
		_ = far.SetWriteDeadline(time.Unix(1, 0))
	}()
	done := make(chan error, 1)
	go func() {
		c, err := ws.AcceptNet(context.Background(), near, opts)
		if err == nil {
			c.CloseNow()
		}
		done <- err
	}()
	b, _ := io.ReadAll(far)
	return string(b), <-done
}

func request(lines ...string) string {
	req := []string{
		"GET /chat HTTP/1.1", "Host: example.com", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + sampleKey,
	}
	for _, l := range lines {
		if name, drop := strings.CutPrefix(l, "-"); drop {
			kept := req[:0]
			for _, have := range req {
				if !strings.HasPrefix(have, name) {
					kept = append(kept, have)
				}
			}
			req = kept
			continue
		}
		if strings.HasPrefix(l, "GET ") || strings.HasPrefix(l, "POST ") {
			req[0] = l
			continue
		}
		req = append(req, l)
	}
	return strings.Join(req, "\r\n") + "\r\n\r\n"
}

func TestServerHandshake(t *testing.T) {
	tests := []struct {
		name string
		req  string
		want string // parts of the answer, joined by |
	}{
		{"plain", request(), "HTTP/1.1 101 |Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"},
		{"token lists", request("-Upgrade", "-Connection", "Upgrade: h2c, WebSocket", "Connection: keep-alive,  UPGRADE"), " 101 "},
		{"POST", request("POST / HTTP/1.1"), " 405 |Allow: GET"},
		{"HTTP/1.0", request("GET / HTTP/1.0"), " 505 "},
		{"an empty line first", "\r\n" + request(), " 101 "},
		{"no proto", request("GET /"), " 400 "},
		{"fragment", request("GET /#x HTTP/1.1"), " 400 "},
		{"no host", request("-Host"), " 400 "},
		{"two hosts", request("Host: b"), " 400 "},
		{"target *", request("GET * HTTP/1.1"), " 400 |request target"},
		{"target of the authority form", request("GET example.com:80 HTTP/1.1"), " 400 "},
		{"target of the absolute form", request("GET http://example.com/chat HTTP/1.1"), " 101 "},
		{"target of another scheme", request("GET ftp://example.com/chat HTTP/1.1"), " 400 "},
		{"target without a slash", request("GET chat HTTP/1.1"), " 400 "},
		{"target that is not ASCII", request("GET /ch\xc3\xa4t HTTP/1.1"), " 400 |request target"},
		{"target that browsers do not escape", request("GET /chat?a=|{}^ HTTP/1.1"), " 101 "},
		{"host with a blank", request("-Host", "Host: a b/../@x"), " 400 |Host header"},
		{"host with a path", request("-Host", "Host: a/b"), " 400 |Host header"},
		{"host with a user", request("-Host", "Host: a@b"), " 400 "},
		{"host that is not ASCII", request("-Host", "Host: b\xc3\xbccher.example"), " 400 "},
		{"host with a bad port", request("-Host", "Host: a:b"), " 400 "},
		{"host with a port beyond TCP's", request("-Host", "Host: a:99999"), " 400 |Host header"},
		{"host with the highest port", request("-Host", "Host: a:65535"), " 101 "},
		{"host with an empty port", request("-Host", "Host: a:"), " 101 "},
		{"host IPv6 with a port beyond TCP's", request("-Host", "Host: [::1]:65536"), " 400 "},
		{"host IPv6 without a port", request("-Host", "Host: [::1]"), " 101 "},
		{"host IPv6", request("-Host", "Host: [::1]:80"), " 101 "},
		{"host with an escape", request("-Host", "Host: a%20b"), " 101 "},
		{"no upgrade", request("-Upgrade"), " 426 |Upgrade: websocket"},
		{"other upgrade", request("-Upgrade", "Upgrade: h2c"), " 400 "},
		{"no connection", request("-Connection"), " 400 "},
		{"no version", request("-Sec-WebSocket-Version"), " 400 |Sec-WebSocket-Version: 13"},
		{"version 8", request("-Sec-WebSocket-Version", "Sec-WebSocket-Version: 8"), " 426 |Sec-WebSocket-Version: 13"},
		{"version 013", request("-Sec-WebSocket-Version", "Sec-WebSocket-Version: 013"), " 426 "},
		{"no key", request("-Sec-WebSocket-Key"), " 400 "},
		{"two keys", request("Sec-WebSocket-Key: " + sampleKey), " 400 "},
		{"short key", request("-Sec-WebSocket-Key", "Sec-WebSocket-Key: c2hvcnQ="), " 400 "},
		{"key with loose bits", request("-Sec-WebSocket-Key", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR=="), " 400 "},
		{"folded line", request("X: a\r\n b"), " 400 "},
		{"space before colon", request("X : a"), " 400 "},
		{"control character", request("X: a\x01"), " 400 "},
		{"bare LF", request("X: a\nY: b"), " 400 "},
		{"huge", request("X: " + strings.Repeat("x", 20_000)), " 431 "},
		{"body", request("Content-Length: 5"), " 400 "},
		{"own origin", request("Origin: https://example.com"), " 101 "},
		{"foreign origin", request("Origin: https://evil.test"), " 403 "},
		{"subprotocol", request("Sec-WebSocket-Protocol: a, b", "Sec-WebSocket-Protocol: c"), " 101 |Sec-WebSocket-Protocol: a\r\n"},
		{"subprotocol unknown", request("Sec-WebSocket-Protocol: x"), " 101 "},
		{"subprotocol twice", request("Sec-WebSocket-Protocol: a, a"), " 400 "},
		{"empty extensions", request("Sec-WebSocket-Extensions: "), " 101 "},
		{"bad extensions", request("Sec-WebSocket-Extensions: a b"), " 400 "},
		{"deflate", request("Sec-WebSocket-Extensions: x, permessage-deflate"), " 101 |Extensions: permessage-deflate\r\n"},
		{"deflate quoted", request(`Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits="9"`), "Extensions: permessage-deflate; server_max_window_bits=9\r\n"},
		{"second offer", request("Sec-WebSocket-Extensions: permessage-deflate; nonsense, permessage-deflate; server_no_context_takeover"), "Extensions: permessage-deflate; server_no_context_takeover\r\n"},
	}
	opts := &ws.AcceptOptions{Subprotocols: []string{"c", "a"}, Options: ws.Options{Deflate: &ws.Deflate{}}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := serverAnswer(t, tt.req, opts)
			for want := range strings.SplitSeq(tt.want, "|") {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if ok := strings.HasPrefix(got, "HTTP/1.1 101 "); ok != (err == nil) {
				t.Errorf("got error %v with %q", err, got)
			}
		})
	}
}

// A bare line feed is answered at once: the empty line may never come.
func TestBareLineFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, served := start(&ws.Server{})
		for _, req := range []string{"GET / HTTP/1.1\nHost: x\n\n", "\n", "GET / HTTP/1.1\r\nHost: x\r\nA: b\n"} {
			nc, _ := l.connect()
			go func() { _, _ = io.WriteString(nc, req) }()
			begin := time.Now()
			b := make([]byte, 1<<10)
			n, _ := nc.Read(b)
			if got := string(b[:n]); !strings.HasPrefix(got, "HTTP/1.1 400 ") || time.Since(begin) != 0 {
				t.Errorf("%q: got %q after %v, want status 400 at once", req, got, time.Since(begin))
			}
			nc.Close()
		}
		l.Close()
		<-served
		time.Sleep(2 * time.Second) // the bubble's clock: the connections linger
	})
}

func TestServerCheck(t *testing.T) {
	opts := &ws.AcceptOptions{Check: func(r *http.Request, _ http.Header) (context.Context, error) {
		if r.URL.Path == "/teapot" {
			return nil, &ws.RejectError{Status: 418, Body: []byte("short"), Header: http.Header{"X-Pot": {"1"}}}
		}
		return nil, errors.New("no")
	}}
	got, err := serverAnswer(t, request("GET /teapot HTTP/1.1"), opts)
	if !strings.HasPrefix(got, "HTTP/1.1 418 ") || !strings.Contains(got, "X-Pot: 1\r\n") || !strings.HasSuffix(got, "\r\n\r\nshort") {
		t.Errorf("got %q", got)
	}
	var re *ws.RejectError
	if !errors.As(err, &re) || re.Status != 418 {
		t.Errorf("got error %v, want status 418", err)
	}
	if got, _ := serverAnswer(t, request(), opts); !strings.HasPrefix(got, "HTTP/1.1 403 ") {
		t.Errorf("got %q, want 403", got)
	}
}

func TestClientHandshake(t *testing.T) {
	good := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n"
	tests := []struct {
		name, resp string
		want       string // part of the error; empty for none
	}{
		{"plain", good + "\r\n", ""},
		{"first frame at once", good + "\r\n\x81\x02hi", ""},
		{"any case", strings.ReplaceAll(good, "Upgrade", "uPGRADE") + "\r\n", ""},
		{"wrong accept", strings.Replace(good, "KEY", sampleKey, 1) + "\r\n", "Sec-WebSocket-Accept"},
		{"two accepts", good + "Sec-WebSocket-Accept: KEY\r\n\r\n", "Sec-WebSocket-Accept"},
		{"no upgrade", strings.Replace(good, "Upgrade: websocket", "X: y", 1) + "\r\n", "Upgrade"},
		{"no connection", strings.Replace(good, "Connection", "X", 1) + "\r\n", "Connection"},
		{"HTTP/1.0", strings.Replace(good, "1.1", "1.0", 1) + "\r\n", "HTTP/1.0"},
		{"404", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone, and more", "404"},
		{"nonsense", "hello\r\n\r\n", "malformed status line"},
		{"huge", good + "X: " + strings.Repeat("x", 20_000), "exceeds"},
		{"subprotocol", good + "Sec-WebSocket-Protocol: b\r\n\r\n", ""},
		{"foreign subprotocol", good + "Sec-WebSocket-Protocol: x\r\n\r\n", "subprotocol"},
		{"deflate", good + "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", ""},
		{"deflate larger than our limit", good + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=15\r\n\r\n", ""},
		{"deflate twice", good + "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate\r\n\r\n", "occurs twice"},
		{"unknown parameter", good + "Sec-WebSocket-Extensions: permessage-deflate; x\r\n\r\n", "unknown"},
		{"bare window", good + "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", "without a value"},
		{"other extension", good + "Sec-WebSocket-Extensions: foo\r\n\r\n", "foo"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := dialAnswer(t, tt.resp, &ws.DialOptions{
				Subprotocols: []string{"a", "b"}, Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 10}}},
			})
			if err == nil {
				defer c.CloseNow()
			}
			var he *ws.HandshakeError
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case tt.want != "" && (!errors.As(err, &he) || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got error %v, want %q", err, tt.want)
			}
			switch tt.name {
			case "404":
				if he == nil || he.Status != 404 || string(he.Body) != "gone" {
					t.Errorf("got %+v, want status 404 and body gone", he)
				}
			case "first frame at once":
				if _, p, err := c.Read(context.Background()); err != nil || string(p) != "hi" {
					t.Errorf("got %q, error %v; want hi", p, err)
				}
			case "deflate larger than our limit":
				if got := ws.WindowBits(c); got != 10 {
					t.Errorf("got window bits %d, want our own 10", got)
				}
			}
		})
	}
}

// dialAnswer dials a server that answers with these bytes. KEY stands for the
// right accept value.
func dialAnswer(t testing.TB, resp string, opts *ws.DialOptions) (*ws.Conn, error) {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { far.Close() })
	opts.NetDial = func(context.Context, string, string) (net.Conn, error) { return near, nil }
	go func() {
		peer := &rawPeer{Conn: far, t: t}
		key := headerOf(peer.head(), "Sec-WebSocket-Key")
		_, _ = io.WriteString(far, strings.ReplaceAll(resp, "KEY", wsproto.AcceptKey(key)))
		_ = far.Close()
	}()
	return ws.Dial(context.Background(), "ws://example.com/chat", opts)
}

func TestDialURL(t *testing.T) {
	for _, tt := range []struct{ url, addr, host string }{
		{"ws://example.com", "example.com:80", "example.com"},
		{"ws://example.com:81/x?y", "example.com:81", "example.com:81"},
		{"ws://[::1]:82/", "[::1]:82", "[::1]:82"},
		{"ws://[fe80::1%25eth0]/", "[fe80::1%eth0]:80", "[fe80::1]"},
		{"http://example.com", "", ""},
		{"ws://", "", ""},
		{"ws://h/#f", "", ""},
		{"://", "", ""},
	} {
		near, far := net.Pipe()
		var addr string
		host := make(chan string, 1)
		go func() {
			b := make([]byte, 4096)
			n, _ := far.Read(b)
			host <- headerOf(b[:n], "Host")
			far.Close()
		}()
		_, err := ws.Dial(context.Background(), tt.url, &ws.DialOptions{
			NetDial: func(_ context.Context, _, a string) (net.Conn, error) { addr = a; return near, nil },
		})
		near.Close()
		if err == nil || addr != tt.addr || <-host != tt.host {
			t.Errorf("%s: got address %q, error %v; want %q and host %q", tt.url, addr, err, tt.addr, tt.host)
		}
	}
}

func TestAcceptHTTP(t *testing.T) {
	done := make(chan error, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, nil)
		if err == nil {
			err = ws.Echo(r.Context(), c)
		}
		done <- err
	}))
	defer srv.Close()
	ctx := context.Background()
	c, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(ctx, ws.MessageText, []byte("hi")); err != nil {
		t.Error(err)
	}
	if _, p, err := c.Read(ctx); err != nil || string(p) != "hi" {
		t.Errorf("got %q, error %v; want hi", p, err)
	}
	if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	<-done
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("got status %d, want 426", resp.StatusCode)
	}
	<-done
}

func TestParseExtensions(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []wsproto.Extension
	}{
		{"a", []wsproto.Extension{{Name: "a"}}},
		{" a ; b ; c = d , e", []wsproto.Extension{{Name: "a", Params: []wsproto.Param{{Name: "b"}, {Name: "c", Value: "d"}}}, {Name: "e"}}},
		{`a;b="c\d"`, []wsproto.Extension{{Name: "a", Params: []wsproto.Param{{Name: "b", Value: "cd"}}}}},
		{"a,,b", []wsproto.Extension{{Name: "a"}, {Name: "b"}}},
		{"", nil},
		{",", nil},
		{";", nil},
		{"a;", nil},
		{"a;b=", nil},
		{`a;b=""`, nil},
		{`a;b="`, nil},
		{`a;b="c d"`, nil},
		{"a b", nil},
		{"a;b=c d", nil},
		{"a=b", nil},
		{"a\x00", nil},
	} {
		got, err := wsproto.ParseExtensions(tt.in)
		if (err == nil) != (tt.want != nil) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: got %v, error %v; want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestParseDeflate(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want wsproto.DeflateParams
		ok   bool
	}{
		{"", wsproto.DeflateParams{}, true},
		{"; client_max_window_bits", wsproto.DeflateParams{ClientMaxWindowBits: wsproto.AnyWindowBits}, true},
		{"; client_max_window_bits=8; server_max_window_bits=15", wsproto.DeflateParams{ClientMaxWindowBits: 8, ServerMaxWindowBits: 15}, true},
		{"; Server_No_Context_Takeover", wsproto.DeflateParams{ServerNoContextTakeover: true}, true},
		{"; server_max_window_bits", wsproto.DeflateParams{}, false},
		{"; server_max_window_bits=7", wsproto.DeflateParams{}, false},
		{"; server_max_window_bits=16", wsproto.DeflateParams{}, false},
		{"; server_max_window_bits=09", wsproto.DeflateParams{}, false},
		{"; client_max_window_bits=+9", wsproto.DeflateParams{}, false},
		{"; client_no_context_takeover=1", wsproto.DeflateParams{}, false},
		{"; client_no_context_takeover; client_no_context_takeover", wsproto.DeflateParams{}, false},
		{"; x", wsproto.DeflateParams{}, false},
	} {
		list, err := wsproto.ParseExtensions("permessage-deflate" + tt.in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wsproto.ParseDeflate(list[0])
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%q: got %+v, error %v; want %+v", tt.in, got, err, tt.want)
		}
		if err == nil {
			if again, err := wsproto.ParseDeflate(got.Extension()); again != got || err != nil {
				t.Errorf("%q: got %+v again, error %v; want %+v", tt.in, again, err, got)
			}
		}
	}
}

func FuzzParseExtensions(f *testing.F) {
	for _, s := range []string{"a", `a; b="c\d", e;f=g`, "permessage-deflate; client_max_window_bits=9", ",,", "a;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		list, err := wsproto.ParseExtensions(s)
		if err != nil {
			return
		}
		var parts []string
		for _, e := range list {
			parts = append(parts, e.String())
			if p, err := wsproto.ParseDeflate(e); err == nil {
				if again, err := wsproto.ParseDeflate(p.Extension()); again != p || err != nil {
					t.Fatalf("got %+v, error %v; want %+v", again, err, p)
				}
			}
		}
		if again, err := wsproto.ParseExtensions(strings.Join(parts, ", ")); err != nil || !reflect.DeepEqual(again, list) {
			t.Fatalf("got %v, error %v; want %v", again, err, list)
		}
	})
}

// A stubConn has all its input at once and takes any output.
type stubConn struct {
	net.Conn
	in  io.Reader
	out bytes.Buffer
}

func (s *stubConn) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *stubConn) Write(p []byte) (int, error)      { return s.out.Write(p) }
func (s *stubConn) Close() error                     { return nil }
func (s *stubConn) RemoteAddr() net.Addr             { return nil }
func (s *stubConn) SetDeadline(time.Time) error      { return nil }
func (s *stubConn) SetReadDeadline(time.Time) error  { return nil }
func (s *stubConn) SetWriteDeadline(time.Time) error { return nil }

// fuzzOptions leave no timer behind: those of all earlier inputs would run in the end.
var fuzzOptions = ws.Options{Deflate: &ws.Deflate{}, PingInterval: -1, HandshakeTimeout: -1}

func FuzzServerHandshake(f *testing.F) {
	f.Add([]byte(request()))
	f.Add([]byte(request("Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9", "Origin: http://example.com")))
	f.Add([]byte(request("Sec-WebSocket-Protocol: a, b") + "\x81\x85"))
	f.Fuzz(func(t *testing.T, p []byte) {
		nc := &stubConn{in: bytes.NewReader(p)}
		c, err := ws.AcceptNet(context.Background(), nc, &ws.AcceptOptions{Options: fuzzOptions, Subprotocols: []string{"a"}})
		if c != nil {
			defer c.CloseNow()
		}
		if ok := bytes.HasPrefix(nc.out.Bytes(), []byte("HTTP/1.1 101 ")); ok != (err == nil) || ok != (c != nil) {
			t.Fatalf("got error %v with %q", err, nc.out.Bytes())
		}
	})
}

func FuzzClientHandshake(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\n\r\n\x81\x00"))
	f.Add([]byte("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, p []byte) {
		nc := &stubConn{}
		nc.in = readerFunc(func(b []byte) (int, error) { // once the key is known
			if p != nil {
				accept := wsproto.AcceptKey(headerOf(nc.out.Bytes(), "Sec-WebSocket-Key"))
				nc.in = bytes.NewReader(bytes.ReplaceAll(p, []byte("KEY"), []byte(accept)))
			}
			return nc.in.Read(b)
		})
		if p == nil {
			nc.in = bytes.NewReader(nil)
		}
		c, err := ws.Dial(context.Background(), "ws://example.com/", &ws.DialOptions{
			Options: fuzzOptions,
			NetDial: func(context.Context, string, string) (net.Conn, error) { return nc, nil },
		})
		if (c == nil) != (err != nil) {
			t.Fatalf("got %v and error %v", c, err)
		}
		if c != nil {
			c.CloseNow()
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func FuzzReadMessage(f *testing.F) {
	peer := &rawPeer{}
	masked := func(fr wsproto.Frame) []byte { return peer.frame(fr) }
	z := ws.Compress([]byte("hello hello hello"))
	zf := wsproto.Frame{Header: wsproto.Header{Fin: true, RSV: 4, Opcode: 1}, Payload: z[:len(z)-4]}
	f.Add(masked(text("hello")), true)
	f.Add(append(masked(zf), masked(zf)...), true)
	f.Add(append(wsproto.AppendFrame(nil, frame(wsproto.OpText, false, "a")), wsproto.AppendFrame(nil, frame(wsproto.OpContinuation, true, "b"))...), false)
	f.Add(append(wsproto.AppendFrame(nil, frame(wsproto.OpPing, true, "a")), wsproto.AppendFrame(nil, closing(1000, "bye"))...), false)
	f.Add(wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: 2, Length: 1 << 40}}), false)
	f.Fuzz(func(t *testing.T, p []byte, server bool) {
		nc := &stubConn{}
		var c *ws.Conn
		var err error
		const limit = 1 << 16
		if server {
			req := request("Sec-WebSocket-Extensions: permessage-deflate")
			nc.in = io.MultiReader(strings.NewReader(req), bytes.NewReader(p))
			c, err = ws.AcceptNet(context.Background(), nc, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}, ReadLimit: limit}})
		} else {
			nc.in = readerFunc(func(b []byte) (int, error) {
				accept := wsproto.AcceptKey(headerOf(nc.out.Bytes(), "Sec-WebSocket-Key"))
				nc.in = io.MultiReader(strings.NewReader("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"+
					"Connection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: "+accept+"\r\n\r\n"), bytes.NewReader(p))
				return nc.in.Read(b)
			})
			c, err = ws.Dial(context.Background(), "ws://example.com/", &ws.DialOptions{
				Options: ws.Options{
					Deflate:   &ws.Deflate{},
					ReadLimit: limit,
				},
				NetDial: func(context.Context, string, string) (net.Conn, error) { return nc, nil },
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		for {
			_, m, err := c.Read(context.Background())
			if len(m) > limit || cap(m) > 8*limit {
				t.Fatalf("got %d bytes in %d, limit %d", len(m), cap(m), limit)
			}
			if err != nil {
				break
			}
		}
		select {
		case <-c.Done():
		default:
			t.Fatal("connection still open after an error")
		}
	})
}
