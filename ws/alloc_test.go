//go:build !race

package ws_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

// A message there and back takes no memory when the caller has a buffer. (The
// race detector makes pools forgetful, so it is not for this test.)
func TestNoAllocations(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, mode := range []struct {
		name   string
		batch  bool
		dial   *ws.DialOptions
		accept *ws.AcceptOptions
	}{
		{"write each", false, nil, nil},
		{"batch", true, nil, nil},
		{"ReadTimeout", false, &ws.DialOptions{Options: ws.Options{ReadTimeout: time.Minute}}, &ws.AcceptOptions{Options: ws.Options{ReadTimeout: time.Minute}}},
		{"ReadTimeout in batch", true, &ws.DialOptions{Options: ws.Options{ReadTimeout: time.Minute}}, &ws.AcceptOptions{Options: ws.Options{ReadTimeout: time.Minute, WriteTimeout: -1}}},
		{"WriteTimeout", false, &ws.DialOptions{Options: ws.Options{WriteTimeout: time.Minute}}, nil},
	} {
		for _, typ := range []ws.MessageType{ws.MessageText, ws.MessageBinary} {
			for _, size := range []int{0, 64, 1 << 10, 20 << 10, 64 << 10} {
				t.Run(fmt.Sprintf("%s/%v/%d", mode.name, typ, size), func(t *testing.T) {
					client, server := tcpPair(t, mode.dial, mode.accept)
					if err := server.SetBatch(ctx, mode.batch); err != nil {
						t.Fatal(err)
					}
					want := bytes.Repeat([]byte("x"), size)
					near, far := make([]byte, 0, size+1), make([]byte, 0, size+1)
					var failed error
					step := func(err error) {
						if failed == nil {
							failed = err
						}
					}
					got := testing.AllocsPerRun(50, func() {
						if failed != nil {
							return
						}
						step(client.Write(ctx, typ, want))
						var err error
						_, far, err = server.ReadAppend(ctx, far[:0])
						step(err)
						step(server.Write(ctx, typ, far))
						step(server.SetBatch(ctx, true))
						_, near, err = client.ReadAppend(ctx, near[:0])
						step(err)
					})
					if failed != nil {
						t.Fatal(failed)
					}
					if !bytes.Equal(near, want) {
						t.Error("the echo is not what was sent")
					}
					if got != 0 {
						t.Errorf("got %v allocations for a message there and back, want none", got)
					}
				})
			}
		}
	}
}

// Memory comes in sizes, with 8 bytes of its own: with one more than 696 a Conn
// would take 64 more, and an idle connection has to be within 8 KiB with the stack of
// its goroutine.
func TestConnSize(t *testing.T) {
	if got := ws.ConnSize; got > 696 {
		t.Errorf("a Conn takes %d bytes, want at most 696", got)
	}
}
