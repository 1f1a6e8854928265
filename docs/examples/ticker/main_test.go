package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// A writer that ends the program once it has printed a line.
type interrupt struct {
	bytes.Buffer
	stop context.CancelFunc
}

func (w *interrupt) Write(p []byte) (int, error) {
	defer w.stop()
	return w.Buffer.Write(p)
}

func TestTicker(t *testing.T) {
	ended := make(chan error, 1)
	srv := httptest.NewServer(&ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		err := ws.Echo(ctx, c)
		ended <- err
		return err
	}})
	defer srv.Close()
	ctx, stop := context.WithCancel(t.Context())
	out := &interrupt{stop: stop}
	if err := run(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), 10*time.Millisecond, out); err != nil {
		t.Errorf("got error %v", err)
	}
	if err := <-ended; err != nil && ws.CloseStatus(err) != ws.StatusNormalClosure {
		t.Errorf("the server saw %v, want 1000", err)
	}
	if !strings.HasPrefix(out.String(), "20") {
		t.Errorf("printed %q, want a time", out.String())
	}
}
