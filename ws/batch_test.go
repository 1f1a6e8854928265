package ws_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// In batch mode frames of all lengths are those of other modes, in their order.
func TestBatchFrames(t *testing.T) {
	sizes := []int{0, 1, 3, 7, 64, 125, 126, 1000, 1 << 15, 1<<16 - 15, 1<<16 - 14, 1<<16 - 1, 1 << 16, 1<<16 + 1, 300 << 10, 5}
	for _, server := range []bool{true, false} {
		t.Run(fmt.Sprintf("server=%t", server), func(t *testing.T) {
			c, peer := rawPair(t, server, nil)
			ctx := within(t, time.Minute)
			_ = peer.SetDeadline(time.Now().Add(time.Minute))
			if err := c.SetBatch(ctx, true); err != nil {
				t.Fatal(err)
			}
			wrote := make(chan error, 1)
			go func() {
				for i, size := range sizes {
					typ := ws.MessageText + ws.MessageType(i%2)
					if err := c.Write(ctx, typ, bytes.Repeat([]byte{'a' + byte(i)}, size)); err != nil {
						wrote <- err
						return
					}
				}
				wrote <- c.SetBatch(ctx, true)
			}()
			for i, size := range sizes {
				f, err := peer.next()
				if err != nil {
					t.Fatal(err)
				}
				if f.Opcode != wsproto.OpText+wsproto.Opcode(i%2) || !f.Fin || f.RSV != 0 || !f.Minimal() {
					t.Errorf("%d bytes: got header %+v", size, f.Header)
				}
				if want := bytes.Repeat([]byte{'a' + byte(i)}, size); !bytes.Equal(f.Payload, want) {
					t.Errorf("%d bytes: got %.20q... of %d bytes", size, f.Payload, len(f.Payload))
				}
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
		})
	}
}

// What gathers waits for Flush, or for a read that waits. A text that is none
// never gathers.
func TestBatchWaits(t *testing.T) {
	for _, how := range []string{"flush", "read"} {
		t.Run(how, func(t *testing.T) {
			c, peer := rawPair(t, false, nil)
			ctx := within(t, time.Minute)
			_ = peer.SetDeadline(time.Now().Add(time.Minute))
			if err := c.SetBatch(ctx, true); err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{"one", "two"} { // which in memory would block if it were written
				if err := c.Write(ctx, ws.MessageText, []byte(p)); err != nil {
					t.Fatal(err)
				}
				if err := c.Write(ctx, ws.MessageText, []byte(p+"\xff")); err == nil {
					t.Error("bad text: no error")
				}
			}
			flushed := make(chan error, 1)
			go func() {
				if how == "flush" {
					flushed <- c.SetBatch(ctx, true)
					return
				}
				_, p, err := c.Read(ctx)
				if err == nil && string(p) != "answer" {
					err = fmt.Errorf("read %q", p)
				}
				flushed <- err
			}()
			for _, want := range []string{"one", "two"} {
				if f, err := peer.next(); err != nil || string(f.Payload) != want {
					t.Fatalf("got %q, %v, want %q", f.Payload, err, want)
				}
			}
			if how == "read" {
				if _, err := peer.Write(peer.frame(text("answer"))); err != nil {
					t.Fatal(err)
				}
			}
			if err := <-flushed; err != nil {
				t.Error(err)
			}
		})
	}
}

// Each frame of a client has a key of its own, in batch mode or not (RFC 6455
// §5.3). That two of 64 are alike by chance is one case in two million.
func TestMaskKeysDiffer(t *testing.T) {
	for _, batch := range []bool{false, true} {
		c, peer := rawPair(t, false, nil)
		ctx := within(t, time.Minute)
		if err := c.SetBatch(ctx, batch); err != nil {
			t.Fatal(err)
		}
		const n = 64
		wrote := make(chan error, 1)
		go func() {
			for range n {
				if err := c.Write(ctx, ws.MessageText, []byte("x")); err != nil {
					wrote <- err
					return
				}
			}
			wrote <- c.SetBatch(ctx, true)
		}()
		seen := make(map[[4]byte]bool)
		for range n {
			f, err := peer.next()
			if err != nil {
				t.Fatal(err)
			}
			seen[f.MaskKey] = true
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		if len(seen) != n {
			t.Errorf("batch=%t: got %d keys for %d frames", batch, len(seen), n)
		}
	}
}
