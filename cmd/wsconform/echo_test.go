package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A lockedBuffer takes what several goroutines write.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// startEcho runs the command until stop, which gives its exit code and what it
// printed on stderr.
func startEcho(t *testing.T, args ...string) (url string, stop func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	var stderr lockedBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"echo"}, args...), stdout, &stderr)
		_ = stdout.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if err != nil || !ok {
		cancel()
		t.Fatalf("got %q, %v, exit code %d; it printed %s", line, err, <-code, &stderr)
	}
	return url, func() (int, string) { cancel(); return <-code, stderr.String() }
}

// Each flag is seen on the wire.
func TestEchoOptions(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "echo.sock")
	tests := []struct {
		name   string
		flags  []string
		dial   ws.DialOptions
		user   string // in the URL
		status int    // zero: the handshake succeeds
		want   func(c *ws.Conn) bool
	}{
		{"nothing", nil, ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}, Header: http.Header{"Origin": {"https://else.test"}}}, "", 0, func(c *ws.Conn) bool {
			return c.Handshake().Header["Sec-Websocket-Extensions"] != nil && c.Subprotocol() == ""
		}},
		{"no deflate", []string{"--no-deflate"}, ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}, "", 0, func(c *ws.Conn) bool { return c.Handshake().Header["Sec-Websocket-Extensions"] == nil }},
		{"deflate", []string{"--deflate", "server_max_window_bits=10; client_no_context_takeover"}, ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 12}}}}, "", 0, func(c *ws.Conn) bool {
			got := c.Handshake().Header.Get("Sec-WebSocket-Extensions")
			return strings.Contains(got, "server_max_window_bits=10") && strings.Contains(got, "client_no_context_takeover")
		}},
		{"subprotocol", []string{"--subprotocol", "a", "--subprotocol", "b"}, ws.DialOptions{Subprotocols: []string{"c", "b"}}, "", 0, func(c *ws.Conn) bool { return c.Subprotocol() == "b" }},
		{"origin", []string{"--origin", "https://*.test"}, ws.DialOptions{Header: http.Header{"Origin": {"https://a.test"}}}, "", 0, nil},
		{"another origin", []string{"--origin", "https://*.test"}, ws.DialOptions{Header: http.Header{"Origin": {"https://a.example"}}}, "", 403, nil},
		{"own origin", []string{"--own-origin"}, ws.DialOptions{Header: http.Header{"Origin": {"https://a.test"}}}, "", 403, nil},
		{"no origin", []string{"--require-origin"}, ws.DialOptions{}, "", 403, nil},
		{"user", []string{"--user", "ada:love:lace", "--realm", "here"}, ws.DialOptions{}, "ada:love%3Alace@", 0, nil},
		{"another user", []string{"--user", "ada:lovelace"}, ws.DialOptions{}, "bob:lovelace@", 401, nil},
		{"headers", []string{"-H", "X-A: 1", "--header", "X-A:2", "--server-header", "test"}, ws.DialOptions{}, "", 0, func(c *ws.Conn) bool {
			h := c.Handshake().Header
			return strings.Join(h["X-A"], " ") == "1 2" && h.Get("Server") == "test"
		}},
		{"max head", []string{"--max-head", "300"}, ws.DialOptions{Header: http.Header{"X": {strings.Repeat("x", 300)}}}, "", 431, nil},
		{"max fields", []string{"--max-fields", "4"}, ws.DialOptions{Header: http.Header{"X": {"1"}}}, "", 431, nil},
		{"unix", []string{"--unix", socket}, ws.DialOptions{}, "", 0, func(c *ws.Conn) bool { return c.RemoteAddr().String() == socket }},
		{"limits that do not bind", []string{
			"--max-conns", "1", "--max-handshakes", "1", "--handshake-timeout", "5s", "--read-timeout", "5s", "--write-timeout", "5s",
			"--close-timeout", "5s", "--ping-interval", "1s", "--ping-timeout", "1s", "--max-message", "-1", "--deflate-threshold", "100", "-vvv",
		}, ws.DialOptions{}, "", 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			flags := tt.flags
			if tt.name != "unix" {
				flags = append([]string{"--addr", "127.0.0.1:0"}, flags...)
			}
			url, stop := startEcho(t, flags...)
			defer stop()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := ws.Dial(ctx, strings.Replace(url, "://", "://"+tt.user, 1), &tt.dial)
			if tt.status != 0 {
				var he *ws.HandshakeError
				if !errors.As(err, &he) || he.Status != tt.status {
					t.Errorf("got error %v, want status %d", err, tt.status)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if tt.want != nil && !tt.want(c) {
				t.Errorf("got handshake %+v", c.Handshake())
			}
			_ = c.Write(ctx, ws.MessageText, []byte("hello"))
			if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
				t.Errorf("got %q, error %v; want hello", p, err)
			}
		})
	}
}

// The end of the command is graceful, and what it tells depends on -v.
func TestEchoStop(t *testing.T) {
	for _, tt := range []struct {
		flag         string
		want, absent string
	}{
		{"--verbose=0", "", "connection"},
		{"-v", "connection opened", "frame"},
		{"-vv", "frame received", "payload"},
		{"-vvv", `payload="\"hello\""`, "nothing of the kind"},
	} {
		t.Run(tt.flag, func(t *testing.T) {
			url, stop := startEcho(t, "--addr", "127.0.0.1:0", tt.flag, "--max-message", "5", "--health", "/health")
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := ws.Dial(ctx, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Write(ctx, ws.MessageText, []byte("hello"))
			if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
				t.Errorf("got %q, error %v; want hello", p, err)
			}
			resp, err := http.Get("http" + strings.TrimPrefix(url, "ws") + "/health")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("got %v, error %v; want status 200", resp, err)
			} else {
				_ = resp.Body.Close()
			}
			type end struct {
				code   int
				stderr string
			}
			ended := make(chan end, 1)
			go func() { code, stderr := stop(); ended <- end{code, stderr} }()
			_, _, err = c.Read(ctx)
			var ce *ws.CloseError
			if !errors.As(err, &ce) || ce.Code != wsproto.StatusGoingAway {
				t.Errorf("got error %v, want a close with 1001", err)
			}
			e := <-ended
			if e.code != 0 {
				t.Errorf("got exit code %d", e.code)
			}
			if !strings.Contains(e.stderr, tt.want) || strings.Contains(e.stderr, tt.absent) {
				t.Errorf("got %q, want %q and not %q", e.stderr, tt.want, tt.absent)
			}
		})
	}
}
