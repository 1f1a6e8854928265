//go:build unix

package integration

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// An http2Site is a server of ours with TLS and HTTP/2, and what it has seen.
type http2Site struct {
	addr, cert string

	mu     sync.Mutex
	protos []string // of each handshake
}

func serveHTTP2(t *testing.T, s *ws.Server) *http2Site {
	t.Helper()
	cert, _ := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, cert)
	if err != nil {
		t.Fatal(err)
	}
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	site := &http2Site{addr: inner.Addr().String(), cert: cert}
	handler := s.Handler
	s.Handler = func(ctx context.Context, c *ws.Conn) error {
		site.mu.Lock()
		site.protos = append(site.protos, c.Handshake().Request.Proto)
		site.mu.Unlock()
		return handler(ctx, c)
	}
	served := make(chan error, 1)
	l := tls.NewListener(inner, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}})
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		_ = s.Close()
		<-served
	})
	return site
}

// onlyHTTP2 checks that n WebSockets came, each as a stream of HTTP/2.
func (s *http2Site) onlyHTTP2(t *testing.T, n int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.protos) != n || slices.ContainsFunc(s.protos, func(p string) bool { return p != "HTTP/2.0" }) {
		t.Errorf("WebSockets came over %q, want %d over HTTP/2.0", s.protos, n)
	}
}

// rows answers what the page of [browse] tries, on one server.
func rows(ctx context.Context, c *ws.Conn) error {
	switch c.Handshake().Request.URL.Path {
	case "/bye":
		return c.Close(ws.StatusGoingAway, "later")
	case "/cookie":
		return c.WriteText(ctx, c.Handshake().Request.Header.Get("Cookie"))
	case "/pieces":
		if err := c.WriteFragments(ctx, ws.MessageText, []byte("grüße in pieces"), 3); err != nil {
			return err
		}
		return c.Close(4002, "later")
	}
	_ = ws.Echo(ctx, c) // how it ended is for the page to say
	return nil
}

// Chromium opens WebSockets as streams of the connection that has brought the page.
func TestHTTP2Chromium(t *testing.T) {
	path := find(t, "chromium", "chromium")
	result := make(chan string, 1)
	page := strings.NewReplacer(
		`"ws://"`, `"wss://"`, // a GET, as Intercept has no bodies
		`await fetch("/result", {method: "POST", body: results.join("\n")});`, `await fetch("/result?" + encodeURIComponent(results.join("\n")));`,
	).Replace(page)
	site := serveHTTP2(t, &ws.Server{Handler: rows, Accept: ws.AcceptOptions{
		Subprotocols: []string{"chat"}, Options: ws.Options{Deflate: &ws.Deflate{}},
		Check: func(r *http.Request, _ http.Header) (context.Context, error) {
			switch r.URL.Path {
			case "/refuse":
				return nil, &ws.RejectError{Status: http.StatusUnauthorized}
			case "/elsewhere":
				return nil, &ws.RejectError{Status: http.StatusForbidden}
			}
			return r.Context(), nil
		},
		Intercept: func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/":
				http.SetCookie(w, &http.Cookie{Name: "id", Value: "7"})
				w.Header().Set("Content-Type", "text/html")
				_, _ = io.WriteString(w, page)
			case "/result":
				text, _ := url.QueryUnescape(r.URL.RawQuery)
				select {
				case result <- text:
				default:
				}
				w.WriteHeader(http.StatusNoContent)
			case "/favicon.ico":
				http.NotFound(w, r)
			}
		},
	}})
	got := report(t, chromium(t, path, "--ignore-certificate-errors"), "https://"+site.addr+"/", result)
	want := []string{
		"plain: open  deflate, " + all,
		"subprotocol: open chat deflate, " + all,
		"no subprotocol in common: close 1006  unclean",
		"refused: close 1006  unclean",
		"server closes: open  deflate, close 1001 later",
		"not at this origin: close 1006  unclean",
		"cookie: open  deflate, text id=7, close 1000 ",
		"fragments: open  deflate, text grüße in pieces, close 4002 later",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	site.onlyHTTP2(t, 6) // those that were not refused
}

// undici 7 asks for WebSockets over HTTP/2 if its Agent is told to, and refuses every
// answer that keeps RFC 8441 section 5: it demands the Sec-WebSocket-Accept of HTTP/1.1. It
// is here so that we hear when that changes.
func TestHTTP2Undici(t *testing.T) {
	node, modules := node(t), modules(t, "undici")
	keys := make(chan string, 2)
	site := serveHTTP2(t, &ws.Server{Accept: ws.AcceptOptions{Subprotocols: []string{"chat"}}, Handler: func(ctx context.Context, c *ws.Conn) error {
		keys <- c.Handshake().Request.Header.Get("Sec-WebSocket-Key")
		return c.Discard(ctx)
	}})
	for _, row := range []struct{ http2, want string }{
		{"no", "open chat, close 4001\n"},
		{"yes", "error, close 1006\n"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, node, "testdata/http2/undici.mjs", modules, "wss://"+site.addr, site.cert, row.http2).Output()
		if err != nil || string(out) != row.want {
			t.Errorf("HTTP/2: %s: %v, got %q, want %q", row.http2, err, out, row.want)
		}
		if key := <-keys; key == "" {
			t.Error("no Sec-WebSocket-Key, which the answer would need")
		}
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	if want := []string{"HTTP/1.1", "HTTP/2.0"}; !slices.Equal(site.protos, want) {
		t.Errorf("came over %q, want %q", site.protos, want)
	}
}
