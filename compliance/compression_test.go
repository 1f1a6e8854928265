package compliance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// openDeflate opens a connection with permessage-deflate and these parameters,
// which must come to be agreed.
func openDeflate(ctx context.Context, r role, params string, d ws.Deflate) *wire {
	GinkgoHelper()
	return openWith(ctx, r, params, setup{deflate: &d})
}

func openWith(ctx context.Context, r role, params string, s setup) *wire {
	GinkgoHelper()
	s.extensions = strings.TrimSuffix("permessage-deflate; "+params, "; ")
	w := open(ctx, r, s)
	if r == server {
		Expect(w.extensions).To(Equal(s.extensions))
	}
	w.extensions = s.extensions
	return w
}

// all compresses every message, however short.
var all = ws.Deflate{Threshold: -1}

// ours is a parameter for the compressor of the peer under spec.
func (r role) ours(param string) string { return string(r) + "_" + param }

// theirs is one for ours, at the other end.
func (r role) theirs(param string) string {
	if r == server {
		return client.ours(param)
	}
	return server.ours(param)
}

// inflated waits for a compressed message.
func (w *wire) inflated(u *unsqueezer) (op wsproto.Opcode, p []byte) {
	GinkgoHelper()
	op, rsv, z, err := w.message()
	Expect(err).NotTo(HaveOccurred(), "%s", w)
	Expect(rsv).To(Equal(wsproto.RSV1), "RSV1 of the message\n%s", w)
	p, err = u.message(z)
	Expect(err).NotTo(HaveOccurred(), "%s", w)
	return op, p
}

var _ = Describe("RFC 7692 §6 frames of compressed messages", Label("rfc7692-6.1", "rfc7692-6"), func() {
	eachRole(func(r role) {
		DescribeTable("fails the connection with 1002",
			func(ctx SpecContext, frames ...frame) {
				w := openDeflate(ctx, r, "", all)
				w.Send(frames...)
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("at RSV1 on a ping", ping("").rsv(wsproto.RSV1)),
			entry("at RSV1 on a pong", pong("").rsv(wsproto.RSV1)),
			entry("at RSV1 on a close frame", closing(1000, "").rsv(wsproto.RSV1)),
			entry("at RSV1 on a control frame between fragments", text(squeeze("a")).rsv(wsproto.RSV1).more(), ping("").rsv(wsproto.RSV1)),
			entry("at RSV1 on a later fragment of a compressed message", text(squeeze("a")).rsv(wsproto.RSV1).more(), cont("").rsv(wsproto.RSV1)),
			entry("at RSV1 on a later fragment of a plain message", text("a").more(), cont("b").rsv(wsproto.RSV1)),
			entry("at RSV2 on a text", text("").rsv(wsproto.RSV2), Label("rfc6455-5.2")),
			entry("at RSV3 on a binary", binary("").rsv(wsproto.RSV3), Label("rfc6455-5.2")),
			entry("at RSV1 and RSV2", text(squeeze("a")).rsv(wsproto.RSV1|wsproto.RSV2), Label("rfc6455-5.2")),
			entry("at RSV2 on a ping", ping("").rsv(wsproto.RSV2), Label("rfc6455-5.2")),
		)

		it("takes plain messages between compressed ones", Label("rfc7692-6.2"), func(ctx SpecContext) {
			w, u := openDeflate(ctx, r, "", all), &unsqueezer{}
			for i := range 6 {
				s := fmt.Sprintf("message %d", i)
				if i%2 == 0 {
					w.Send(text(s))
				} else {
					w.Send(text(squeeze(s)).rsv(wsproto.RSV1))
				}
				_, p := w.inflated(u)
				Expect(string(p)).To(Equal(s))
			}
		})

		it("sends plain messages without RSV1", func(ctx SpecContext) {
			w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 100})
			w.Send(text(squeeze("short")).rsv(wsproto.RSV1))
			Expect(w).To(EchoText("short"))
		})

		it("compresses first and fragments then", Label("rfc7692-7.2.1"), func(ctx SpecContext) {
			payload := strings.Repeat("compressed, then cut; ", 30)
			w := openWith(ctx, r, "", setup{deflate: &all, do: func(ctx context.Context, c *ws.Conn) error {
				return c.WriteFragments(ctx, ws.MessageBinary, []byte(payload), 7)
			}})
			op, p := w.inflated(&unsqueezer{}) // RSV1 of later fragments is judged there
			Expect(op).To(Equal(wsproto.OpBinary))
			Expect(string(p)).To(Equal(payload))
		})

		it("compresses a message that it streams", Label("rfc7692-7.2.1"), func(ctx SpecContext) {
			w := openWith(ctx, r, "", setup{deflate: &all, do: func(ctx context.Context, c *ws.Conn) error {
				for range 2 {
					m, err := c.Writer(ctx, ws.MessageText)
					if err != nil {
						return err
					}
					for _, piece := range []string{"", "a stream ", "of pieces", ""} {
						if _, err := m.Write([]byte(piece)); err != nil {
							return err
						}
					}
					if err := m.Close(); err != nil {
						return err
					}
				}
				return nil
			}})
			u := &unsqueezer{}
			for range 2 {
				_, p := w.inflated(u)
				Expect(string(p)).To(Equal("a stream of pieces"))
			}
		})
	})
})

