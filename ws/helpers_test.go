package ws_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func TestTextAndJSON(t *testing.T) {
	client, server := pair(t, nil, nil)
	ctx := within(t, 10*time.Second)
	go func() { _ = ws.Echo(context.Background(), server) }()
	type point struct{ X, Y int }
	if err := client.WriteJSON(ctx, point{1, 2}); err != nil {
		t.Fatal(err)
	}
	var got point
	if err := client.ReadJSON(ctx, &got); err != nil || got != (point{1, 2}) {
		t.Errorf("got %v, error %v", got, err)
	}
	if err := client.WriteText(ctx, "{é"); err != nil {
		t.Fatal(err)
	}
	if err := client.ReadJSON(ctx, &got); err == nil {
		t.Error("got no error of what is not JSON")
	}
	if err := client.WriteJSON(ctx, make(chan int)); err == nil {
		t.Error("got no error of what has no JSON")
	}
	if err := client.WriteText(ctx, "\xff"); err == nil {
		t.Error("got no error of what is not UTF-8")
	}
	if err := client.Write(ctx, ws.MessageBinary, []byte("b")); err != nil {
		t.Fatal(err)
	}
	if s, err := client.ReadText(ctx); err == nil || s != "" {
		t.Errorf("got %q of a binary message", s)
	}
	if err := client.WriteText(ctx, "still open"); err != nil {
		t.Fatal(err)
	}
	if s, err := client.ReadText(ctx); err != nil || s != "still open" {
		t.Errorf("got %q, error %v", s, err)
	}
}

// A handler of net/http answers what it wants to, and lets the rest pass.
func TestIntercept(t *testing.T) {
	opts := &ws.AcceptOptions{Intercept: func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			_, _ = io.WriteString(w, "fine")
		case "/away":
			http.Redirect(w, r, "/here", http.StatusFound)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
	}}
	for _, tt := range []struct{ path, want string }{
		{"/health", "HTTP/1.1 200 OK\r\n|\r\n\r\nfine"},
		{"/away", "HTTP/1.1 302 Found\r\n|Location: /here\r\n"},
		{"/empty", "HTTP/1.1 204 "},
		{"/chat", "HTTP/1.1 101 "},
	} {
		got, _ := serverAnswer(t, request("GET "+tt.path+" HTTP/1.1"), opts)
		for want := range strings.SplitSeq(tt.want, "|") {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q", tt.path, got, want)
			}
		}
	}
}

// What goes into a stream comes out of it, in both directions at a time.
func TestNetConn(t *testing.T) {
	client, server := tcpPair(t, nil, nil)
	want := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	there, here := client.NetConn(ws.MessageBinary), server.NetConn(ws.MessageBinary)
	go func() { _, _ = io.Copy(here, here) }()
	wrote := make(chan error, 1)
	go func() {
		for p := want; len(p) > 0; { // in pieces of all sizes
			n := min(len(p), 1+len(p)*7919%50_000)
			if _, err := there.Write(p[:n]); err != nil {
				wrote <- err
				return
			}
			p = p[n:]
		}
		wrote <- nil
	}()
	_ = there.SetDeadline(time.Now().Add(20 * time.Second))
	got := make([]byte, len(want))
	if _, err := io.ReadFull(there, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got other bytes than were written, error %v", err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if err := there.Close(); err != nil {
		t.Error(err)
	}
	if _, err := there.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got error %v of a write after Close", err)
	}
}

func TestNetConnEnds(t *testing.T) {
	client, server := pair(t, nil, nil)
	stream := client.NetConn(ws.MessageBinary)
	ctx := within(t, 10*time.Second)
	go func() {
		_ = server.Write(ctx, ws.MessageBinary, nil)
		_ = server.Write(ctx, ws.MessageBinary, []byte("a"))
		_ = server.Write(ctx, ws.MessageBinary, []byte("bc"))
		_ = server.Close(ws.StatusGoingAway, "")
	}()
	if got, err := io.ReadAll(stream); err != nil || string(got) != "abc" {
		t.Errorf("got %q, error %v", got, err)
	}
	client, server = pair(t, nil, nil)
	ended := make(chan error, 1)
	go func() {
		_ = server.Write(ctx, ws.MessageText, []byte("text"))
		_, _, err := server.Read(ctx)
		ended <- err
	}()
	if _, err := client.NetConn(ws.MessageBinary).Read(make([]byte, 1)); err == nil {
		t.Error("got no error of a text")
	}
	if err := <-ended; ws.CloseStatus(err) != ws.StatusUnsupportedData {
		t.Errorf("got error %v, want a close with 1003", err)
	}
}

// A read deadline that has passed loses nothing.
func TestNetConnDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, &ws.DialOptions{Options: ws.Options{PingInterval: -1}}, &ws.AcceptOptions{Options: ws.Options{PingInterval: -1}})
		stream := client.NetConn(ws.MessageBinary)
		_ = stream.SetReadDeadline(time.Now().Add(time.Second))
		start := time.Now()
		if _, err := stream.Read(make([]byte, 9)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("got error %v after %v", err, time.Since(start))
		}
		_ = stream.SetReadDeadline(time.Time{})
		go func() { _ = server.Write(context.Background(), ws.MessageBinary, []byte("late")) }()
		p := make([]byte, 9)
		if n, err := stream.Read(p); err != nil || !bytes.Equal(p[:n], []byte("late")) {
			t.Errorf("got %q, error %v", p[:n], err)
		}
		_ = client.CloseNow()
	})
}
