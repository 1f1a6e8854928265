package compliance_test

import (
	"context"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var _ = Describe("RFC 6455 §5.5 control frames", Label("rfc6455-5.5"), func() {
	eachRole(func(r role) {
		DescribeTable("fails the connection with 1002 at a fragmented control frame", Label("rfc6455-5.4"),
			func(ctx SpecContext, frames ...frame) {
				w := open(ctx, r, setup{})
				w.Send(frames...)
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, func() (list []TableEntry) {
				for _, op := range controlOpcodes {
					list = append(list,
						entry(op.String(), opcode(op, "\x03\xE8").more(), cont("")),
						entry("empty "+op.String(), opcode(op, "").more()),
						entry(op.String()+" inside a message", text("a").more(), opcode(op, "").more()))
				}
				return list
			}())

		DescribeTable("fails the connection with 1002 at a control frame of more than 125 bytes",
			func(ctx SpecContext, op wsproto.Opcode, length int) {
				w := open(ctx, r, setup{})
				w.Send(opcode(op, "\x03\xE8"+strings.Repeat("*", length-2)))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, func() (list []TableEntry) {
				for _, op := range controlOpcodes {
					for _, length := range []int{126, 127, 65536} {
						list = append(list, entry(fmt.Sprintf("%s of %d bytes", op, length), op, length))
					}
				}
				return list
			}())
	})
})

var _ = Describe("RFC 6455 §5.5.2 ping", Label("rfc6455-5.5.2"), func() {
	eachRole(func(r role) {
		DescribeTable("is answered with a pong of the same bytes", Label("rfc6455-5.5.3"),
			func(ctx SpecContext, payload string) {
				w := open(ctx, r, setup{})
				w.Send(ping(payload))
				Expect(w).To(ReceivePong(payload))
			},
			entry("none", ""),
			entry("one", "x"),
			entry("text", "Hello"),
			entry("bytes that are not UTF-8", "\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF"),
			entry("125", strings.Repeat("\xFE", 125)),
		)

		it("is answered each time, in order", Label("rfc6455-5.5.3"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			for i := range 10 {
				w.Send(ping(fmt.Sprint(i)))
			}
			for i := range 10 {
				Expect(w).To(ReceivePong(fmt.Sprint(i)))
			}
		})

		it("is answered when its bytes come one by one", func(ctx SpecContext) {
			w := open(ctx, r, setup{sip: 1})
			w.Send(ping(strings.Repeat("ping", 31)))
			Expect(w).To(ReceivePong(strings.Repeat("ping", 31)))
		})

		it("is not answered once a close frame came", func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(closing(1000, ""), ping("late"))
			Expect(w).To(Close(1000))
		})

		it("gives its sender the pong", func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
				if _, err := c.Ping(ctx); err != nil {
					return err
				}
				return c.Close(wsproto.StatusNormalClosure, "pong came")
			}})
			f, err := w.next()
			Expect(err).NotTo(HaveOccurred())
			Expect(f.Opcode).To(Equal(wsproto.OpPing))
			w.Send(pong("another"))
			w.Send(pong(string(f.Payload)))
			Expect(w).To(ReceiveClose(wsproto.StatusNormalClosure, "pong came"))
		})

		it("does not take any pong for its answer", Label("rfc6455-5.5.3"), func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
				if _, err := c.Ping(ctx); err == nil {
					return c.Close(wsproto.StatusInternalError, "no such pong")
				}
				return nil
			}})
			f, err := w.next()
			Expect(err).NotTo(HaveOccurred())
			w.Send(pong(string(f.Payload)+"?"), pong(""))
			Expect(w).To(Live())
		})
	})
})

var _ = Describe("RFC 6455 §5.5.3 pong", Label("rfc6455-5.5.3"), func() {
	eachRole(func(r role) {
		DescribeTable("is ignored where no ping asked for it",
			func(ctx SpecContext, payload string) {
				w := open(ctx, r, setup{})
				w.Send(pong(payload))
				Expect(w).To(Live())
				w.Send(text("and the connection lives"))
				Expect(w).To(EchoText("and the connection lives"))
			},
			entry("empty", ""),
			entry("with a payload", "unasked"),
			entry("with 125 bytes", strings.Repeat("*", 125)),
			entry("with bytes that are not UTF-8", "\xFF\xC0"),
		)

		it("may be sent where no ping asked for it", func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
				return c.Pong(ctx, []byte("alive"))
			}})
			Expect(w).To(ReceivePong("alive"))
		})

		it("is not sent with more than 125 bytes", Label("rfc6455-5.5"), func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
				if c.Pong(ctx, make([]byte, 126)) == nil {
					return c.Close(wsproto.StatusInternalError, "it was sent")
				}
				return c.Pong(ctx, make([]byte, 125))
			}})
			Expect(w).To(ReceivePong(strings.Repeat("\x00", 125)))
		})
	})
})
