package main

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/ws"
)

// A printout that several goroutines share.
type printout struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (p *printout) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func TestFollow(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	n := 0 // connections are one after the other
	srv := httptest.NewServer(&ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		if n++; n == 2 {
			stop()
			return c.Discard(ctx)
		}
		if err := c.Write(ctx, ws.MessageText, []byte("news")); err != nil {
			return err
		}
		return c.Close(ws.StatusGoingAway, "restart")
	}})
	defer srv.Close()
	var out printout
	_ = follow(ctx, "ws"+strings.TrimPrefix(srv.URL, "http"), &out) // it ends because we stop it
	got := out.buf.String()
	if !strings.HasPrefix(got, "opened\nnews\nclosed: ") || !strings.Contains(got, "restart") {
		t.Errorf("printed %q", got)
	}
}
