package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// A script is what a proxy reads and answers, byte by byte.
type script []struct{ reads, answers string }

// throughScript dials through a proxy that keeps to a script and then hands the
// tunnel to an echo server, or reads on if it refuses.
func throughScript(t *testing.T, proxyURL, target string, s script, refuses bool) (*ws.Conn, error) {
	t.Helper()
	proxy, err := ws.ProxyURL(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer far.Close()
		for i, turn := range s {
			got := make([]byte, len(turn.reads))
			if _, err := io.ReadFull(far, got); err != nil || string(got) != turn.reads {
				t.Errorf("proxy: got %q, %v, want %q", got, err, turn.reads)
				return
			}
			if refuses && i == len(s)-1 {
				go func() { _, _ = io.Copy(io.Discard, far) }()
			}
			if _, err := io.WriteString(far, turn.answers); err != nil {
				return
			}
		}
		if refuses {
			return
		}
		if c, err := ws.AcceptNet(context.Background(), far, nil); err == nil {
			_ = ws.Echo(context.Background(), c)
		}
	}()
	c, err := ws.Dial(within(t, 5*time.Second), target, &ws.DialOptions{
		Proxy:   proxy,
		NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
	})
	t.Cleanup(func() {
		near.Close()
		<-ended
	})
	return c, err
}

const connectRequest = "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n"

