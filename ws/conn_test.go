package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/internal/flatetest"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestRules puts frames to a Conn of either role and looks at the close frame.
func TestRules(t *testing.T) {
	h := func(h wsproto.Header, payload string) wsproto.Frame {
		return wsproto.Frame{Header: h, Payload: []byte(payload)}
	}
	tests := []struct {
		name   string
		frames []wsproto.Frame
		want   wsproto.StatusCode
		echo   string // messages before the close, joined by |
	}{
		{"close", []wsproto.Frame{closing(1000, "bye")}, 1000, ""},
		{"close without code", []wsproto.Frame{closing(0, "")}, 1005, ""},
		{"close of one byte", []wsproto.Frame{frame(wsproto.OpClose, true, "x")}, 1002, ""},
		{"close 3000", []wsproto.Frame{closing(3000, "")}, 3000, ""},
		{"close 1012", []wsproto.Frame{closing(1012, "")}, 1012, ""},
		{"close 1005", []wsproto.Frame{closing(0, "")}, 1005, ""},
		{"close 999", []wsproto.Frame{closing(999, "")}, 1002, ""},
		{"close 1004", []wsproto.Frame{closing(1004, "")}, 1002, ""},
		{"close 1006", []wsproto.Frame{closing(1006, "")}, 1002, ""},
		{"close 1015", []wsproto.Frame{closing(1015, "")}, 1002, ""},
		{"close 1016", []wsproto.Frame{closing(1016, "")}, 1002, ""},
		{"close 2999", []wsproto.Frame{closing(2999, "")}, 1002, ""},
		{"close 5000", []wsproto.Frame{closing(5000, "")}, 1002, ""},
		{"close with bad reason", []wsproto.Frame{closing(1000, "\xff")}, 1007, ""},
		{"close of 126", []wsproto.Frame{closing(1000, strings.Repeat("x", 124))}, 1002, ""},
		{"text", []wsproto.Frame{text("hello"), closing(1000, "")}, 1000, "hello"},
		{"empty text", []wsproto.Frame{text(""), closing(1000, "")}, 1000, ""},
		{"RSV1", []wsproto.Frame{text("a"), h(wsproto.Header{Fin: true, RSV: wsproto.RSV1, Opcode: wsproto.OpText}, "b")}, 1002, "a"},
		{"RSV2", []wsproto.Frame{h(wsproto.Header{Fin: true, RSV: wsproto.RSV2, Opcode: wsproto.OpText}, "b")}, 1002, ""},
		{"RSV3 ping", []wsproto.Frame{h(wsproto.Header{Fin: true, RSV: wsproto.RSV3, Opcode: wsproto.OpPing}, "b")}, 1002, ""},
		{"opcode 3", []wsproto.Frame{h(wsproto.Header{Fin: true, Opcode: 3}, "b")}, 1002, ""},
		{"opcode 11", []wsproto.Frame{h(wsproto.Header{Fin: true, Opcode: 11}, "b")}, 1002, ""},
		{"ping of 126", []wsproto.Frame{frame(wsproto.OpPing, true, strings.Repeat("x", 126))}, 1002, ""},
		{"fragmented ping", []wsproto.Frame{frame(wsproto.OpPing, false, "x")}, 1002, ""},
		{"lone continuation", []wsproto.Frame{frame(wsproto.OpContinuation, true, "x")}, 1002, ""},
		{"text in text", []wsproto.Frame{frame(wsproto.OpText, false, "a"), text("b")}, 1002, ""},
		{"fragments", []wsproto.Frame{frame(wsproto.OpText, false, "a"), frame(wsproto.OpContinuation, false, ""), frame(wsproto.OpContinuation, true, "b"), closing(1000, "")}, 1000, "ab"},
		{"length not minimal", []wsproto.Frame{h(wsproto.Header{Fin: true, Opcode: wsproto.OpText, Form: wsproto.Form16}, "b")}, 1002, ""},
		{"length not minimal 64", []wsproto.Frame{h(wsproto.Header{Fin: true, Opcode: wsproto.OpText, Form: wsproto.Form64}, "b")}, 1002, ""},
		{"length with top bit", []wsproto.Frame{h(wsproto.Header{Fin: true, Opcode: wsproto.OpText, Length: 1 << 63}, "b")}, 1002, ""},
		{"too large", []wsproto.Frame{h(wsproto.Header{Fin: true, Opcode: wsproto.OpBinary, Length: 1<<16 + 1}, "b")}, 1009, ""},
		{"too large in sum", []wsproto.Frame{frame(wsproto.OpBinary, false, "ab"), h(wsproto.Header{Fin: true, Opcode: wsproto.OpContinuation, Length: 1<<16 - 1}, "")}, 1009, ""},
		{"at the limit", []wsproto.Frame{frame(wsproto.OpBinary, true, strings.Repeat("x", 1<<16)), closing(1000, "")}, 1000, strings.Repeat("x", 1<<16)},
		{"bad text", []wsproto.Frame{text("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited")}, 1007, ""},
		{"text cut short", []wsproto.Frame{text("\xce")}, 1007, ""},
		{"rune across frames", []wsproto.Frame{frame(wsproto.OpText, false, "\xce"), frame(wsproto.OpContinuation, true, "\xba"), closing(1000, "")}, 1000, "\xce\xba"},
		{"bad rune across frames", []wsproto.Frame{frame(wsproto.OpText, false, "\xed"), frame(wsproto.OpContinuation, false, "\xa0")}, 1007, ""},
	}
	for _, server := range []bool{true, false} {
		for _, tt := range tests {
			t.Run(fmt.Sprintf("server=%t/%s", server, tt.name), func(t *testing.T) {
				c, peer := rawPair(t, server, nil)
				done := make(chan error, 1)
				go func() { done <- ws.Echo(context.Background(), c) }()
				got := peer.collect()
				for _, f := range tt.frames {
					if _, err := peer.Write(peer.frame(f)); err != nil {
						break // it has seen enough
					}
				}
				frames := <-got
				<-done
				var echo []string
				for _, f := range frames[:max(len(frames)-1, 0)] {
					echo = append(echo, string(f.Payload))
				}
				if got := strings.Join(echo, "|"); got != tt.echo {
					t.Errorf("got messages %q, want %q", got, tt.echo)
				}
				if len(frames) == 0 {
					t.Fatal("got no close frame")
				}
				code, _, err := wsproto.ParseClose(frames[len(frames)-1].Payload)
				if code != tt.want || err != nil {
					t.Errorf("got close %v, error %v; want %v", code, err, tt.want)
				}
			})
		}
		t.Run(fmt.Sprintf("server=%t/masking", server), func(t *testing.T) {
			c, peer := rawPair(t, server, nil)
			got := peer.collect()
			go func() {
				_, _ = peer.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: 1, Masked: !server}}))
			}()
			_, _, err := c.Read(context.Background())
			var pe *wsproto.ProtocolError
			if !errors.As(err, &pe) || pe.Section != "5.1" {
				t.Errorf("got error %v, want one of section 5.1", err)
			}
			<-got
		})
	}
}

