package ws_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// Both sides send a ping every 20 s meanwhile, and want a pong.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := pair(t, &ws.DialOptions{}, &ws.AcceptOptions{Options: ws.Options{ReadTimeout: time.Minute}})
		ctx := t.Context()
		go client.Discard(ctx) // has the pings answered

		start := time.Now()
		if err := server.Wait(ctx); !isReadTimeout(err) || time.Since(start) != time.Minute {
			t.Errorf("nothing comes: got %v after %v, want the read timeout of a minute", err, time.Since(start))
		}
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := server.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nothing comes: got %v, want the context's deadline", err)
		}

		var sending sync.WaitGroup
		defer sending.Wait()
		sending.Go(func() {
			time.Sleep(time.Second)
			_ = client.Write(ctx, ws.MessageText, []byte("hello"))
		})
		start = time.Now()
		for range 2 { // the second time it is there already
			if err := server.Wait(ctx); err != nil || time.Since(start) != time.Second {
				t.Errorf("a message: got %v after %v, want nil after 1s", err, time.Since(start))
			}
		}
		if _, p, err := server.Read(ctx); err != nil || string(p) != "hello" {
			t.Errorf("read: got %q, %v, want hello", p, err)
		}

		sending.Go(func() { _ = client.Close(ws.StatusNormalClosure, "bye") })
		for range 2 { // the second time it is over
			var closed *ws.CloseError
			if err := server.Wait(ctx); !errors.As(err, &closed) || closed.Reason != "bye" {
				t.Errorf("a close frame: got %v, want the peer's close", err)
			}
		}
	})
}
