package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestChat(t *testing.T) {
	srv := httptest.NewServer(routes())
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("page: got %v, error %v", resp, err)
	} else {
		_ = resp.Body.Close()
	}
	var clients []*ws.Conn
	for range 3 {
		c, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http")+"/ws", &ws.DialOptions{Options: ws.Options{ReadTimeout: 20 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		clients = append(clients, c)
	}
	if err := clients[1].Write(t.Context(), ws.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != "hello" {
			t.Errorf("got %q, error %v; want hello", p, err)
		}
	}
	_ = clients[2].Write(t.Context(), ws.MessageText, make([]byte, 513))
	if _, _, err := clients[2].Read(t.Context()); ws.CloseStatus(err) != wsproto.StatusMessageTooBig {
		t.Errorf("513 bytes: got %v, want 1009", err)
	}
}