// A text that dribbles in fails at the byte, with the frame unfinished.
func TestFailFast(t *testing.T) {
	for _, server := range []bool{true, false} {
		c, peer := rawPair(t, server, nil)
		got := peer.collect()
		whole := peer.frame(text("\xce\xba\xf4\x90\x80\x80 and more"))
		bad := len(whole) - len("\x90\x80\x80 and more")
		sent := make(chan int, 1)
		go func() {
			n := 0
			for _, b := range whole[:bad+1] {
				if _, err := peer.Write([]byte{b}); err != nil {
					break
				}
				n++
			}
			sent <- n
		}()
		_, _, err := c.Read(context.Background())
		var pe *wsproto.ProtocolError
		if !errors.As(err, &pe) || pe.Code != wsproto.StatusInvalidFramePayloadData {
			t.Errorf("server=%t: got error %v, want 1007", server, err)
		}
		if n := <-sent; n != bad+1 {
			t.Errorf("server=%t: got failure after %d bytes, want %d", server, n, bad+1)
		}
		<-got
	}
}

func TestEcho(t *testing.T) {
	deflates := map[string]*ws.Deflate{
		"plain": nil, "deflate": {}, "fresh": {DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}},
		"small windows": {DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 8, ClientMaxWindowBits: 9}},
		"all":           {Threshold: -1},
	}
	for name, d := range deflates {
		t.Run(name, func(t *testing.T) {
			client, server := pair(t, &ws.DialOptions{Options: ws.Options{Deflate: d}}, &ws.AcceptOptions{Options: ws.Options{Deflate: d}})
			if (client.Handshake().Header["Sec-Websocket-Extensions"] != nil) != (d != nil) {
				t.Fatalf("got deflate %v, want %v", client.Handshake().Header["Sec-Websocket-Extensions"], d)
			}
			echoed := make(chan error, 1)
			go func() { echoed <- ws.Echo(context.Background(), server) }()
			ctx := context.Background()
			for kind, data := range flatetest.Corpus(200_000) {
				for _, n := range []int{0, 1, 15, 16, 125, 126, 127, 128, 4096, 65535, 65536, 65537, 200_000} {
					p := data[:n]
					for _, size := range []int{0, 1000} {
						go func() {
							if err := client.WriteFragments(ctx, ws.MessageBinary, p, size); err != nil {
								t.Error(err)
							}
						}()
						typ, got, err := client.Read(ctx)
						if err != nil || typ != ws.MessageBinary || !bytes.Equal(got, p) {
							t.Fatalf("%s of %d: got %v of %d bytes, error %v", kind, n, typ, len(got), err)
						}
					}
				}
			}
			if _, err := client.Ping(ctx); err != nil {
				t.Error(err)
			}
			if err := client.Close(ws.StatusNormalClosure, "done"); err != nil {
				t.Errorf("close: %v", err)
			}
			var ce *ws.CloseError
			if err := <-echoed; !errors.As(err, &ce) || ce.Code != 1000 || ce.Reason != "done" {
				t.Errorf("got %v, want close 1000 done", err)
			}
		})
	}
}

