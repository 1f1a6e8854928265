package rawscript_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/ws"
)

// A script with several connections: each has edits and an opening handshake of its own, what
// comes on one does not meet the await of another, and the end of one is not that of others.
func TestSession(t *testing.T) {
	server := httptest.NewServer(&ws.Server{Handler: ws.Echo})
	defer server.Close()
	var mu sync.Mutex // guards heard
	var heard []string
	s := &rawscript.Session{Open: func(ctx context.Context, n int) (net.Conn, rawscript.Options, error) {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		return nc, rawscript.Options{Request: rawscript.RequestHead("/", "h"), Hear: func(e rawscript.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Kind == rawscript.EventFrame && !e.Sent {
				heard = append(heard, fmt.Sprintf("%d %s", n, e.Data))
			}
		}}, err
	}}
	defer s.Close()
	do := func(line string) error {
		step, err := rawscript.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		return s.Do(t.Context(), step)
	}
	for line := range strings.Lines("connection 1\ntext one\nconnection 2\nset X-Two: 2\ntext two\nawait text\nconnection 1\nawait text\nquit\ntext lost\nconnection 2\ntext again\nawait text\n") {
		if err := do(strings.TrimSpace(line)); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	if s.Only() || s.Number() != 2 {
		t.Errorf("at connection %d, only %t", s.Number(), s.Only())
	}
	if err := do("await text 1ms"); !errors.Is(err, rawscript.ErrNotSeen) {
		t.Errorf("got %v, want that no further text came", err)
	}
	if err := do("connection 3"); err != nil {
		t.Error(err)
	}
	if err := s.Finish(t.Context()); err != nil { // it has its handshake
		t.Error(err)
	}
	p, err := s.Player(t.Context())
	if err != nil || !p.Opened() {
		t.Errorf("connection 3: opened %t, %v", p.Opened(), err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(heard, ", "); len(heard) != 3 || !strings.Contains(got, "1 one") || !strings.Contains(got, "2 two, 2 again") && !strings.HasSuffix(got, "2 again") {
		t.Errorf("heard %s", got)
	}
}

// One connection that does not open stops nothing on the others.
func TestSessionRefused(t *testing.T) {
	server := httptest.NewServer(&ws.Server{Handler: ws.Echo})
	defer server.Close()
	s := &rawscript.Session{Open: func(ctx context.Context, _ int) (net.Conn, rawscript.Options, error) {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", server.Listener.Addr().String())
		return nc, rawscript.Options{Request: rawscript.RequestHead("/", "h")}, err
	}}
	defer s.Close()
	refused := false
	for _, line := range []string{"connection 1", "without Upgrade", "text x", "text y", "connection 2", "text two", "await text"} {
		step, err := rawscript.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Do(t.Context(), step)
		if errors.As(err, new(*rawscript.RefusedError)) {
			refused = true
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if !refused {
		t.Error("the first connection was not refused")
	}
}
