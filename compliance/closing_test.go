package compliance_test

import (
	"context"
	"errors"
	"io"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

var _ = Describe("RFC 6455 §5.5.1 the closing handshake", Label("rfc6455-5.5.1"), func() {
	eachRole(func(r role) {
		DescribeTable("ignores everything after a close frame", Label("rfc6455-1.4"),
			func(ctx SpecContext, frames ...frame) {
				w := open(ctx, r, setup{})
				w.Send(append([]frame{closing(1000, "")}, frames...)...)
				Expect(w).To(Close(1000))
			},
			entry("a text", text("late")),
			entry("a fragment", text("late").more()),
			entry("a ping", ping("late")),
			entry("a pong", pong("late")),
			entry("another close frame", closing(4000, "")),
			entry("a frame against the rules", text("").rsv(wsproto.RSV2)),
			entry("a lot", binary(string(make([]byte, 100_000)))),
		)

		it("answers frames that came before the close frame", Label("rfc6455-6.1"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("one"), ping("two"), text("three"), closing(4321, "bye"))
			Expect(w).To(EchoText("one"))
			Expect(w).To(ReceivePong("two"))
			Expect(w).To(EchoText("three"))
			Expect(w).To(Close(4321))
		})

		it("sends no message after its own close frame", Label("rfc6455-6.1", "rfc6455-7.1.2"), func(ctx SpecContext) {
			seen, refused := make(chan struct{}), make(chan error, 1)
			w := open(ctx, r, setup{do: func(ctx context.Context, c *ws.Conn) error {
				closed := make(chan error, 1)
				go func() { closed <- c.Close(1000, "") }()
				<-seen // the test has our close frame
				refused <- c.Write(ctx, ws.MessageText, []byte("too late"))
				return <-closed
			}})
			Expect(w).To(ReceiveClose(1000))
			close(seen)
			Eventually(refused).WithContext(ctx).Should(Receive(HaveOccurred()))
			w.Send(closing(1000, ""))
			Expect(w).To(EndTCP())
			Expect(w.wait()).To(Succeed())
		})

		it("keeps reading until its own close frame is answered", Label("rfc6455-7.1.2"), func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(_ context.Context, c *ws.Conn) error { return c.Close(3333, "bye") }})
			Expect(w).To(ReceiveClose(3333, "bye"))
			w.Send(text("on its way"), binary("frag").more(), cont("ment"), pong(""), closing(3333, ""))
			Expect(w).To(EndTCP())
			Expect(w.wait()).To(Succeed())
		})

		it("sends one close frame if both sides start to close", Label("rfc6455-7.1.5"), func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(_ context.Context, c *ws.Conn) error { return c.Close(3000, "ours") }})
			w.Send(closing(4000, "theirs"))
			Expect(w).To(ReceiveClose(3000, "ours"))
			Expect(w).To(EndTCP())
			Expect(w.wait()).To(Succeed())
		})

		it("reports no close frame if TCP just ends", Label("rfc6455-7.1.5", "rfc6455-7.2.1"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.HangUp()
			Expect(w).To(EndTCP())
			Expect(w.wait()).To(MatchError(io.ErrUnexpectedEOF))
		})

		DescribeTable("does not report a clean end inside a frame", Label("rfc6455-7.1.4"),
			func(ctx SpecContext, received ...byte) {
				w := open(ctx, r, setup{})
				w.SendRaw(received)
				w.HangUp()
				Expect(w).To(EndTCP())
				err := w.wait()
				Expect(err).To(MatchError(io.ErrUnexpectedEOF))
				Expect(errors.As(err, new(*ws.CloseError))).To(BeFalse())
			}, func() []TableEntry {
				mask := byte(0)
				if r == server {
					mask = 0x80
				}
				return []TableEntry{
					entry("after one byte", byte(0x81)),
					entry("inside the length", byte(0x81), mask|126, byte(1)),
					entry("before the payload", byte(0x81), mask|5),
					entry("before the body of a close frame", byte(0x88), mask|2),
				}
			}())
	})
})