func TestStream(t *testing.T) {
	for _, d := range []*ws.Deflate{nil, {}, {DeflateParams: wsproto.DeflateParams{ClientNoContextTakeover: true}}} {
		client, server := pair(t, &ws.DialOptions{Options: ws.Options{Deflate: d}}, &ws.AcceptOptions{Options: ws.Options{Deflate: d}})
		ctx := context.Background()
		go func() {
			for range 3 {
				w, err := client.Writer(ctx, ws.MessageText)
				if err != nil {
					t.Error(err)
					return
				}
				for _, p := range []string{"Ünï", "", "c\xc3", "\xb6d\xc3\xa9"} {
					if _, err := io.WriteString(w, p); err != nil {
						t.Error(err)
					}
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			w, _ := client.Writer(ctx, ws.MessageBinary)
			_ = w.Close()
			_ = client.Write(ctx, ws.MessageText, []byte("last"))
		}()
		for range 3 {
			typ, r, err := server.Reader(ctx)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || typ != ws.MessageText || string(got) != "Ünïcödé" {
				t.Errorf("got %v %q, error %v; want text Ünïcödé", typ, got, err)
			}
		}
		if typ, got, err := server.Read(ctx); err != nil || typ != ws.MessageBinary || len(got) != 0 {
			t.Errorf("got %v %q, error %v; want empty binary", typ, got, err)
		}
		if _, got, err := server.Read(ctx); err != nil || string(got) != "last" {
			t.Errorf("got %q, error %v; want last", got, err)
		}
	}
}

// A read that its context cut short loses nothing.
func TestReadContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPair(t, true, nil)
		whole := peer.frame(text("hello, world"))
		go func() {
			_, _ = peer.Write(whole[:9])
			time.Sleep(time.Minute)
			_, _ = peer.Write(whole[9:])
		}()
		ctx := within(t, time.Second)
		for range 2 {
			if _, _, err := c.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got error %v, want deadline exceeded", err)
			}
		}
		if _, got, err := c.Read(context.Background()); err != nil || string(got) != "hello, world" {
			t.Errorf("got %q, error %v; want hello, world", got, err)
		}
	})
}

func TestWriteContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := rawPair(t, true, nil)
		if err := c.Write(within(t, time.Second), ws.MessageText, []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want deadline exceeded", err)
		}
		if err := c.Write(context.Background(), ws.MessageText, []byte("x")); err == nil {
			t.Error("got no error after half a frame")
		}
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPair(t, true, nil)
		go func() {
			f, err := peer.next()
			if err != nil || f.Opcode != wsproto.OpPing {
				t.Errorf("got %v, error %v; want ping", f.Opcode, err)
			}
			time.Sleep(3 * time.Second)
			f.Opcode = wsproto.OpPong
			_, _ = peer.Write(append(peer.frame(frame(wsproto.OpPong, true, "other")), peer.frame(wsproto.Frame{
				Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPong}, Payload: f.Payload,
			})...))
			_, _ = peer.next() // and never answers
		}()
		if d, err := c.Ping(context.Background()); err != nil || d != 3*time.Second {
			t.Errorf("got %v, error %v; want 3s", d, err)
		}
		if _, err := c.Ping(within(t, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got error %v, want deadline exceeded", err)
		}
	})
}

func TestCloseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := rawPair(t, true, nil)
		go func() { _, _ = peer.next() }()
		start := time.Now()
		err := c.Close(ws.StatusNormalClosure, "")
		if !timedOut(err, "close") {
			t.Errorf("got error %v, want a close timeout", err)
		}
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("got an end after %v, want 10s", d)
		}
	})
}

func TestCloseDropsMessages(t *testing.T) {
	for _, server := range []bool{true, false} {
		c, peer := rawPair(t, server, &ws.Deflate{})
		go func() {
			_, _ = peer.next()
			_, _ = peer.Write(peer.frame(frame(wsproto.OpText, false, "un")))
			_, _ = peer.Write(peer.frame(frame(wsproto.OpContinuation, true, "read")))
			_, _ = peer.Write(peer.frame(closing(1000, "")))
			peer.Close()
		}()
		if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
			t.Errorf("server=%t: got error %v, want none", server, err)
		}
		if err := c.Write(context.Background(), ws.MessageText, nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("server=%t: got error %v, want net.ErrClosed", server, err)
		}
	}
}

// A length that was only claimed costs next to nothing.
func TestAllocation(t *testing.T) {
	res := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c, peer := limitless(b)
			go func() {
				_, _ = peer.Write(wsproto.AppendHeader(nil, wsproto.Header{Fin: true, Opcode: wsproto.OpBinary, Length: 1 << 40}))
				_, _ = peer.Write([]byte("abc"))
				peer.Close()
			}()
			if _, _, err := c.Read(context.Background()); !errors.Is(err, io.ErrUnexpectedEOF) {
				b.Fatalf("got error %v, want unexpected EOF", err)
			}
		}
	})
	if got := res.AllocedBytesPerOp(); got > 128<<10 {
		t.Errorf("got %d bytes allocated, want at most 128 KiB", got)
	}
}

func limitless(t testing.TB) (*ws.Conn, net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	peer := &rawPeer{Conn: far, t: t, server: true}
	go func() {
		key := headerOf(peer.head(), "Sec-WebSocket-Key")
		_, _ = io.WriteString(far, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+wsproto.AcceptKey(key)+"\r\n\r\n")
	}()
	c, err := ws.Dial(context.Background(), "ws://pipe/", &ws.DialOptions{
		Options: ws.Options{ReadLimit: -1},
		NetDial: func(context.Context, string, string) (net.Conn, error) { return near, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, far
}

// An inflated message counts in full against the limit, and is not inflated past
// it.
func TestBomb(t *testing.T) {
	for _, n := range []int{1 << 16, 1<<16 + 1, 1 << 24} {
		c, peer := rawPair(t, true, &ws.Deflate{})
		z := ws.Compress(make([]byte, n))
		f := frame(wsproto.OpBinary, true, string(z[:len(z)-4]))
		f.RSV = wsproto.RSV1
		got := peer.collect()
		go func() { _, _ = peer.Write(peer.frame(f)) }()
		_, p, err := c.Read(context.Background())
		if n == 1<<16 {
			if err != nil || len(p) != n {
				t.Errorf("got %d bytes, error %v; want %d", len(p), err, n)
			}
			continue
		}
		if !errors.Is(err, ws.ErrTooLarge) {
			t.Errorf("%d bytes: got error %v, want ErrTooLarge", n, err)
		}
		frames := <-got
		if code, _, _ := wsproto.ParseClose(frames[0].Payload); code != wsproto.StatusMessageTooBig {
			t.Errorf("got close %v, want 1009", code)
		}
	}
}

func TestConcurrentWrites(t *testing.T) {
	client, server := pair(t, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	ctx := context.Background()
	go func() { _ = ws.Echo(ctx, server) }()
	var wg sync.WaitGroup
	const writers, each = 8, 50
	for i := range writers {
		wg.Go(func() {
			p := bytes.Repeat([]byte{byte('a' + i)}, 300*i)
			for range each {
				if err := client.Write(ctx, ws.MessageText, p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range each {
			if _, err := client.Ping(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	for range writers * each {
		_, p, err := client.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(p) > 0 && !bytes.Equal(p, bytes.Repeat(p[:1], len(p))) {
			t.Fatalf("got a mixture: %.40q", p)
		}
	}
	stop := make(chan error, 1)
	go func() { stop <- client.Discard(ctx) }()
	wg.Wait()
	if err := client.Close(ws.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	<-stop
}
