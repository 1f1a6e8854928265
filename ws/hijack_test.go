package ws_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestHijack(t *testing.T) {
	for _, server := range []bool{true, false} {
		c, peer := rawPair(t, server, nil)
		go func() { _, _ = peer.Write(append(peer.frame(text("one")), peer.frame(text("two"))...)) }()
		ctx := within(t, 5*time.Second)
		if _, p, err := c.Read(ctx); err != nil || string(p) != "one" {
			t.Fatalf("got %q, %v", p, err)
		}
		nc, early, err := c.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		h, n, err := wsproto.ParseHeader(early)
		if err != nil || h.Opcode != wsproto.OpText || int(h.Length) != len(early)-n {
			t.Errorf("server=%t: got early bytes %q, want the second message", server, early)
		}
		if _, _, err := c.Read(ctx); err == nil {
			t.Error("read after Hijack: no error")
		}
		if err := c.Write(ctx, ws.MessageText, nil); err == nil {
			t.Error("write after Hijack: no error")
		}
		if _, _, err := c.Hijack(); err == nil {
			t.Error("second Hijack: no error")
		}
		c.CloseNow() // it is not the Conn's any more
		go func() { _, _ = nc.Write(make([]byte, 3)) }()
		if _, err := io.ReadFull(peer, make([]byte, 3)); err != nil {
			t.Errorf("server=%t: connection below ended: %v", server, err)
		}
	}
}

func TestHijackInUse(t *testing.T) {
	client, _ := pair(t, nil, nil)
	ctx := within(t, 5*time.Second)
	w, err := client.Writer(ctx, ws.MessageBinary)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Hijack(); err == nil {
		t.Error("no error while a message is being written")
	}
	client.CloseNow()
	_ = w.Close()
	if _, _, err := client.Hijack(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want a closed connection", err)
	}
}