var _ = Describe("RFC 7692 §7.2 compression", Label("rfc7692-7.2.2"), func() {
	eachRole(func(r role) {
		DescribeTable("inflates the examples of the RFC", Label("rfc7692-7.2.3"),
			func(ctx SpecContext, want string, frames ...frame) {
				w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 1000})
				w.Send(frames...)
				Expect(w).To(EchoText(want))
			},
			entry("one block", "Hello",
				text("\xf2\x48\xcd\xc9\xc9\x07\x00").rsv(wsproto.RSV1)),
			entry("two fragments", "Hello",
				text("\xf2\x48\xcd").rsv(wsproto.RSV1).more(), cont("\xc9\xc9\x07\x00")),
			entry("a block without compression", "Hello",
				text("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00").rsv(wsproto.RSV1)),
			entry("a block with BFINAL", "Hello",
				text("\xf3\x48\xcd\xc9\xc9\x07\x00\x00").rsv(wsproto.RSV1)),
			entry("two blocks", "Hello",
				text("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00").rsv(wsproto.RSV1)),
			entry("an empty message", "",
				text("\x00").rsv(wsproto.RSV1)),
		)

		it("inflates the example of a message that reuses the window", Label("rfc7692-7.2.3"), func(ctx SpecContext) {
			w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 1000})
			w.Send(text("\xf2\x48\xcd\xc9\xc9\x07\x00").rsv(wsproto.RSV1), text("\xf2\x00\x11\x00\x00").rsv(wsproto.RSV1))
			Expect(w).To(EchoText("Hello"))
			Expect(w).To(EchoText("Hello"))
		})

		DescribeTable("inflates what a compressor may send", Label("rfc7692-7.2.1"),
			func(ctx SpecContext, want string, frames ...frame) {
				w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 1 << 20})
				w.Send(frames...)
				Expect(w).To(EchoBinary([]byte(want)))
				w.Send(binary(squeeze("and the next")).rsv(wsproto.RSV1))
				Expect(w).To(EchoBinary([]byte("and the next")))
			},
			entry("byte by byte", fragments("Hello, Hello", 1)...),
			entry("an empty first fragment", "Hello", binary("").rsv(wsproto.RSV1).more(), cont(squeeze("Hello"))),
			entry("an empty last fragment", "Hello", binary(squeeze("Hello")).rsv(wsproto.RSV1).more(), cont("")),
			entry("a flush in the middle", "Hello", binary(squeeze("Hel")+"\x00\x00\xff\xff"+squeeze("lo")).rsv(wsproto.RSV1)),
			entry("a tail that was left in place, empty blocks and all", "Hello", binary(squeeze("Hello")+"\x00\x00\xff\xff\x00").rsv(wsproto.RSV1)),
			entry("a long match over several fragments", fragments(strings.Repeat("a", 100_000), 10)...),
			entry("matches of length 258", strings.Repeat("abc", 400), binary(squeeze(strings.Repeat("abc", 400))).rsv(wsproto.RSV1)),
			entry("dynamic codes", corpus(50_000), binary(squeeze(corpus(50_000))).rsv(wsproto.RSV1)),
			entry("two streams that end with BFINAL", "HelloHello",
				binary((&crafter{}).begin(true).literals("Hello").end().padded()+(&crafter{}).begin(true).literals("Hello").end().padded()+"\x00").rsv(wsproto.RSV1)),
			entry("an empty message of one byte", "", binary("\x00").rsv(wsproto.RSV1)),
			entry("an empty message of an empty block", "", binary("\x02\x00").rsv(wsproto.RSV1)),
		)

		DescribeTable("fails the connection with 1007 at what is no DEFLATE data", Label("rfc6455-7.4.1"),
			func(ctx SpecContext, frames ...frame) {
				w := openDeflate(ctx, r, "", all)
				w.Send(frames...)
				Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
			},
			entry("a block of type 3", binary("\x07\x00").rsv(wsproto.RSV1)),
			entry("a block of type 3, in a message that has not ended", binary("\x07\x00").rsv(wsproto.RSV1).more()),
			entry("a stored block whose length is spoilt", binary("\x00\x05\x00\xfa\xfeHello\x00").rsv(wsproto.RSV1)),
			entry("a stored block that is cut short", binary("\x00\x05\x00\xfa\xffHel").rsv(wsproto.RSV1)),
			entry("a block that is cut short", binary("\xf2\x48\xcd").rsv(wsproto.RSV1)),
			entry("a match in front of the first byte", binary((&crafter{}).begin(false).literals("ab").match(3).end().flushed()).rsv(wsproto.RSV1)),
			entry("a length symbol that does not exist", binary("\x1b\x03\x00").rsv(wsproto.RSV1)),
			entry("dynamic codes that are too many", binary("\xfc\xff\xff\xff").rsv(wsproto.RSV1)),
			entry("plain text", text("this was never compressed").rsv(wsproto.RSV1)),
		)

		it("compresses an empty message to something that inflates", Label("rfc7692-7.2.3"), func(ctx SpecContext) {
			w := openWith(ctx, r, "", setup{deflate: &all, do: func(ctx context.Context, c *ws.Conn) error {
				m, err := c.Writer(ctx, ws.MessageText)
				if err != nil {
					return err
				}
				return m.Close()
			}})
			_, p := w.inflated(&unsqueezer{})
			Expect(p).To(BeEmpty())
		})
	})
})

