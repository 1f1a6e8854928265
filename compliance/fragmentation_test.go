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

var _ = Describe("RFC 6455 §5.4 fragmentation", Label("rfc6455-5.4"), func() {
	eachRole(func(r role) {
		DescribeTable("puts the fragments of a message together",
			func(ctx SpecContext, op wsproto.Opcode, message string) {
				pieces := strings.Split(message, "|")
				w := open(ctx, r, setup{})
				for i, p := range pieces {
					f := cont(p)
					if i == 0 {
						f = opcode(op, p)
					}
					f.Fin = i == len(pieces)-1
					w.Send(f)
				}
				Expect(w).To(echo(op, []byte(strings.Join(pieces, ""))))
				Expect(w).To(Live())
			},
			entry("two of text", wsproto.OpText, "fragment1|fragment2"),
			entry("two of binary", wsproto.OpBinary, "fragment1|fragment2"),
			entry("byte by byte", wsproto.OpText, "f|r|a|g|m|e|n|t|s"),
			entry("the first is empty", wsproto.OpText, "|all"),
			entry("the last is empty", wsproto.OpText, "all|"),
			entry("one in between is empty", wsproto.OpBinary, "a||ll"),
			entry("all are empty", wsproto.OpText, "||"),
			entry("of unlike sizes", wsproto.OpBinary, strings.Repeat("a", 65536)+"|b|"+strings.Repeat("c", 126)),
			entry("a thousand", wsproto.OpText, strings.Repeat("*|", 999)+"*"),
		)

		it("begins a new message after the last fragment", Label("rfc6455-6.2"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("a").more(), cont("b"), binary("c").more(), cont("d"), text("e"))
			Expect(w).To(EchoText("ab"))
			Expect(w).To(EchoBinary([]byte("cd")))
			Expect(w).To(EchoText("e"))
		})

		it("does not take a message for complete before its last fragment", func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("to be").more(), cont(" contin").more())
			Expect(w).To(Live())
			w.Send(cont("ued"))
			Expect(w).To(EchoText("to be continued"))
		})

		DescribeTable("handles control frames between fragments", Label("rfc6455-5.5", "rfc6455-6.2"),
			func(ctx SpecContext, control []frame, check func(*wire)) {
				w := open(ctx, r, setup{})
				w.Send(text("frag").more())
				w.Send(control...)
				w.Send(cont("ment"))
				check(w)
				Expect(w).To(EchoText("fragment"))
			},
			entry("a ping", []frame{ping("mid")}, func(w *wire) { Expect(w).To(ReceivePong("mid")) }),
			entry("an empty ping", []frame{ping("")}, func(w *wire) { Expect(w).To(ReceivePong("")) }),
			entry("a pong", []frame{pong("mid")}, func(*wire) {}),
			entry("two pings and a pong", []frame{ping("1"), pong("2"), ping("3")}, func(w *wire) {
				Expect(w).To(ReceivePong("1"))
				Expect(w).To(ReceivePong("3"))
			}),
		)

		it("closes between fragments, and delivers no half message", Label("rfc6455-5.5.1"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("half").more(), closing(1000, ""), cont(" message"))
			Expect(w).To(Close(1000))
		})

		DescribeTable("fails the connection with 1002",
			func(ctx SpecContext, before string, frames ...frame) {
				w := open(ctx, r, setup{})
				w.Send(frames...)
				if before != "" {
					Expect(w).To(EchoText(before))
				}
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("at a continuation of nothing", "", cont("a")),
			entry("at an empty continuation of nothing", "", cont("")),
			entry("at a continuation of nothing that is to be continued", "", cont("a").more(), cont("b")),
			entry("at a continuation of a whole message", "a", text("a"), cont("b")),
			entry("at a continuation of a message that has ended", "ab", text("a").more(), cont("b"), cont("c")),
			entry("at a text inside a text", "", text("a").more(), text("b")),
			entry("at a binary inside a text", "", text("a").more(), binary("b")),
			entry("at a text inside a binary", "", binary("a").more(), text("b")),
			entry("at a message to be continued inside another", "", text("a").more(), text("b").more()),
			entry("at an empty message inside another", "", text("a").more(), text("")),
			entry("at a text after a continuation", "", text("a").more(), cont("b").more(), text("c")),
			entry("at a text behind a ping between fragments", "", text("").more(), pong(""), text("c")),
		)

		DescribeTable("fragments what it sends as it was told", Label("rfc6455-6.1"),
			func(ctx SpecContext, length, size int, want ...int) {
				payload := strings.Repeat("0123456789", length/10+1)[:length]
				w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
					return c.WriteFragments(ctx, ws.MessageText, []byte(payload), size)
				}})
				var got string
				for i, n := range want {
					f, err := w.next() // opcode and order are judged there
					Expect(err).NotTo(HaveOccurred(), "%s", w)
					Expect(f.Payload).To(HaveLen(n), "fragment %d\n%s", i, w)
					Expect(f.Fin).To(Equal(i == len(want)-1), "FIN of fragment %d\n%s", i, w)
					got += string(f.Payload)
				}
				Expect(got).To(Equal(payload))
			},
			entry("an even division", 10, 5, 5, 5),
			entry("an uneven division", 11, 4, 4, 4, 3),
			entry("fragments larger than the message", 3, 4, 3),
			entry("fragments as large as the message", 4, 4, 4),
			entry("an empty message", 0, 4, 0),
			entry("all length forms", 65536+200, 65536, 65536, 200),
		)

		it("sends pongs, but no other message, between its own fragments", func(ctx SpecContext) {
			begun, goOn := make(chan struct{}), make(chan struct{})
			w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
				other := make(chan error, 1)
				m, err := c.Writer(ctx, ws.MessageText)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprint(m, "first"); err != nil {
					return err
				}
				go func() { other <- c.Write(ctx, ws.MessageText, []byte("second")) }()
				close(begun)
				reading := make(chan error, 1)
				go func() { reading <- c.Discard(ctx) }()
				<-goOn
				if _, err := fmt.Fprint(m, " message"); err != nil {
					return err
				}
				if err := m.Close(); err != nil {
					return err
				}
				if err := <-other; err != nil {
					return err
				}
				return <-reading
			}})
			<-begun
			f, err := w.next()
			Expect(err).NotTo(HaveOccurred())
			Expect(f.Fin).To(BeFalse())
			Expect(string(f.Payload)).To(Equal("first"))
			Expect(w).To(Live())
			close(goOn)
			f, err = w.next()
			Expect(err).NotTo(HaveOccurred())
			Expect(f.Opcode).To(Equal(wsproto.OpContinuation), "%s", w)
			Expect(string(f.Payload)).To(Equal(" message"))
			f, err = w.next()
			Expect(err).NotTo(HaveOccurred())
			Expect(f.Fin).To(BeTrue(), "%s", w)
			Expect(f.Payload).To(BeEmpty())
			Expect(w).To(EchoText("second"))
		})
	})
})
