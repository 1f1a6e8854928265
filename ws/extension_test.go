package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A tagger is an extension whose codec puts a tag in front of each payload.
type tagger struct {
	name    string
	rsv     uint8
	opcodes []wsproto.Opcode
	control *atomic.Value // the payload of the last control frame; nil: none expected
}

func (x tagger) Offer() []wsproto.Extension { return []wsproto.Extension{{Name: x.name}} }

func (x tagger) Accept(offer wsproto.Extension) (wsproto.Extension, ws.Codec) {
	if offer.Name != x.name {
		return wsproto.Extension{}, nil
	}
	return wsproto.Extension{Name: x.name}, x
}

func (x tagger) Confirm(wsproto.Extension) (ws.Codec, error) { return x, nil }

func (x tagger) Reserves() (uint8, []wsproto.Opcode) { return x.rsv, x.opcodes }

func (x tagger) Encode(f wsproto.Frame) (wsproto.Frame, error) {
	if string(f.Payload) == "poison" {
		return f, errors.New("poisoned")
	}
	f.RSV |= x.rsv
	f.Payload = append([]byte(x.name), f.Payload...)
	return f, nil
}

func (x tagger) Decode(f wsproto.Frame) (wsproto.Frame, error) {
	p, ok := bytes.CutPrefix(f.Payload, []byte(x.name))
	if !ok {
		return f, errors.New("no tag")
	}
	f.RSV &^= x.rsv
	f.Payload = p
	if f.Opcode.Control() && x.control != nil {
		x.control.Store(string(p))
	}
	return f, nil
}

