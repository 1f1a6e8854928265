package compliance_test

import (
	"context"
	bigendian "encoding/binary"
	"math/bits"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var _ = Describe("RFC 6455 §5.1 who masks", Label("rfc6455-5.1"), func() {
	eachRole(func(r role) {
		wrong := "masked"
		if r == server {
			wrong = "unmasked"
		}
		DescribeTable("fails the connection with 1002 at an "+wrong+" frame",
			func(ctx SpecContext, frames ...frame) {
				w := open(ctx, r, setup{})
				w.SendMasking(r == client, frames...)
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("text", text("Hello")),
			entry("empty text", text("")),
			entry("binary", opcode(wsproto.OpBinary, "Hello")),
			entry("the first of two fragments", text("Hel").more(), cont("lo")),
			entry("ping", ping("Hello")),
			entry("empty ping", ping("")),
			entry("pong", pong("Hello")),
			entry("close", closing(1000, "")),
			entry("empty close", closing(wsproto.StatusNoStatusRcvd, "")),
		)

		it("fails the connection with 1002 at a later fragment that is "+wrong, Label("rfc6455-5.4"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("Hel").more())
			w.SendMasking(r == client, cont("lo"))
			Expect(w).To(FailWith(wsproto.StatusProtocolError))
		})
	})

	// A wire judges the mask bit of every frame; this has one of each kind.
	eachRole(func(r role) {
		it("keeps to its role in frames of every kind", Label("rfc6455-6.1"), func(ctx SpecContext) {
			w := open(ctx, r, setup{do: everyKind})
			want := []wsproto.Opcode{wsproto.OpText, wsproto.OpBinary, wsproto.OpText, wsproto.OpContinuation, wsproto.OpPong, wsproto.OpPing}
			for _, op := range want {
				f, err := w.next()
				Expect(err).NotTo(HaveOccurred(), "%s", w)
				Expect(f.Opcode).To(Equal(op), "%s", w)
				Expect(f.Masked).To(Equal(r == client), "%s", w)
			}
			w.Send(pong("\x00\x00\x00\x00\x00\x00\x00\x01"))
			Expect(w).To(ReceiveClose(wsproto.StatusNormalClosure, "done"))
			w.Send(closing(wsproto.StatusNormalClosure, ""))
			Expect(w).To(EndTCP())
		})
	})
})

// everyKind sends a frame of each kind.
func everyKind(ctx context.Context, c *ws.Conn) error {
	for _, typ := range []ws.MessageType{ws.MessageText, ws.MessageBinary} {
		if err := c.Write(ctx, typ, []byte("whole")); err != nil {
			return err
		}
	}
	if err := c.WriteFragments(ctx, ws.MessageText, []byte("fragment"), 4); err != nil {
		return err
	}
	if err := c.Pong(ctx, []byte("pong")); err != nil {
		return err
	}
	if _, err := c.Ping(ctx); err != nil {
		return err
	}
	return c.Close(wsproto.StatusNormalClosure, "done")
}

var _ = Describe("RFC 6455 §5.3 masking", Label("rfc6455-5.3"), func() {
	DescribeTable("a server unmasks with byte i mod 4 of the key", Label("server", "rfc6455-6.2"),
		func(ctx SpecContext, key string, length int) {
			payload := make([]byte, length)
			masked := make([]byte, length)
			for i := range payload {
				payload[i] = byte(i * 7)
				masked[i] = payload[i] ^ key[i%4]
			}
			head := []byte{0x82, 0xFE}
			head = append(bigendian.BigEndian.AppendUint16(head, uint16(length)), key...)
			w := open(ctx, server, setup{sip: 5}) // pieces that are no multiple of four
			w.SendRaw(append(head, masked...))
			Expect(w).To(EchoBinary(payload))
		},
		entry("a key of unlike bytes", "\x01\x20\x80\xFF", 1000),
		entry("a key of like bytes", "\x55\x55\x55\x55", 1001),
		entry("a key of zeros", "\x00\x00\x00\x00", 1002),
		entry("a key of ones", "\xFF\xFF\xFF\xFF", 1003),
	)

	it("a client takes a fresh key for each frame, and no byte of it stands still", Label("client", "rfc6455-10.3"), func(ctx SpecContext) {
		const frames = 200
		w := open(ctx, client, setup{do: func(ctx context.Context, c *ws.Conn) error {
			for range frames / 2 {
				if err := c.WriteFragments(ctx, ws.MessageText, []byte("same"), 2); err != nil {
					return err
				}
			}
			return nil
		}})
		seen := map[[4]byte]bool{}
		var ones [32]int
		var last uint32
		for i := range frames {
			f, err := w.next()
			Expect(err).NotTo(HaveOccurred(), "%s", w)
			Expect(seen).NotTo(HaveKey(f.MaskKey), "frame %d", i)
			seen[f.MaskKey] = true
			key := bigendian.BigEndian.Uint32(f.MaskKey[:])
			for b := range ones {
				ones[b] += int(key >> b & 1)
			}
			if i > 0 {
				Expect(bits.OnesCount32(key^last)).To(BeNumerically(">", 1), "bits that changed since the frame before %d", i)
			}
			last = key
		}
		// Each bit is one in half of the frames; 100 +- 50 is seven standard deviations.
		Expect(ones).To(HaveEach(BeNumerically("~", frames/2, frames/4)))
	})

	it("a client's masking hides the payload, and keeps its length", Label("client"), func(ctx SpecContext) {
		const payload = "the same bytes as on the wire"
		w := open(ctx, client, setup{})
		w.Send(text(payload))
		head := w.take(6)
		body := w.take(len(payload))
		Expect(head[:2]).To(Equal([]byte{0x81, 0x80 | byte(len(payload))}))
		Expect(body).NotTo(Equal([]byte(payload)))
		for i := range body {
			body[i] ^= head[2+i%4]
		}
		Expect(string(body)).To(Equal(payload))
	})
})
