package ws_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestMessages(t *testing.T) {
	for _, row := range []struct {
		code wsproto.StatusCode
		err  bool
	}{
		{ws.StatusNormalClosure, false},
		{ws.StatusGoingAway, false},
		{wsproto.StatusNoStatusRcvd, false},
		{ws.StatusInternalError, true},
	} {
		client, server := pair(t, nil, nil)
		ctx := within(t, 5*time.Second)
		go func() {
			_ = server.Write(ctx, ws.MessageText, []byte("a"))
			_ = server.Write(ctx, ws.MessageBinary, []byte("b"))
			_ = server.Close(row.code, "")
		}()
		var got []string
		var failed error
		for m, err := range client.Messages(ctx) {
			if err != nil {
				failed = err
				continue
			}
			got = append(got, m.Type.String()+" "+string(m.Data))
		}
		if !slices.Equal(got, []string{"text a", "binary b"}) || (failed != nil) != row.err {
			t.Errorf("%v: got %q, %v", row.code, got, failed)
		}
	}
}

func TestMessagesBreak(t *testing.T) {
	client, server := pair(t, nil, nil)
	ctx := within(t, 5*time.Second)
	go func() { _ = ws.Echo(context.Background(), server) }()
	for range 2 {
		if err := client.Write(ctx, ws.MessageText, []byte("again")); err != nil {
			t.Fatal(err)
		}
		for m, err := range client.Messages(ctx) {
			if err != nil || string(m.Data) != "again" {
				t.Fatalf("got %q, %v", m.Data, err)
			}
			break
		}
	}
}

// What the peer has to say still comes after our close frame.
func TestCloseWrite(t *testing.T) {
	client, peer := rawPair(t, false, nil)
	ctx := within(t, 5*time.Second)
	go func() {
		_, _ = peer.next()
		_, _ = peer.Write(append(peer.frame(text("one")), peer.frame(text("two"))...))
		_, _ = peer.Write(peer.frame(closing(1000, "")))
		peer.Close()
	}()
	if err := client.CloseWrite(ctx, wsproto.StatusNoStatusRcvd, "why"); err == nil {
		t.Error("reason without a code: no error")
	}
	if err := client.CloseWrite(ctx, ws.StatusNormalClosure, "that was all"); err != nil {
		t.Fatal(err)
	}
	if err := client.Write(ctx, ws.MessageText, nil); err == nil {
		t.Error("write after CloseWrite: no error")
	}
	var got []string
	for m, err := range client.Messages(ctx) {
		if err != nil {
			t.Error(err)
		}
		got = append(got, string(m.Data))
	}
	if !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("got %q", got)
	}
}