var _ = Describe("RFC 7692 §7.1.1 context takeover", Label("rfc7692-7.1.1"), func() {
	const s = "a message that has nothing in itself to repeat: 0123456789"
	eachRole(func(r role) {
		it("reuses its window unless that was ruled out", Label("rfc7692-7.2.1"), func(ctx SpecContext) {
			w, u := openDeflate(ctx, r, "", all), &unsqueezer{}
			w.Send(text(s), text(s))
			_, p := w.inflated(u)
			Expect(string(p)).To(Equal(s))
			Expect(u.farthest).To(BeNumerically("<", len(s)))
			_, p = w.inflated(u)
			Expect(string(p)).To(Equal(s))
			Expect(u.farthest).To(Equal(len(s)), "of the second message all is in the first")
		})

		it("compresses each message on its own if that was agreed", Label("rfc7692-7.2.1", "rfc7692-"+r.section()), func(ctx SpecContext) {
			w := openDeflate(ctx, r, r.ours("no_context_takeover"), all)
			for range 3 {
				w.Send(text(s))
				_, p := w.inflated(&unsqueezer{}) // has no history to fall back on
				Expect(string(p)).To(Equal(s))
			}
		})

		it("keeps the window of the other end", func(ctx SpecContext) {
			w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 1000})
			w.Send(binary((&crafter{}).begin(false).literals("abc").end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte("abc")))
			w.Send(binary("a plain message is no part of it"))
			Expect(w).To(EchoBinary([]byte("a plain message is no part of it")))
			w.Send(binary((&crafter{}).begin(false).match(3).end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte("abc")))
		})

		it("keeps the window of the other end over BFINAL", Label("rfc7692-7.2.3"), func(ctx SpecContext) {
			w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 1000})
			w.Send(binary((&crafter{}).begin(true).literals("abc").end().padded() + "\x00").rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte("abc")))
			w.Send(binary((&crafter{}).begin(false).match(3).end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte("abc")))
		})

		it("fails the connection if the other end reuses its window although it must not", func(ctx SpecContext) {
			w := openDeflate(ctx, r, r.theirs("no_context_takeover"), ws.Deflate{Threshold: 1000})
			w.Send(binary((&crafter{}).begin(false).literals("abc").end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte("abc")))
			w.Send(binary((&crafter{}).begin(false).match(3).end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
		})
	})
})

// section is where the parameter for the peer's own context is defined.
func (r role) section() string {
	if r == server {
		return "7.1.1.1"
	}
	return "7.1.1.2"
}

