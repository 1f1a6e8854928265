package ws_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws"
)

// TestHTTP2Speed compares echoes over HTTP/2 with those of a request body by
// golang.org/x/net, and with our own over HTTP/1.1: all in this process, round by round, so
// that the ratios hold on a busy machine, too. It is skipped without WSCONFORM_SPEED, the
// number of rounds.
func TestHTTP2Speed(t *testing.T) {
	var rounds int
	if _, err := fmt.Sscan(os.Getenv("WSCONFORM_SPEED"), &rounds); err != nil {
		t.Skip("measures: set WSCONFORM_SPEED to a number of rounds, such as 50")
	}
	t.Run("plain", func(t *testing.T) { compareHTTP2(t, rounds, nil) })
	t.Run("TLS", func(t *testing.T) { compareHTTP2(t, rounds, []string{"h2", "http/1.1"}) })
}

func compareHTTP2(t *testing.T, rounds int, protocols []string) {
	t.Helper()
	_, url, conf := serveHTTP2(t, new(ws.Server), protocols...)
	pool := &ws.HTTP2{Only: true}
	t.Cleanup(func() { pool.Close() })
	echoes := []struct {
		name string
		echo func(p []byte) error
	}{
		{"HTTP/2", webSocketEcho(t, url, &ws.DialOptions{TLS: conf, HTTP2: pool})},
		{"x/net", bodyEcho(t, protocols != nil)},
		{"HTTP/1.1", webSocketEcho(t, url, &ws.DialOptions{TLS: conf})},
	}
	for _, size := range []int{16 << 10, 64 << 10, 1 << 20} {
		p := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		times := make([][]float64, len(echoes))
		for range rounds {
			for i, e := range echoes {
				start := time.Now()
				for range max(1, (1<<20)/size) {
					if err := e.echo(p); err != nil {
						t.Fatalf("%s, %d bytes: %v", e.name, size, err)
					}
				}
				times[i] = append(times[i], float64(time.Since(start)))
			}
		}
		var line strings.Builder
		for i, e := range echoes {
			ratios := make([]float64, rounds)
			for j := range ratios {
				ratios[j] = times[0][j] / times[i][j]
			}
			mid := median(times[i])
			fmt.Fprintf(&line, "  %s %.0f MB/s, HTTP/2 takes %.2f x", e.name, 1e9*float64(max(size, 1<<20))/mid/1e6, median(ratios))
		}
		t.Logf("%7d bytes:%s", size, line.String())
	}
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}

func webSocketEcho(t *testing.T, url string, opts *ws.DialOptions) func(p []byte) error {
	t.Helper()
	ctx := context.Background()
	c, err := ws.Dial(ctx, url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	var got []byte
	return func(p []byte) error {
		written := make(chan error, 1)
		go func() { written <- c.Write(ctx, ws.MessageBinary, p) }()
		var err error
		if _, got, err = c.ReadAppend(ctx, got[:0]); err != nil {
			return err
		}
		if !bytes.Equal(got, p) {
			return fmt.Errorf("echo of %d bytes differs", len(got))
		}
		return <-written
	}
}

// bodyEcho echoes over a request body and its response, as bytes come.
func bodyEcho(t *testing.T, secure bool) func(p []byte) error {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var client *tls.Config
	if secure {
		h := httptest.NewTLSServer(nil)
		server := h.TLS.Clone()
		client = &tls.Config{RootCAs: h.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, ServerName: "example.com", NextProtos: []string{"h2"}}
		h.Close()
		server.NextProtos = client.NextProtos
		l = tls.NewListener(l, server)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buf, control := make([]byte, 64<<10), http.NewResponseController(w)
		_ = control.Flush()
		for {
			n, err := r.Body.Read(buf)
			_, _ = w.Write(buf[:n])
			_ = control.Flush()
			if err != nil {
				return
			}
		}
	})
	served := make(chan struct{})
	go func() {
		defer close(served)
		nc, err := l.Accept()
		if tc, ok := nc.(*tls.Conn); ok {
			err = tc.Handshake()
		}
		if err == nil {
			new(http2.Server).ServeConn(nc, &http2.ServeConnOpts{Handler: handler}) //nolint:staticcheck // what is compared
		}
	}()
	transport := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) { //nolint:staticcheck // what is compared
		if secure {
			return (&tls.Dialer{Config: client}).DialContext(ctx, network, addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	body, send := io.Pipe()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, map[bool]string{true: "https://", false: "http://"}[secure]+l.Addr().String(), body)
	if err != nil {
		t.Fatal(err)
	}
	w, err := transport.RoundTrip(r) //nolint:staticcheck // what is compared
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = send.Close()
		_ = w.Body.Close()
		transport.CloseIdleConnections() //nolint:staticcheck // what is compared
		_ = l.Close()
		<-served
	})
	got := make([]byte, 1<<20)
	return func(p []byte) error {
		written := make(chan error, 1)
		go func() {
			_, err := send.Write(p)
			written <- err
		}()
		if _, err := io.ReadFull(w.Body, got[:len(p)]); err != nil {
			return err
		}
		if !bytes.Equal(got[:len(p)], p) {
			return fmt.Errorf("echo of %d bytes differs", len(p))
		}
		return <-written
	}
}
