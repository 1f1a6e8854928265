//go:build unix

package integration

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/h3"
)

// aioquic opens WebSockets of our server over HTTP/3.
func TestHTTP3AioquicClient(t *testing.T) {
	path := python(t, "aioquic")
	pem, _ := certificate(t)
	pair, err := tls.LoadX509KeyPair(pem, pem)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 3)
	server := &h3.Server{TLS: &tls.Config{Certificates: []tls.Certificate{pair}}, WebSocket: &ws.Server{
		Accept: ws.AcceptOptions{Subprotocols: []string{"echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			_ = ws.Echo(ctx, c)
			ended <- c.Err()
			return nil
		},
	}}
	pc, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	served := make(chan error, 1)
	go func() { served <- server.Serve(pc) }()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, "-B", script(t, "http3/aioquic_client.py"), portOf(pc.LocalAddr().String()), pem).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := slices.Concat([]string{"setting 1"}, slices.Repeat([]string{"status 200 echo"}, 3), []string{"got text 0", "got text 4", "got text 8"}, slices.Repeat([]string{"closed 880203e8"}, 3))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", out)
	}
	for range 3 {
		if err := <-ended; ws.CloseStatus(err) != 1000 {
			t.Errorf("the server saw %v", err)
		}
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

// Our client opens WebSockets of a server of aioquic.
func TestHTTP3AioquicServer(t *testing.T) {
	path := python(t, "aioquic")
	pem, trust := certificate(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-B", script(t, "http3/aioquic_server.py"), pem)
	var printed log
	cmd.Stderr = &printed
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server printed:\n%s", &printed)
		}
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the server does not say its port")
	}
	client := &h3.Client{}
	defer client.Close()
	url := "wss://127.0.0.1:" + lines.Text() + "/room"
	opts := &ws.DialOptions{TLS: trust, Subprotocols: []string{"echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}}
	dial := func() *ws.Conn {
		c, err := client.Dial(ctx, url, opts)
		if err != nil {
			t.Fatal(err)
		}
		if w := c.Handshake(); w.ProtoMajor != 3 || c.Subprotocol() != "echo" {
			t.Errorf("opened with %s, subprotocol %q", w.Proto, c.Subprotocol())
		}
		return c
	}
	saw := func(want string) {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("the server saw %q, want %q", lines.Text(), want)
		}
	}
	exchange(t, dial(), messages())
	saw("request websocket https /room 13")
	saw("fin")
	dial().CloseNow()
	saw("request websocket https /room 13")
	saw("reset 0x10c")
}