func TestProxies(t *testing.T) {
	for _, row := range []struct {
		name, proxy, target string
		script              script
	}{
		{"CONNECT", "http://proxy", "ws://example.com/", script{{connectRequest, "HTTP/1.1 200 OK\r\n\r\n"}}},
		{"CONNECT, HTTP/1.0", "http://proxy:8080", "ws://example.com/", script{{connectRequest, "HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n"}}},
		{"CONNECT, Basic", "http://me:se%20cret@proxy", "ws://[::1]:81/", script{{
			"CONNECT [::1]:81 HTTP/1.1\r\nHost: [::1]:81\r\nProxy-Authorization: Basic bWU6c2UgY3JldA==\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
		}}},
		{"SOCKS4", "socks4://proxy", "ws://127.0.0.1:81", script{{"\x04\x01\x00\x51\x7f\x00\x00\x01\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"}}},
		{"SOCKS4, user", "socks4://me@proxy", "ws://127.0.0.1", script{{"\x04\x01\x00\x50\x7f\x00\x00\x01me\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"}}},
		{"SOCKS4 looks up", "socks4://proxy", "ws://localhost:80", script{{"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"}}},
		{"SOCKS4a", "socks4a://me@proxy", "ws://example.com", script{{"\x04\x01\x00\x50\x00\x00\x00\x01me\x00example.com\x00", "\x00\x5a\x00\x00\x00\x00\x00\x00"}}},
		{"SOCKS5", "socks5://proxy", "ws://127.0.0.1:80", script{
			{"\x05\x01\x00", "\x05\x00"},
			{"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
		}},
		{"SOCKS5 looks up", "socks5://proxy", "ws://localhost:80", script{
			{"\x05\x01\x00", "\x05\x00"},
			{"\x05\x01\x00\x01\x7f\x00\x00\x01\x00\x50", "\x05\x00\x00\x04" + strings.Repeat("\x00", 18)},
		}},
		{"SOCKS5h", "socks5h://proxy", "ws://example.com", script{
			{"\x05\x01\x00", "\x05\x00"},
			{"\x05\x01\x00\x03\x0bexample.com\x00\x50", "\x05\x00\x00\x03\x01x\x00\x00"},
		}},
		{"SOCKS5h, password", "socks5h://me:secret@proxy", "ws://example.com", script{
			{"\x05\x02\x00\x02", "\x05\x02"},
			{"\x01\x02me\x06secret", "\x01\x00"},
			{"\x05\x01\x00\x03\x0bexample.com\x00\x50", "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := throughScript(t, row.proxy, row.target, row.script, false)
			says(t, c, err)
		})
	}
}

func TestProxiesRefuse(t *testing.T) {
	hello := script{{"\x05\x01\x00", "\x05\x00"}}
	for _, row := range []struct {
		name, proxy, target string
		script              script
		status              int
		want                string
	}{
		{
			"CONNECT", "http://me:secret@proxy", "ws://example.com",
			script{{"CONNECT", "HTTP/1.1 407 No\r\nContent-Length: 4\r\n\r\nwhy?"}},
			407,
			"proxy http://proxy: refused (HTTP status 407 Proxy Authentication Required)",
		},
		{"CONNECT, malformed", "http://proxy", "ws://example.com", script{{connectRequest, "SSH-2.0-OpenSSH\r\n\r\n"}}, 0, "malformed status line"},
		{"CONNECT, endless", "http://proxy", "ws://example.com", script{{connectRequest, "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 17<<10)}}, 0, "exceeds 16384 bytes"},
		{"CONNECT, more", "http://proxy", "ws://example.com", script{{connectRequest, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101"}}, 200, "sent bytes after its response"},
		{"CONNECT, gone", "http://proxy", "ws://example.com", script{{connectRequest, "HTTP/1.1 2"}}, 0, "did not answer: unexpected EOF"},
		{"SOCKS4, 91", "socks4://proxy", "ws://127.0.0.1", script{{"\x04\x01", "\x00\x5b\x00\x00\x00\x00\x00\x00"}}, 91, "request rejected or failed (91)"},
		{"SOCKS4, 99", "socks4://proxy", "ws://127.0.0.1", script{{"\x04\x01", "\x00\x63\x00\x00\x00\x00\x00\x00"}}, 99, "unknown SOCKS4 reply (99)"},
		{"SOCKS4, IPv6", "socks4a://proxy", "ws://[::1]", nil, 0, "SOCKS4 has no IPv6"},
		{"SOCKS4, HTTP", "socks4://proxy", "ws://127.0.0.1", script{{"\x04\x01", "HTTP/1.1 400"}}, 0, "version 72"},
		{"SOCKS5, methods", "socks5://proxy", "ws://127.0.0.1", script{{"\x05\x01\x00", "\x05\xff"}}, 0, "refused: no acceptable authentication methods"},
		{
			"SOCKS5, password", "socks5://me:no@proxy", "ws://127.0.0.1",
			script{{"\x05\x02\x00\x02", "\x05\x02"}, {"\x01\x02me\x02no", "\x01\x01"}},
			0,
			"refused: username/password authentication failed",
		},
		{"SOCKS5, ruleset", "socks5://proxy", "ws://127.0.0.1", append(hello[:1:1], script{{"\x05\x01", "\x05\x02\x00\x01"}}...), 0, "refused: connection not allowed by ruleset"},
		{"SOCKS5, name", "socks5h://proxy", "ws://" + strings.Repeat("a", 256), hello, 0, "refused: FQDN too long"},
		{"password for SOCKS4", "", "", nil, 0, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.proxy == "" {
				if _, err := ws.ProxyURL("socks4://a:b@host"); err == nil {
					t.Error("no error")
				}
				return
			}
			_, err := throughScript(t, row.proxy, row.target, row.script, true)
			pe, ok := errors.AsType[*ws.HandshakeError](err)
			if !ok || pe.Status != row.status || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want %q with status %d", err, row.want, row.status)
			}
			if row.status == 407 && string(pe.Body) != "why?" {
				t.Errorf("got body %q", pe.Body)
			}
		})
	}
}

func TestProxyNotReached(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	l.Close()
	proxy, _ := ws.ProxyURL("socks5://" + l.Addr().String())
	_, err := ws.Dial(t.Context(), "ws://127.0.0.1:9", &ws.DialOptions{Proxy: proxy})
	pe, ok := errors.AsType[*ws.HandshakeError](err)
	if !ok || pe.Proxy != "socks5://"+l.Addr().String() || pe.URL != "ws://127.0.0.1:9" || !strings.Contains(err.Error(), "could not be reached: dial tcp") {
		t.Errorf("got %v", err)
	}
}

func TestProxySilent(t *testing.T) {
	for _, scheme := range []string{"http", "https", "socks4", "socks5"} {
		proxy, _ := ws.ProxyURL(scheme + "://" + silent(t).Addr().String())
		_, err := ws.Dial(t.Context(), "ws://127.0.0.1:9", &ws.DialOptions{Proxy: proxy, Options: ws.Options{HandshakeTimeout: 20 * time.Millisecond}})
		_, isProxy := errors.AsType[*ws.HandshakeError](err)
		isTimeout := timedOut(err, "handshake")
		if !isProxy || !isTimeout {
			t.Errorf("%s: got %v, want a timeout of the proxy", scheme, err)
		}
	}
}

func TestProxyURLs(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"ftp://host", `scheme "ftp"`},
		{"proxy:8080", `scheme "proxy"`},
		{"http://", "without a host"},
		{"http://host/path", "more than a host"},
		{"http://host?x", "more than a host"},
		{"http://me:secret@ho st", "malformed URL"},
		{"socks4://me:secret@host", "no password"},
	} {
		_, err := ws.ProxyURL(row.url)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", row.url, err, row.want)
		}
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	names := []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"}
	for _, row := range []struct {
		name string
		env  map[string]string
		url  string
		want string // empty: none
		err  bool
	}{
		{name: "none", url: "ws://example.com"},
		{name: "ws", env: map[string]string{"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "http://q:1"}, url: "ws://example.com", want: "http://p:1"},
		{name: "wss", env: map[string]string{"HTTP_PROXY": "http://p:1", "HTTPS_PROXY": "socks5h://q:1"}, url: "wss://example.com", want: "socks5h://q:1"},
		{name: "lower case", env: map[string]string{"https_proxy": "http://p:1"}, url: "wss://example.com", want: "http://p:1"},
		{name: "all", env: map[string]string{"ALL_PROXY": "socks4a://p:1"}, url: "wss://example.com", want: "socks4a://p:1"},
		{name: "own first", env: map[string]string{"ALL_PROXY": "socks4a://p:1", "HTTP_PROXY": "q:1"}, url: "ws://example.com", want: "http://q:1"},
		{name: "excepted", env: map[string]string{"ALL_PROXY": "http://p:1", "NO_PROXY": "a.example, example.com:80"}, url: "ws://www.example.com"},
		{name: "excepted port", env: map[string]string{"ALL_PROXY": "http://p:1", "NO_PROXY": "example.com:80"}, url: "ws://example.com:81", want: "http://p:1"},
		{name: "excepted range", env: map[string]string{"ALL_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, url: "wss://10.1.2.3:444"},
		{name: "all excepted", env: map[string]string{"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, url: "wss://example.com"},
		{name: "loopback", env: map[string]string{"ALL_PROXY": "http://p:1"}, url: "ws://127.0.0.1:9001"},
		{name: "malformed", env: map[string]string{"HTTPS_PROXY": "http://[::1"}, url: "wss://example.com", err: true},
		{name: "CGI", env: map[string]string{"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, url: "ws://example.com"},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, name := range names {
				t.Setenv(name, "")
				t.Setenv(strings.ToLower(name), "")
			}
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			u, _ := url.Parse("http" + strings.TrimPrefix(row.url, "ws")) // as Dial has it
			got, err := ws.ProxyFromEnvironment(&http.Request{URL: u})
			if (err != nil) != row.err {
				t.Fatalf("got error %v", err)
			}
			s := ""
			if got != nil {
				s = got.String()
			}
			if s != row.want {
				t.Errorf("got %q, want %q", s, row.want)
			}
		})
	}
}

// Whatever a proxy answers, the client returns, with an error of its own type.
func FuzzProxyReply(f *testing.F) {
	f.Add("http", []byte("HTTP/1.1 200 OK\r\n\r\n"))
	f.Add("http", []byte("HTTP/1.1 407 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add("socks4a", []byte("\x00\x5a\x00\x00\x00\x00\x00\x00"))
	f.Add("socks5h", []byte("\x05\x00\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"))
	f.Add("socks5h", []byte("\x05\x00\x05\x00\x00\x03\xffx"))
	f.Fuzz(func(t *testing.T, scheme string, reply []byte) {
		proxy, err := ws.ProxyURL(scheme + "://me@proxy:1")
		if err != nil {
			return
		}
		c, err := ws.Dial(context.Background(), "ws://example.com", &ws.DialOptions{
			Proxy: proxy, Options: fuzzOptions,
			NetDial: func(context.Context, string, string) (net.Conn, error) {
				return &stubConn{in: bytes.NewReader(reply)}, nil
			},
		})
		if err == nil {
			c.CloseNow()
			t.Fatal("a handshake out of nothing")
		}
	})
}

func FuzzDialURL(f *testing.F) {
	for _, s := range []string{"ws://host", "wss://me:pw@[::1%25eth0]:1/a?b", "ws+unix:///a%3Ab:/c?d", "ws://bücher.example", "ws://host:0", "ws+unix:", "ws://host/?( \xf3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		nc := &stubConn{in: strings.NewReader("")}
		_, err := ws.Dial(context.Background(), s, &ws.DialOptions{
			Options: fuzzOptions, Proxy: http.ProxyURL(nil),
			NetDial: func(_ context.Context, network, addr string) (net.Conn, error) {
				if network == "unix" {
					if !strings.HasPrefix(addr, "/") || strings.ContainsRune(addr, 0) {
						t.Errorf("%q: socket %q", s, addr)
					}
				} else if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
					t.Errorf("%q: address %q", s, addr)
				}
				if strings.HasPrefix(strings.ToLower(s), "wss") {
					return nil, io.EOF // rather than make keys for TLS
				}
				return nc, nil
			},
		})
		if sent := nc.out.Bytes(); len(sent) > 0 {
			if r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent))); err != nil || r.Method != http.MethodGet {
				t.Errorf("%q: malformed request %q: %v", s, sent, err)
			}
		}
		if err == nil {
			t.Errorf("%q: no error", s)
		}
	})
}

// SOCKS4 has no room for an IPv6 address, so the proxy is not even asked.
func TestSOCKS4HasNoIPv6(t *testing.T) {
	proxy := &url.URL{Scheme: "socks4", Host: "127.0.0.1:1"}
	_, err := ws.Dial(t.Context(), "ws://[::1]:9/", &ws.DialOptions{Proxy: http.ProxyURL(proxy)})
	if err == nil || !strings.Contains(err.Error(), "look up its target") {
		t.Errorf("got the error %v, want that of the address", err)
	}
}