var _ = Describe("RFC 7692 §7.1.2 windows", Label("rfc7692-7.1.2"), func() {
	windowBits := func(args ...any) (list []TableEntry) {
		for n := 8; n <= 15; n++ {
			list = append(list, entry(fmt.Sprintf("of 2^%d bytes", n), append([]any{n}, args...)...))
		}
		return list
	}
	eachRole(func(r role) {
		DescribeTable("keeps what it compresses within the window that was agreed", Label("rfc7692-7.2.1"),
			func(ctx SpecContext, n int) {
				w := openDeflate(ctx, r, r.ours("max_window_bits")+fmt.Sprintf("=%d", n), all)
				u := &unsqueezer{}
				for _, message := range []string{farRepeats(1 << n), farRepeats(1 << n), corpus(5000)} {
					w.Send(binary(message))
					_, p := w.inflated(u)
					Expect(string(p)).To(Equal(message), "the message comes back")
					Expect(u.farthest).To(BeNumerically("<=", 1<<n))
				}
				Expect(u.farthest).To(BeNumerically(">", 1<<n-1<<(n-2)), "there was something to find that far")
			}, windowBits())

		DescribeTable("inflates what reaches back to the end of the window, and no farther",
			func(ctx SpecContext, n int) {
				w := openDeflate(ctx, r, r.theirs("max_window_bits")+fmt.Sprintf("=%d", n), ws.Deflate{Threshold: 1 << 20})
				window := 1 << n
				filler := "abc" + strings.Repeat("*", window-3)
				w.Send(binary((&crafter{}).begin(false).literals(filler).match(window).end().flushed()).rsv(wsproto.RSV1))
				Expect(w).To(EchoBinary([]byte(filler + "abc")))
				if n == 15 {
					return // no distance is greater
				}
				w.Send(binary((&crafter{}).begin(false).match(window + 1).end().flushed()).rsv(wsproto.RSV1))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, windowBits())

		it("is of 32 KiB if nothing else was agreed", Label("rfc7692-7.2.2"), func(ctx SpecContext) {
			w := openDeflate(ctx, r, "", ws.Deflate{Threshold: 1 << 20})
			filler := "abc" + strings.Repeat("*", 1<<15-3)
			w.Send(binary((&crafter{}).begin(false).literals(filler).end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte(filler)))
			w.Send(binary((&crafter{}).begin(false).match(1 << 15).end().flushed()).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary([]byte("abc")))
		})
	})
})

var _ = Describe("RFC 7692 §8 a small message that grows", Label("rfc7692-8", "rfc6455-10.4", "rfc6455-7.4.1"), func() {
	const limit = 10_000
	eachRole(func(r role) {
		openLimited := func(ctx context.Context) *wire {
			GinkgoHelper()
			return openWith(ctx, r, "", setup{deflate: &ws.Deflate{Threshold: 1 << 20}, readLimit: limit})
		}
		it("may grow to the limit", func(ctx SpecContext) {
			w := openLimited(ctx)
			w.Send(binary(squeeze(strings.Repeat("a", limit))).rsv(wsproto.RSV1))
			Expect(w).To(EchoBinary(bytes.Repeat([]byte("a"), limit)))
		})
		it("may not grow beyond it, by a byte", func(ctx SpecContext) {
			w := openLimited(ctx)
			w.Send(binary(squeeze(strings.Repeat("a", limit+1))).rsv(wsproto.RSV1))
			Expect(w).To(FailWith(wsproto.StatusMessageTooBig))
			Expect(errors.Is(w.wait(), ws.ErrTooLarge)).To(BeTrue())
		})
		it("is refused before it has ended", func(ctx SpecContext) {
			w := openLimited(ctx)
			w.Send(binary(squeeze(strings.Repeat("a", 1<<20))).rsv(wsproto.RSV1).more())
			Expect(w).To(FailWith(wsproto.StatusMessageTooBig))
		})
	})
})

// fragments is a message, and the fragments it is compressed to.
func fragments(s string, size int) []any {
	list := []any{s}
	for piece := range slices.Chunk([]byte(squeeze(s)), size) {
		f := cont(string(piece)).more()
		if len(list) == 1 {
			f = binary(string(piece)).rsv(wsproto.RSV1).more()
		}
		list = append(list, f)
	}
	return append(list, cont(""))
}

// corpus is text of so many bytes, the same each time.
func corpus(size int) string {
	rng := rand.New(rand.NewPCG(7, 692))
	words := strings.Fields("the window of a sender slides over 1234 5678 bytes; repeated matches reach back, farther and farther")
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[rng.IntN(len(words))] + " ")
	}
	return b.String()[:size]
}

// farRepeats is noise in which strings come again at distances up to twice the
// window, just inside and just outside of it too. Half of it is repeats: with much
// less it is not worth compressing, and would be sent as it is.
func farRepeats(window int) string {
	rng := rand.New(rand.NewPCG(9, uint64(window)))
	p := make([]byte, 0, 3*window)
	for len(p) < 3*window {
		for _, distance := range []int{window / 2, window - 9, window, window + 1, window + 9, 2 * window} {
			for range 16 {
				p = append(p, byte(rng.Uint32()))
			}
			if distance <= len(p) {
				p = append(p, p[len(p)-distance:][:min(64, distance)]...)
			}
		}
	}
	return string(p)
}
