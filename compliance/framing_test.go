package compliance_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// lengths are those where the form of the length changes, and their neighbours.
var lengths = []int{0, 1, 125, 126, 127, 65535, 65536}

var _ = Describe("RFC 6455 §5.2 base framing", Label("rfc6455-5.2"), func() {
	eachRole(func(r role) {
		DescribeTable("understands and writes lengths in their shortest form",
			func(ctx SpecContext, op wsproto.Opcode, length int) {
				payload := strings.Repeat("*", length)
				w := open(ctx, r, setup{})
				w.Send(opcode(op, payload))
				Expect(w).To(echo(op, []byte(payload)))
				Expect(w).To(Live())
			}, func() (list []TableEntry) {
				for _, length := range lengths {
					for _, op := range []wsproto.Opcode{wsproto.OpText, wsproto.OpBinary} {
						list = append(list, entry(fmt.Sprintf("%s of %d bytes", op, length), op, length))
					}
				}
				return list
			}())

		DescribeTable("fails the connection with 1002 at a length that is not in its shortest form",
			func(ctx SpecContext, op wsproto.Opcode, length int, form wsproto.LengthForm) {
				w := open(ctx, r, setup{})
				w.Send(opcode(op, strings.Repeat("*", length)).form(form))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("0 in 16 bits", wsproto.OpText, 0, wsproto.Form16),
			entry("0 in 64 bits", wsproto.OpText, 0, wsproto.Form64),
			entry("1 in 16 bits", wsproto.OpBinary, 1, wsproto.Form16),
			entry("125 in 16 bits", wsproto.OpText, 125, wsproto.Form16),
			entry("125 in 64 bits", wsproto.OpBinary, 125, wsproto.Form64),
			entry("126 in 64 bits", wsproto.OpText, 126, wsproto.Form64),
			entry("65535 in 64 bits", wsproto.OpBinary, 65535, wsproto.Form64),
			entry("a ping's 5 in 16 bits", wsproto.OpPing, 5, wsproto.Form16),
			entry("a pong's 5 in 64 bits", wsproto.OpPong, 5, wsproto.Form64),
		)

		DescribeTable("fails the connection with 1002 at a 64-bit length with its top bit set, before any payload",
			func(ctx SpecContext, length uint64) {
				w := open(ctx, r, setup{})
				w.Send(binary("").claim(length))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("2^63", uint64(1)<<63),
			entry("2^63 + 1", uint64(1)<<63+1),
			entry("2^64 - 1", ^uint64(0)),
		)

		DescribeTable("fails the connection with 1002 when a reserved bit is set without an extension",
			func(ctx SpecContext, rsv uint8, op wsproto.Opcode) {
				w := open(ctx, r, setup{})
				if op == wsproto.OpContinuation {
					w.Send(text("a message to continue").more())
				}
				w.Send(opcode(op, "").rsv(rsv))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, func() (list []TableEntry) {
				for rsv := uint8(1); rsv <= 7; rsv++ {
					for _, op := range append(dataOpcodes, controlOpcodes...) {
						list = append(list, entry(fmt.Sprintf("RSV %03b on %s", rsv, op), rsv, op))
					}
				}
				return list
			}())

		DescribeTable("fails the connection with 1002 at a reserved opcode",
			func(ctx SpecContext, op wsproto.Opcode) {
				w := open(ctx, r, setup{})
				w.Send(opcode(op, "unknown"))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, func() (list []TableEntry) {
				for _, op := range reservedOpcodes {
					list = append(list, entry(op.String(), op))
				}
				return list
			}())

		DescribeTable("judges a frame by its first two bytes, without waiting for the rest",
			func(ctx SpecContext, b0, b1 byte) {
				if r == server {
					b1 |= 0x80
				}
				w := open(ctx, r, setup{})
				w.SendRaw([]byte{b0, b1})
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("RSV2", byte(0xA1), byte(127)),
			entry("opcode 3", byte(0x83), byte(126)),
			entry("fragmented ping", byte(0x09), byte(4)),
			entry("ping of more than 125 bytes", byte(0x89), byte(126)),
		)

		it("answers frames before the illegal one, and nothing after it", Label("rfc6455-7.1.7"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("before"), text("").rsv(wsproto.RSV3), text("after"), ping("after"))
			Expect(w).To(EchoText("before"))
			Expect(w).To(FailWith(wsproto.StatusProtocolError))
		})

		DescribeTable("reads frames however TCP cuts them up", Label("rfc6455-6.2"),
			func(ctx SpecContext, sip int) {
				w := open(ctx, r, setup{sip: sip})
				w.Send(text("one"), ping("two"), binary("three").more(), ping("four"), cont("five"), text(strings.Repeat("6", 300)))
				Expect(w).To(EchoText("one"))
				Expect(w).To(ReceivePong("two"))
				Expect(w).To(ReceivePong("four"))
				Expect(w).To(EchoBinary([]byte("threefive")))
				Expect(w).To(EchoText(strings.Repeat("6", 300)))
			},
			entry("byte by byte", 1),
			entry("two bytes at a time", 2),
			entry("seven bytes at a time", 7),
			entry("whole", 0),
		)

		it("tells text from binary by the opcode of the first frame", Label("rfc6455-5.6", "rfc6455-6.2"), func(ctx SpecContext) {
			all := make([]byte, 256)
			for i := range all {
				all[i] = byte(i)
			}
			w := open(ctx, r, setup{})
			w.Send(binary(string(all)), text("\x00\x7F"), binary("text?"))
			Expect(w).To(EchoBinary(all))
			Expect(w).To(EchoText("\x00\x7F"))
			Expect(w).To(EchoBinary([]byte("text?")))
		})

		it("waits for frames as long as they take", func(SpecContext) {
			bubble(func(ctx context.Context) {
				w := start(ctx, r, setup{})
				defer w.stop()
				w.shake(setup{})
				f := text("Hello").Frame
				if f.Masked = r == server; f.Masked {
					f.MaskKey = [4]byte{1, 2, 3, 4}
				}
				for _, b := range wsproto.AppendFrame(nil, f) {
					time.Sleep(time.Hour) // fake
					w.SendRaw([]byte{b})
				}
				Expect(w).To(EchoText("Hello"))
			})
		})
	})
})

// The examples of the RFC stand for what the specs take for granted: that the
// codec with which they write and read frames means what the RFC means.
var _ = Describe("RFC 6455 §5.7 examples", Label("rfc6455-5.7"), func() {
	DescribeTable("a client's frame is understood by a server", Label("server"),
		func(ctx SpecContext, sent string, check func(*wire)) {
			w := open(ctx, server, setup{})
			w.SendRaw(unhex(sent))
			check(w)
		},
		entry("masked text Hello", "818537fa213d7f9f4d5158", func(w *wire) {
			Expect(w).To(EchoText("Hello"))
		}),
		entry("masked pong Hello", "8a8537fa213d7f9f4d5158", func(w *wire) {
			Expect(w).To(Live())
		}),
	)

	DescribeTable("a server's frame is understood by a client", Label("client"),
		func(ctx SpecContext, sent string, check func(*wire)) {
			w := open(ctx, client, setup{})
			w.SendRaw(unhex(sent))
			check(w)
		},
		entry("text Hello", "810548656c6c6f", func(w *wire) {
			Expect(w).To(EchoText("Hello"))
		}),
		entry("text Hello in two fragments", "010348656c"+"80026c6f", func(w *wire) {
			Expect(w).To(EchoText("Hello"))
		}),
		entry("ping Hello", "890548656c6c6f", func(w *wire) {
			Expect(w).To(ReceivePong("Hello"))
		}),
		entry("256 bytes of binary", "827e0100"+strings.Repeat("42", 256), func(w *wire) {
			Expect(w).To(EchoBinary(bytes.Repeat([]byte{0x42}, 256)))
		}),
		entry("64 KiB of binary", "827f0000000000010000"+strings.Repeat("42", 65536), func(w *wire) {
			Expect(w).To(EchoBinary(bytes.Repeat([]byte{0x42}, 65536)))
		}),
	)

	DescribeTable("a server's frames have these bytes", Label("server"),
		func(ctx SpecContext, f frame, want string) {
			w := open(ctx, server, setup{})
			w.Send(f)
			Expect(w.take(len(want)/2)).To(Equal(unhex(want)), "%s", w)
		},
		entry("text Hello", text("Hello"), "810548656c6c6f"),
		entry("pong Hello", ping("Hello"), "8a0548656c6c6f"),
		entry("close 1000", closing(1000, ""), "880203e8"),
		entry("256 bytes of binary", binary(strings.Repeat("B", 256)), "827e0100"+strings.Repeat("42", 256)),
		entry("64 KiB of binary", binary(strings.Repeat("B", 65536)), "827f0000000000010000"+strings.Repeat("42", 65536)),
	)
})

func unhex(s string) []byte {
	GinkgoHelper()
	p, err := hex.DecodeString(s)
	Expect(err).NotTo(HaveOccurred())
	return p
}
