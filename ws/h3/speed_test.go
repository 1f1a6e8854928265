package h3_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// TestHTTP3Speed compares echoes over HTTP/3 with those over HTTP/2 and HTTP/1.1, with TLS: all
// in this process, round by round, so that the ratios hold on a busy machine, too. It is
// skipped without WSCONFORM_SPEED, the number of rounds.
func TestHTTP3Speed(t *testing.T) {
	var rounds int
	if _, err := fmt.Sscan(os.Getenv("WSCONFORM_SPEED"), &rounds); err != nil {
		t.Skip("measures: set WSCONFORM_SPEED to a number of rounds, such as 50")
	}
	server := &ws.Server{}
	overQUIC := serve(t, &h3.Server{WebSocket: server})
	serverTLS, clientTLS := pair()
	serverTLS = serverTLS.Clone()
	serverTLS.NextProtos = []string{"h2", "http/1.1"}
	tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(tls.NewListener(tcp, serverTLS)) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: got %v", err)
		}
	})
	overTCP := "wss://" + tcp.Addr().String() + "/"
	client, pool := &h3.Client{}, &ws.HTTP2{Only: true}
	t.Cleanup(func() {
		_ = client.Close()
		_ = pool.Close()
	})
	versions := []struct {
		name, url string
		opts      *ws.DialOptions
	}{
		{"HTTP/3", overQUIC, &ws.DialOptions{TLS: clientTLS, HTTP3: client.Open}},
		{"HTTP/2", overTCP, &ws.DialOptions{TLS: clientTLS, HTTP2: pool}},
		{"HTTP/1.1", overTCP, &ws.DialOptions{TLS: clientTLS}},
	}
	conns := make([]*ws.Conn, len(versions))
	for i, v := range versions {
		if conns[i], err = ws.Dial(t.Context(), v.url, v.opts); err != nil {
			t.Fatalf("%s: %v", v.name, err)
		}
		if got := conns[i].Handshake().Proto; !strings.HasPrefix(got, v.name) {
			t.Fatalf("%s: got %s", v.name, got)
		}
	}
	for _, size := range []int{64, 16 << 10, 64 << 10, 1 << 20} {
		p := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		times := make([][]float64, len(conns))
		count := min(max(1, (1<<20)/size), 500)
		for range rounds {
			for i, c := range conns {
				start := time.Now()
				for range count {
					if err := echoed(t.Context(), c, p); err != nil {
						t.Fatalf("%s, %d bytes: %v", versions[i].name, size, err)
					}
				}
				times[i] = append(times[i], float64(time.Since(start)))
			}
		}
		var line strings.Builder
		for i, v := range versions {
			ratios := make([]float64, rounds)
			for j := range ratios {
				ratios[j] = times[0][j] / times[i][j]
			}
			fmt.Fprintf(&line, "  %s %.1f us an echo, HTTP/3 takes %.2f x", v.name, median(times[i])/float64(count)/1e3, median(ratios))
		}
		t.Logf("%7d bytes:%s", size, line.String())
	}
}

// echoed is an echo that is read while it is sent.
func echoed(ctx context.Context, c *ws.Conn, p []byte) error {
	written := make(chan error, 1)
	go func() { written <- c.Write(ctx, ws.MessageBinary, p) }()
	_, got, err := c.Read(ctx)
	if err == nil && !bytes.Equal(got, p) {
		err = fmt.Errorf("echo of %d bytes differs", len(got))
	}
	return errors.Join(err, <-written)
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
