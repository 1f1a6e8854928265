package main

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func TestCounter(t *testing.T) {
	srv := httptest.NewServer(newCounter())
	defer srv.Close()
	dial := func() *ws.Conn {
		c, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(srv.URL, "http"), &ws.DialOptions{Options: ws.Options{ReadTimeout: 20 * time.Second}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	// hears reads until the counter says so.
	hears := func(c *ws.Conn, want string) {
		t.Helper()
		for m, err := range c.Messages(t.Context()) {
			if err != nil {
				t.Fatalf("waiting for %s: %v", want, err)
			}
			if string(m.Data) == want {
				return
			}
		}
	}
	one, two := dial(), dial()
	defer one.CloseNow()
	hears(one, `{"type":"users","count":2}`)
	hears(two, `{"type":"users","count":2}`)
	for _, action := range []string{"plus", "plus", "minus", "dance"} {
		if err := two.Write(t.Context(), ws.MessageText, []byte(`{"action":"`+action+`"}`)); err != nil {
			t.Fatal(err)
		}
	}
	hears(one, `{"type":"value","value":2}`)
	hears(one, `{"type":"value","value":1}`)
	if err := two.Close(ws.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	hears(one, `{"type":"users","count":1}`)
}
