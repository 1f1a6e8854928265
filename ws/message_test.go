package ws_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestMessages(t *testing.T) {
	for _, row := range []struct {
		code ws.StatusCode
		err  bool
	}{
		{ws.StatusNormalClosure, false},
		{ws.StatusGoingAway, false},
		{ws.StatusNoStatusRcvd, false},
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

func TestReadFragment(t *testing.T) {
	for _, deflate := range []*ws.Deflate{nil, {}} {
		client, server := pair(t, &ws.DialOptions{Deflate: deflate}, &ws.AcceptOptions{Deflate: deflate})
		ctx := within(t, 5*time.Second)
		pieces := [][]byte{[]byte("first "), bytes.Repeat([]byte("long"), 5000), []byte("caf\xc3"), []byte("\xa9")}
		go func() {
			for range 2 {
				w, _ := server.Writer(ctx, ws.MessageText)
				for _, p := range pieces {
					_, _ = w.Write(p)
					_ = server.Pong(ctx, nil)
				}
				_ = w.Close()
			}
			_ = server.Write(ctx, ws.MessageBinary, nil)
			_ = server.Close(ws.StatusNormalClosure, "")
		}()
		for range 2 {
			for i, want := range append(slices.Clone(pieces), nil) {
				f, err := client.ReadFragment(ctx)
				if err != nil || f.Type != ws.MessageText || !bytes.Equal(f.Data, want) || f.Final != (i == len(pieces)) {
					t.Fatalf("deflate=%t: got %.20q, %v final=%t, want %.20q", deflate != nil, f.Data, err, f.Final, want)
				}
			}
		}
		f, err := client.ReadFragment(ctx)
		if err != nil || f.Type != ws.MessageBinary || len(f.Data) != 0 || !f.Final {
			t.Errorf("empty message: got %+v, %v", f, err)
		}
		if _, err := client.ReadFragment(ctx); !errors.As(err, new(*ws.CloseError)) {
			t.Errorf("got %v, want the peer's close", err)
		}
	}
}

// Each frame is a fragment, also one of which nothing can be inflated (RFC 7692
// §6.1).
func TestReadFragmentDeflate(t *testing.T) {
	c, peer := rawPair(t, true, &ws.Deflate{})
	z := ws.Compress([]byte("compressed"))
	z = z[:len(z)-4]
	go func() {
		first := frame(wsproto.OpText, false, string(z[:1])) // ends inside the header of a block
		first.RSV = wsproto.RSV1
		for _, f := range []wsproto.Frame{
			first, frame(wsproto.OpContinuation, false, ""), frame(wsproto.OpContinuation, false, string(z[1:])),
			frame(wsproto.OpContinuation, false, ""), frame(wsproto.OpContinuation, true, ""),
		} {
			_, _ = peer.Write(peer.frame(f))
		}
	}()
	var got []string
	for final := false; !final; {
		f, err := c.ReadFragment(within(t, 10*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		got, final = append(got, string(f.Data)), f.Final
	}
	if want := []string{"", "", "compressed", "", ""}; !slices.Equal(got, want) {
		t.Errorf("got fragments %q, want %q", got, want)
	}
}

// A fragment that was cut short by a timeout comes whole with the next call.
func TestReadFragmentTimeout(t *testing.T) {
	client, peer := rawPair(t, false, nil)
	first := peer.frame(frame(wsproto.OpText, false, "halves"))
	rest := slices.Concat(first[5:], peer.frame(frame(wsproto.OpContinuation, true, "")))
	sent := make(chan struct{})
	go func() {
		_, _ = peer.Write(first[:5])
		<-sent
		_, _ = peer.Write(rest)
	}()
	if _, err := client.ReadFragment(within(t, 10*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want a timeout", err)
	}
	close(sent)
	ctx := within(t, 5*time.Second)
	for _, want := range []ws.Fragment{{Type: ws.MessageText, Data: []byte("halves")}, {Type: ws.MessageText, Final: true}} {
		f, err := client.ReadFragment(ctx)
		if err != nil || string(f.Data) != string(want.Data) || f.Final != want.Final {
			t.Errorf("got %+v, %v, want %+v", f, err, want)
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
	if err := client.CloseWrite(ctx, ws.StatusNoStatusRcvd, "why"); err == nil {
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
