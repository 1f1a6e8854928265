package ws_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Features of other libraries that no other test shows; docs/migrate.md names them.
func TestMigrate(t *testing.T) {
	t.Run("JSON", func(t *testing.T) {
		client, server := pair(t, nil, nil)
		ctx := within(t, 10*time.Second)
		go func() {
			w, err := client.Writer(ctx, ws.MessageText)
			if err == nil {
				_ = json.NewEncoder(w).Encode(map[string]int{"a": 1})
				_ = w.Close()
			}
		}()
		_, r, err := server.Reader(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ A int }
		if err := json.NewDecoder(r).Decode(&got); err != nil || got.A != 1 {
			t.Errorf("got %+v, error %v", got, err)
		}
	})
	t.Run("pong", func(t *testing.T) {
		got := make(chan string, 1)
		client, server := pair(t, nil, &ws.AcceptOptions{Options: ws.Options{PingInterval: -1, OnFrame: func(_ *ws.Conn, _ bool, f wsproto.Frame) {
			if f.Opcode == wsproto.OpPong {
				got <- string(f.Payload)
			}
		}}})
		ctx := within(t, 10*time.Second)
		go func() { _ = server.Discard(ctx) }()
		if err := client.Pong(ctx, []byte("unasked")); err != nil {
			t.Fatal(err)
		}
		if p := <-got; p != "unasked" {
			t.Errorf("got %q", p)
		}
	})
	t.Run("addresses", func(t *testing.T) {
		accepted := make(chan *ws.Conn, 1)
		c := dialServer(t, "ws", nil, &ws.Server{Handler: func(_ context.Context, c *ws.Conn) error {
			accepted <- c
			return c.Discard(context.Background())
		}})
		s := <-accepted
		ours, theirs := c.NetConn(ws.MessageBinary).LocalAddr(), s.NetConn(ws.MessageBinary).LocalAddr()
		if ours.String() != s.RemoteAddr().String() || c.RemoteAddr().String() != theirs.String() {
			t.Errorf("got %v to %v, and %v to %v", ours, c.RemoteAddr(), theirs, s.RemoteAddr())
		}
	})
	t.Run("close without a handshake", func(t *testing.T) {
		client, server := pair(t, nil, nil)
		if err := client.CloseNow(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := server.Read(within(t, 10*time.Second)); err == nil || ws.CloseStatus(err) != 0 {
			t.Errorf("got %v, want an error that is no close frame", err)
		}
	})
	t.Run("only writing", func(t *testing.T) {
		// What coder's CloseRead does: control frames are answered, and the end is noticed.
		client, server := pair(t, nil, nil)
		ctx := within(t, 10*time.Second)
		go func() { _ = client.Discard(ctx) }()
		go func() { _ = server.Close(4001, "enough") }()
		select {
		case <-client.Done():
		case <-ctx.Done():
			t.Fatal("the end of the connection was not noticed")
		}
		if ws.CloseStatus(client.Err()) != 4001 {
			t.Errorf("got %v, want 4001", client.Err())
		}
	})
	t.Run("TLS", func(t *testing.T) {
		for _, conf := range []*tls.Config{nil, {InsecureSkipVerify: true}} {
			c := dialServer(t, "wss", conf, &ws.Server{})
			if c.Handshake().Request.TLS == nil {
				t.Error("the connection is not encrypted")
			}
		}
	})
	t.Run("own TLS connection", func(t *testing.T) {
		srv := httptest.NewTLSServer(&ws.Server{})
		defer srv.Close()
		trust := x509.NewCertPool()
		trust.AddCert(srv.Certificate())
		nc, err := tls.Dial("tcp", srv.Listener.Addr().String(), &tls.Config{RootCAs: trust, ServerName: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ws.Dial(within(t, 10*time.Second), "wss://example.com/", &ws.DialOptions{NetDial: existing(nc)})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
	})
	t.Run("process_request", func(t *testing.T) {
		s := &ws.Server{Accept: ws.AcceptOptions{Intercept: func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/healthz" {
				w.Header().Set("X-A", "1")
				_, _ = io.WriteString(w, "OK\n")
			}
		}}}
		srv := httptest.NewServer(s)
		defer srv.Close()
		resp, err := http.Get(srv.URL + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK || string(body) != "OK\n" || resp.Header.Get("X-A") != "1" {
			t.Errorf("got %d %q", resp.StatusCode, body)
		}
	})
	t.Run("socket that exists", func(t *testing.T) {
		near, far := net.Pipe()
		go func() {
			if c, err := ws.AcceptNet(context.Background(), far, nil); err == nil {
				_ = ws.Echo(context.Background(), c)
			}
		}()
		c, err := ws.Dial(within(t, 10*time.Second), "ws://in-memory/", &ws.DialOptions{NetDial: existing(near)})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.CloseNow()
	})
}

// existing is a NetDial that returns nc.
func existing(nc net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) { return nc, nil }
}

// dialServer is a connection to a server, which ends with the test.
func dialServer(t *testing.T, scheme string, conf *tls.Config, s *ws.Server) *ws.Conn {
	t.Helper()
	srv := httptest.NewUnstartedServer(s)
	if scheme == "wss" {
		srv.StartTLS()
	} else {
		srv.Start()
	}
	t.Cleanup(srv.Close)
	if conf == nil && scheme == "wss" {
		trust := x509.NewCertPool()
		trust.AddCert(srv.Certificate())
		conf = &tls.Config{RootCAs: trust}
	}
	c, err := ws.Dial(within(t, 10*time.Second), scheme+"://"+srv.Listener.Addr().String(), &ws.DialOptions{TLS: conf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

// Each row of docs/migrate.md names what proves it, and the page counts them.
func TestMigratePage(t *testing.T) {
	page, err := os.ReadFile("../docs/migrate.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, pattern := range []string{"*_test.go", "wsproto/*_test.go", "integration/*_test.go", "../compliance/*_test.go", "../docs/examples/*/*_test.go", "../cmd/wsconform/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(text)
		}
	}
	proof := regexp.MustCompile("`((?:Test|Example)[A-Za-z0-9_]*)(?:/([^`]+))?`")
	count := map[string]int{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || cells[2] == "" || strings.HasPrefix(line, "|---") {
			continue
		}
		status := cells[2]
		if status != "works" && status != "differs" && status != "missing" {
			continue // the head of a table
		}
		count[status]++
		found := proof.FindAllStringSubmatch(cells[3], -1)
		if status != "missing" && len(found) == 0 {
			t.Errorf("no proof: %s", line)
		}
		for _, m := range found {
			if !strings.Contains(tests.String(), "func "+m[1]+"(") {
				t.Errorf("no such test: %s", m[0])
			}
			if m[2] != "" && !strings.Contains(tests.String(), `"`+m[2]+`"`) {
				t.Errorf("no such test: %s", m[0])
			}
		}
	}
	total := count["works"] + count["differs"] + count["missing"]
	want := regexp.MustCompile(`(\d+) rows: (\d+) work, (\d+) differ, (\d+) are missing`).FindStringSubmatch(string(page))
	if want == nil || want[0] != sentence(total, count) {
		t.Errorf("the page says %q, want %q", want, sentence(total, count))
	}
}

func sentence(total int, count map[string]int) string {
	return fmt.Sprintf("%d rows: %d work, %d differ, %d are missing", total, count["works"], count["differs"], count["missing"])
}
