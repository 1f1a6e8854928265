package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/queue"
)

// A server that waits for its workers can be interrupted.
func TestLinger(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir(), "127.0.0.1:0")
	for range 2 { // of which one might be the driver
		q, err := queue.Connect(t.Context(), queue.Access{URL: s.URL, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		defer q.Close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	s.Linger(ctx, time.Minute)
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}
