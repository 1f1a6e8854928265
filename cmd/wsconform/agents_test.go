package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsconform/wsconform/ws"
)

func TestEchoUntilSignal(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, w := io.Pipe()
	code := make(chan int, 1)
	go func() { code <- run(ctx, []string{"echo", "--addr", "127.0.0.1:0"}, w, io.Discard) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok || strings.HasSuffix(addr, ":0") {
		t.Fatalf("printed %q, want the real address", line)
	}
	c, err := ws.Dial(ctx, addr, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, ws.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if typ, msg, err := c.Read(ctx); typ != ws.MessageText || string(msg) != "hello" || err != nil {
		t.Errorf("echo: %v %q, %v; want the text hello", typ, msg, err)
	}
	if c.Handshake().Header["Sec-Websocket-Extensions"] == nil {
		t.Error("permessage-deflate was not agreed")
	}
	cancel()
	if err := c.Discard(context.Background()); !strings.Contains(err.Error(), "1001") {
		t.Errorf("end of the connection: %v, want 1001", err)
	}
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d, want 0", got)
	}
}

// A driverServer speaks Autobahn's driver protocol and notes what was asked.
func driverServer(t *testing.T, count string) (base string, asked func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards list
	var list []string
	server := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		target := c.Handshake().Request.RequestURI
		mu.Lock()
		list = append(list, target)
		mu.Unlock()
		u, _ := url.Parse(target)
		switch u.Path {
		case "/getCaseCount":
			_ = c.Write(ctx, ws.MessageText, []byte(count))
		case "/runCase":
			_ = c.Write(ctx, ws.MessageText, []byte("x"))
			if _, p, err := c.Read(ctx); err != nil || string(p) != "x" {
				t.Errorf("%s: %q, %v; want an echo", target, p, err)
			}
		}
		return nil
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background())
		<-served
	})
	return "ws://" + l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

// A handshake that fails is for the server to judge, so a driver whose cases were all
// refused has done its work: any other exit code would count as a crash.
func TestDriveRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/runCase" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		c, err := ws.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if r.URL.Path == "/getCaseCount" {
			_ = c.Write(r.Context(), ws.MessageText, []byte("2"))
		}
		_ = c.Close(ws.StatusNormalClosure, "")
	}))
	defer server.Close()
	var stderr bytes.Buffer
	code := run(t.Context(), []string{"drive", "ws" + strings.TrimPrefix(server.URL, "http")}, io.Discard, &stderr)
	if want := "2 cases run, 2 of them without a connection"; code != exitOK || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit code %d, stderr:\n%swant 0 and %q", code, &stderr, want)
	}
}

func TestDrive(t *testing.T) {
	const agent = "agent=a+%26+b"
	for _, row := range []struct {
		name, count string
		flags       []string
		code        int
		stderr      string
		want        []string
	}{
		{
			"all cases", "2", nil, exitOK, "2 cases run",
			[]string{"/getCaseCount", "/runCase?case=1&" + agent, "/runCase?case=2&" + agent, "/updateReports?" + agent},
		},
		{
			"some cases", "9",
			[]string{"--cases", "3-4"},
			exitOK, "2 cases run",
			[]string{"/getCaseCount", "/runCase?case=3&" + agent, "/runCase?case=4&" + agent, "/updateReports?" + agent},
		},
		{"a case that is not there", "9", []string{"--cases", "9-10"}, exitUsage, "has only 9 cases", []string{"/getCaseCount"}},
		{"no number", "many", nil, exitHarness, `the server said "many"`, []string{"/getCaseCount"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			base, asked := driverServer(t, row.count)
			var stderr bytes.Buffer
			args := append([]string{"drive", base, "--agent", "a & b"}, row.flags...)
			if code := run(t.Context(), args, io.Discard, &stderr); code != row.code || !strings.Contains(stderr.String(), row.stderr) {
				t.Errorf("exit code %d, stderr:\n%swant %d and %q", code, &stderr, row.code, row.stderr)
			}
			if diff := cmp.Diff(asked(), row.want); diff != "" {
				t.Errorf("asked for (-got +want):\n%s", diff)
			}
		})
	}
}