var _ = Describe("RFC 6455 §7.1.1 who ends TCP", Label("rfc6455-7.1.1", "rfc6455-5.5.1"), func() {
	it("is a server, at once", Label("server"), func(SpecContext) {
		bubble(func(ctx context.Context) {
			w := start(ctx, server, setup{})
			defer w.stop()
			w.shake(setup{})
			w.Send(closing(1000, ""))
			begun := time.Now()
			Expect(w).To(Close(1000))
			Expect(time.Since(begun)).To(BeZero())
		})
	})

	it("is a server, at once, even if it started to close", Label("server"), func(SpecContext) {
		bubble(func(ctx context.Context) {
			s := setup{do: func(_ context.Context, c *ws.Conn) error { return c.Close(1001, "") }}
			w := start(ctx, server, s)
			defer w.stop()
			w.shake(s)
			Expect(w).To(ReceiveClose(1001))
			time.Sleep(time.Second)
			w.Send(closing(1001, ""))
			begun := time.Now()
			Expect(w).To(EndTCP())
			Expect(time.Since(begun)).To(BeZero())
		})
	})

	DescribeTable("is not a client, if the server ends it within reasonable time", Label("client"),
		func(_ SpecContext, do func(context.Context, *ws.Conn) error, code wsproto.StatusCode, provoke ...frame) {
			bubble(func(ctx context.Context) {
				w := start(ctx, client, setup{do: do})
				defer w.stop()
				w.shake(setup{})
				w.Send(provoke...)
				Expect(w).To(ReceiveClose(code))
				if do != nil {
					w.Send(closing(code, ""))
				}
				begun := time.Now()
				_, err := w.next() // we do not end it, so the client does at last
				Expect(err).To(MatchError(io.EOF), "%s", w)
				Expect(time.Since(begun)).To(And(BeNumerically(">=", time.Second), BeNumerically("<", step)))
			})
		},
		entry("that was told to close", nil, wsproto.StatusCode(1000), closing(1000, "")),
		entry("that failed the connection", nil, wsproto.StatusProtocolError, text("").rsv(wsproto.RSV1)),
		entry("that began to close", func(_ context.Context, c *ws.Conn) error { return c.Close(1000, "") }, wsproto.StatusCode(1000)),
	)

	eachRole(func(r role) {
		it("is the side that waited long enough for the other's close frame", Label("rfc6455-7.1.7"), func(SpecContext) {
			bubble(func(ctx context.Context) {
				s := setup{timeout: 3 * time.Second, do: func(_ context.Context, c *ws.Conn) error { return c.Close(1000, "") }}
				w := start(ctx, r, s)
				defer w.stop()
				w.shake(s)
				Expect(w).To(ReceiveClose(1000))
				begun := time.Now()
				_, err := w.next()
				Expect(err).To(MatchError(io.EOF), "%s", w)
				Expect(time.Since(begun)).To(Equal(s.timeout))
				Expect(w.wait()).To(MatchError(context.DeadlineExceeded))
			})
		})

		it("is neither side while the connection is idle", Label("rfc6455-7.3"), func(SpecContext) {
			bubble(func(ctx context.Context) {
				w := start(ctx, r, setup{})
				defer w.stop()
				w.shake(setup{})
				time.Sleep(24 * time.Hour)
				Expect(w).To(Live())
			})
		})
	})
})

var _ = Describe("RFC 6455 §10.4 limits", Label("rfc6455-10.4", "rfc6455-7.4.1"), func() {
	const limit = 1000
	eachRole(func(r role) {
		DescribeTable("accepts a message as large as the limit",
			func(ctx SpecContext, frames ...frame) {
				w := open(ctx, r, setup{readLimit: limit})
				w.Send(frames...)
				Expect(w).To(EchoBinary(make([]byte, limit)))
			},
			entry("in one frame", zeros(limit)),
			entry("in fragments", zeros(limit-1).more(), cont("\x00")),
			entry("in fragments, the last empty", zeros(limit).more(), cont("")),
		)
		DescribeTable("fails the connection with 1009 at a message one byte larger",
			func(ctx SpecContext, frames ...frame) {
				w := open(ctx, r, setup{readLimit: limit})
				w.Send(frames...)
				Expect(w).To(FailWith(wsproto.StatusMessageTooBig))
				Expect(w.wait()).To(MatchError(ws.ErrTooLarge))
			},
			entry("in one frame", zeros(limit+1)),
			entry("after only its length", binary("").claim(limit+1)),
			entry("that claims 2^63 - 1 bytes", binary("").claim(1<<63-1)),
			entry("in fragments", zeros(limit).more(), cont("\x00")),
			entry("in fragments, after only the length of the last", zeros(limit).more(), cont("").claim(1)),
		)
		it("counts for each message, not for the connection", func(ctx SpecContext) {
			w := open(ctx, r, setup{readLimit: limit})
			for range 3 {
				w.Send(zeros(limit))
				Expect(w).To(EchoBinary(make([]byte, limit)))
			}
		})
	})
})

func zeros(n int) frame { return binary(string(make([]byte, n))) }
