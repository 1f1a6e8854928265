package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws"
)

func TestRates(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(serve))
	defer srv.Close()
	url := "ws" + strings.TrimPrefix(srv.URL, "http")
	if a, err := ask(t.Context(), url, question{"EUR", "USD"}); err != nil || a != (answer{Rate: 1.10}) {
		t.Errorf("got %+v, error %v", a, err)
	}
	if a, err := ask(t.Context(), url, question{"EUR", "XXX"}); err != nil || a.Error != "no rate from EUR to XXX" {
		t.Errorf("got %+v, error %v", a, err)
	}
	for origin, want := range map[string]bool{"https://www.example.com": true, "https://example.org": false} {
		c, err := ws.Dial(t.Context(), url, &ws.DialOptions{Header: http.Header{"Origin": {origin}}})
		if (err == nil) != want {
			t.Errorf("%s: got error %v", origin, err)
		}
		if err != nil {
			continue
		}
		if c.Subprotocol() != "" {
			t.Errorf("got subprotocol %q without an offer", c.Subprotocol())
		}
		_ = c.Write(t.Context(), ws.MessageText, []byte("?"))
		if _, _, err := c.Read(t.Context()); ws.CloseStatus(err) != ws.StatusUnsupportedData {
			t.Errorf("got %v, want 1003", err)
		}
		_ = c.CloseNow()
	}
}