// What a program sends comes out as it was, whatever stands in between.
func TestExtensions(t *testing.T) {
	var seen atomic.Value
	list := []ws.Extension{
		tagger{name: "a", rsv: wsproto.RSV3, opcodes: []wsproto.Opcode{3}, control: &seen},
		tagger{name: "b", opcodes: []wsproto.Opcode{7, 11}},
	}
	for _, deflate := range []*ws.Deflate{nil, {}} {
		for _, batch := range []bool{false, true} {
			t.Run(fmt.Sprintf("deflate=%t/batch=%t", deflate != nil, batch), func(t *testing.T) {
				client, server := pair(t, &ws.DialOptions{Options: ws.Options{Extensions: list, Deflate: deflate}}, &ws.AcceptOptions{Options: ws.Options{Extensions: list, Deflate: deflate}})
				ctx := within(t, 10*time.Second)
				go func() { _ = ws.Echo(context.Background(), server) }()
				if err := client.SetBatch(ctx, batch); err != nil {
					t.Fatal(err)
				}
				long := bytes.Repeat([]byte("0123456789"), 30_000)
				check := func(typ ws.MessageType, want []byte) {
					t.Helper()
					gotTyp, got, err := client.Read(ctx)
					if err != nil || gotTyp != typ || !bytes.Equal(got, want) {
						t.Fatalf("got %v of %d bytes, error %v, want %v of %d bytes", gotTyp, len(got), err, typ, len(want))
					}
				}
				for _, typ := range []ws.MessageType{ws.MessageText, ws.MessageBinary, 3, 7} {
					for _, p := range [][]byte{{}, []byte("hello, hello, hello, hello"), long} {
						written := make(chan error, 1)
						go func() { written <- errors.Join(client.Write(ctx, typ, p), client.SetBatch(ctx, true)) }()
						check(typ, p)
						if err := <-written; err != nil {
							t.Fatal(err)
						}
						go func() { written <- errors.Join(client.WriteFragments(ctx, typ, p, 9000), client.SetBatch(ctx, true)) }()
						check(typ, p)
						if err := <-written; err != nil {
							t.Fatal(err)
						}
					}
				}
				w, err := client.Writer(ctx, 3)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = w.Write([]byte("one "))
				if err := client.Write(ctx, 11, []byte("between")); err != nil {
					t.Fatal(err)
				}
				_, _ = w.Write([]byte("two"))
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				check(3, []byte("one two"))
				if seen.Swap("") != "between" {
					t.Error("the control frame did not get to the other side")
				}
				if missed, err := ws.Broadcast(slices.Values([]*ws.Conn{client}), ws.MessageText, []byte("to all")); missed != nil || err != nil {
					t.Errorf("broadcast: %v missed, error %v", missed, err)
				}
				check(ws.MessageText, []byte("to all"))
				if err := client.Send(ctx, 7, []byte("queued")); err != nil {
					t.Fatal(err)
				}
				check(7, []byte("queued"))
				if err := client.Write(ctx, 4, nil); err == nil {
					t.Error("got no error of an opcode that no extension has")
				}
				if err := client.Write(ctx, 11, make([]byte, 126)); err == nil {
					t.Error("got no error of a control frame of 126 bytes")
				}
				if _, err := client.Writer(ctx, 11); err == nil {
					t.Error("got no error of a control frame in pieces")
				}
				if err := client.Close(ws.StatusNormalClosure, ""); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A read that ends in the middle of a frame goes on with the next, whatever call that is.
func TestExtensionReadInterrupted(t *testing.T) {
	x := []ws.Extension{tagger{name: "tag", rsv: wsproto.RSV2}}
	near, server := extended(t, x)
	p := wsproto.AppendFrame(nil, wsproto.Frame{
		Header:  wsproto.Header{Fin: true, RSV: wsproto.RSV2, Opcode: wsproto.OpBinary, Masked: true, MaskKey: [4]byte{1, 2, 3, 4}},
		Payload: []byte("tagmessage"),
	})
	// The rest looks like a header of its own.
	go func() { _, _ = near.Write(p[:9]) }()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := server.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got error %v, want that of the context", err)
	}
	short, cancelShort := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancelShort()
	go func() { _, _ = near.next() }() // the ping
	if _, err := server.Ping(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a ping in front of a message that has begun: got error %v, want that of the context", err)
	}
	if err := server.Wait(context.Background()); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = near.Write(p[9:]) }()
	if _, got, err := server.Read(within(t, 10*time.Second)); string(got) != "message" || err != nil {
		t.Errorf("got %q, error %v", got, err)
	}
}

// extended is a server's connection with extensions, and its peer.
func extended(t *testing.T, list []ws.Extension) (*rawPeer, *ws.Conn) {
	t.Helper()
	client, server := pair(t, &ws.DialOptions{Options: ws.Options{Extensions: list, PingInterval: -1}},
		&ws.AcceptOptions{Options: ws.Options{Extensions: list, ReadLimit: 1000, PingInterval: -1}})
	nc, _, err := client.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	return &rawPeer{Conn: nc, t: t}, server
}

func TestExtensionFails(t *testing.T) {
	list := []ws.Extension{tagger{name: "tag", rsv: wsproto.RSV2, opcodes: []wsproto.Opcode{11}}}
	tests := []struct {
		name string
		rsv  uint8
		op   wsproto.Opcode
		p    string
		want wsproto.StatusCode
	}{
		{"no tag", wsproto.RSV2, wsproto.OpBinary, "hello", wsproto.StatusProtocolError},
		{"control frame without a tag", 0, 11, "hello", wsproto.StatusProtocolError},
		{"bit that is not taken back", wsproto.RSV3, wsproto.OpBinary, "taghello", wsproto.StatusProtocolError},
		{"opcode of no extension", 0, 3, "taghello", wsproto.StatusProtocolError},
		{"too long", 0, wsproto.OpBinary, "tag" + strings.Repeat("x", 1000), wsproto.StatusMessageTooBig},
		{"text that is not UTF-8", 0, wsproto.OpText, "tag\xff", wsproto.StatusInvalidFramePayloadData},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			near, server := extended(t, list)
			frames := near.collect()
			go func() {
				_, _ = near.Write(near.frame(wsproto.Frame{Header: wsproto.Header{Fin: true, RSV: tt.rsv, Opcode: tt.op}, Payload: []byte(tt.p)}))
			}()
			if _, _, err := server.Read(within(t, 10*time.Second)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got error %v, want what was wrong", err)
			}
			got := <-frames
			if len(got) != 1 {
				t.Fatalf("got frames %v, want a close frame", got)
			}
			if code, _, _ := wsproto.ParseClose(got[0].Payload); code != tt.want {
				t.Errorf("got code %v, want %v", code, tt.want)
			}
		})
	}
	t.Run("encode", func(t *testing.T) {
		_, server := extended(t, list)
		if err := server.Write(within(t, 10*time.Second), ws.MessageText, []byte("poison")); err == nil || !strings.Contains(err.Error(), "poisoned") {
			t.Errorf("got error %v, want that of Encode", err)
		}
		<-server.Done()
	})
}

func TestExtensionNegotiation(t *testing.T) {
	one, same, other := tagger{name: "one", rsv: wsproto.RSV2}, tagger{name: "same", rsv: wsproto.RSV2}, tagger{name: "other", rsv: wsproto.RSV1}
	tests := []struct {
		name          string
		client, serve []ws.Extension
		deflate       bool
		want          string
	}{
		{"nothing in common", []ws.Extension{one}, []ws.Extension{same}, false, ""},
		{"the same bit", []ws.Extension{one, same}, []ws.Extension{one, same}, false, "one"},
		{"the bit of compression", []ws.Extension{other}, []ws.Extension{other}, true, "permessage-deflate"},
		{"that bit without compression", []ws.Extension{other, one}, []ws.Extension{one, other}, false, "one, other"},
		{"client without", nil, []ws.Extension{one}, false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dial, accept := &ws.DialOptions{Options: ws.Options{Extensions: tt.client}}, &ws.AcceptOptions{Options: ws.Options{Extensions: tt.serve}}
			if tt.deflate {
				dial.Deflate, accept.Deflate = &ws.Deflate{}, &ws.Deflate{}
			}
			client, _ := pair(t, dial, accept)
			var names []string
			if value := client.Handshake().Header.Get("Sec-WebSocket-Extensions"); value != "" {
				list, err := wsproto.ParseExtensions(value)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range list {
					names = append(names, e.Name)
				}
			}
			if got := strings.Join(names, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzReadExtended reads what a peer sends on a connection with compression, two
// extensions and opcodes of theirs, through calls that end in the middle of frames.
func FuzzReadExtended(f *testing.F) {
	peer := &rawPeer{}
	add := func(frames ...wsproto.Frame) {
		var p []byte
		for _, fr := range frames {
			p = append(p, peer.frame(fr)...)
		}
		f.Add(p, uint8(1))
		f.Add(p, uint8(7))
	}
	rsv := func(rsv uint8, fr wsproto.Frame) wsproto.Frame { fr.RSV = rsv; return fr }
	z := ws.Compress([]byte("hello hello hello"))
	add(rsv(wsproto.RSV3, text("bahello")), rsv(wsproto.RSV3, frame(11, true, "bapayload")))
	add(rsv(wsproto.RSV3, frame(3, false, "bax")), rsv(wsproto.RSV3, frame(11, true, "ba")), rsv(wsproto.RSV3, frame(wsproto.OpContinuation, true, "bay")))
	add(rsv(wsproto.RSV1|wsproto.RSV3, frame(wsproto.OpText, true, "ba"+string(z[:len(z)-4]))), closing(1000, "bye"))
	add(text("no tag"))
	list := []ws.Extension{tagger{name: "a", rsv: wsproto.RSV3, opcodes: []wsproto.Opcode{3}}, tagger{name: "b", opcodes: []wsproto.Opcode{7, 11}}}
	f.Fuzz(func(t *testing.T, p []byte, piece uint8) {
		const limit = 1 << 12
		req := request("Sec-WebSocket-Extensions: permessage-deflate, a, b")
		rest := bytes.NewReader(p)
		nc := &stubConn{in: io.MultiReader(strings.NewReader(req), readerFunc(func(b []byte) (int, error) {
			return rest.Read(b[:min(len(b), int(piece)+1)])
		}))}
		c, err := ws.AcceptNet(context.Background(), nc, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}, Extensions: list, ReadLimit: limit}})
		if err != nil {
			t.Fatal(err)
		}
		for {
			typ, m, err := c.Read(context.Background())
			if err != nil {
				break
			}
			if len(m) > limit {
				t.Fatalf("got %d bytes, limit %d", len(m), limit)
			}
			switch typ {
			case ws.MessageText, ws.MessageBinary, 3, 7:
			default:
				t.Fatalf("got a message of type %v", typ)
			}
		}
		select {
		case <-c.Done():
		default:
			t.Error("the connection has not ended")
		}
	})
}
