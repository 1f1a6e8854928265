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

var (
	// legalCodes may be in a close frame: the assigned ones of 1000..1014, and the
	// ends and a bit of the middle of the ranges for libraries and applications.
	legalCodes = []wsproto.StatusCode{
		1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
		3000, 3001, 3500, 3999, 4000, 4500, 4999,
	}
	illegalCodes = []wsproto.StatusCode{
		0, 1, 999, // below any range
		1004, 1005, 1006, 1015, // reserved, never on the wire
		1016, 1100, 1999, 2000, 2999, // not assigned
		5000, 10_000, 65535, // beyond any range
	}
)

func codes(list []wsproto.StatusCode) (entries []TableEntry) {
	for _, code := range list {
		entries = append(entries, entry(fmt.Sprintf("%d", code), code))
	}
	return entries
}

// closeBody is the body of a close frame with any code, also 0 and 1005.
func closeBody(code wsproto.StatusCode, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

var _ = Describe("RFC 6455 §7.4 close codes", Label("rfc6455-7.4"), func() {
	eachRole(func(r role) {
		DescribeTable("answers a legal code with the same code", Label("rfc6455-7.4.1", "rfc6455-7.4.2", "rfc6455-5.5.1"),
			func(ctx SpecContext, code wsproto.StatusCode) {
				w := open(ctx, r, setup{})
				w.Send(closing(code, ""))
				Expect(w).To(Close(code))
			}, codes(legalCodes))

		DescribeTable("tells the application which legal code came, and why", Label("rfc6455-7.1.5", "rfc6455-7.1.6"),
			func(ctx SpecContext, code wsproto.StatusCode) {
				w := open(ctx, r, setup{})
				w.Send(closing(code, "this is why"))
				Expect(w).To(Close(code))
				Expect(w.wait()).To(MatchError(&ws.CloseError{Code: code, Reason: "this is why"}))
			}, codes([]wsproto.StatusCode{1000, 1001, 1011, 3000, 4999}))

		DescribeTable("fails the connection with 1002 at a code that must not be on the wire", Label("rfc6455-7.4.1", "rfc6455-7.4.2"),
			func(ctx SpecContext, code wsproto.StatusCode) {
				w := open(ctx, r, setup{})
				w.Send(opcode(wsproto.OpClose, closeBody(code, "")))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, codes(illegalCodes))

		DescribeTable("fails the connection with 1002 at such a code, whatever the reason", Label("rfc6455-7.4.2"),
			func(ctx SpecContext, code wsproto.StatusCode) {
				w := open(ctx, r, setup{})
				w.Send(opcode(wsproto.OpClose, closeBody(code, "reason")))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			}, codes([]wsproto.StatusCode{999, 1005, 1016, 5000}))

		legal := legalCodes
		if r == server {
			legal = legalCodes[:7:7] // 1010 is a client's to send (§7.4.1)
			legal = append(legal, legalCodes[8:]...)
		}
		DescribeTable("sends a legal code and reason when it is told to", Label("rfc6455-7.1.2", "rfc6455-7.4.1"),
			func(ctx SpecContext, code wsproto.StatusCode) {
				w := open(ctx, r, setup{do: func(_ context.Context, c *ws.Conn) error {
					return c.Close(code, "Schluß")
				}})
				Expect(w).To(ReceiveClose(code, "Schluß"))
				w.Send(closing(code, ""))
				Expect(w).To(EndTCP())
				Expect(w.wait()).To(Succeed())
			}, codes(legal))

		DescribeTable("does not send a code that must not be on the wire", Label("rfc6455-7.4.1", "rfc6455-7.4.2"),
			func(ctx SpecContext, code wsproto.StatusCode, reason string) {
				w := open(ctx, r, setup{do: refusesToClose(code, reason)})
				Expect(w).To(ReceiveClose(wsproto.StatusNormalClosure, "refused"))
			}, func() (list []TableEntry) {
				for _, code := range illegalCodes {
					reason := ""
					if code == wsproto.StatusNoStatusRcvd { // alone it means a close frame without a code
						reason = "reason"
					}
					list = append(list, entry(fmt.Sprintf("%d", code), code, reason))
				}
				return list
			}())
	})

	it("is 1010 only from a client, as a server can refuse the handshake", Label("server", "rfc6455-7.4.1"), func(ctx SpecContext) {
		w := open(ctx, server, setup{do: refusesToClose(wsproto.StatusMandatoryExt, "")})
		Expect(w).To(ReceiveClose(wsproto.StatusNormalClosure, "refused"))
	})
})

// refusesToClose closes with 1000 after a close that has to be refused without a
// word on the wire.
func refusesToClose(code wsproto.StatusCode, reason string) func(context.Context, *ws.Conn) error {
	return func(_ context.Context, c *ws.Conn) error {
		if err := c.Close(code, reason); err == nil {
			return nil
		}
		return c.Close(wsproto.StatusNormalClosure, "refused")
	}
}

var _ = Describe("RFC 6455 §5.5.1 the body of a close frame", Label("rfc6455-5.5.1"), func() {
	eachRole(func(r role) {
		it("may be empty, and so is the answer", Label("rfc6455-7.1.5"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(closing(wsproto.StatusNoStatusRcvd, ""))
			Expect(w).To(Close(wsproto.StatusNoStatusRcvd))
			Expect(w.wait()).To(MatchError(&ws.CloseError{Code: wsproto.StatusNoStatusRcvd}))
		})

		DescribeTable("fails the connection with 1002 if it is one byte",
			func(ctx SpecContext, body string) {
				w := open(ctx, r, setup{})
				w.Send(opcode(wsproto.OpClose, body))
				Expect(w).To(FailWith(wsproto.StatusProtocolError))
			},
			entry("03", "\x03"),
			entry("00", "\x00"),
			entry("FF", "\xFF"),
		)

		DescribeTable("may hold a reason in UTF-8",
			func(ctx SpecContext, reason string) {
				w := open(ctx, r, setup{})
				w.Send(closing(wsproto.StatusNormalClosure, reason))
				Expect(w).To(Close(wsproto.StatusNormalClosure))
				Expect(w.wait()).To(MatchError(&ws.CloseError{Code: wsproto.StatusNormalClosure, Reason: reason}))
			},
			entry("of one byte", "x"),
			entry("of 122 bytes", strings.Repeat("*", 122)),
			entry("of 123 bytes, all there is room for", strings.Repeat("*", 123)),
			entry("of 41 characters in 123 bytes", strings.Repeat("€", 41)),
			entry("beyond the basic plane", "🌍"),
		)

		it("fails the connection with 1002 if it is of 126 bytes", Label("rfc6455-5.5"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(closing(wsproto.StatusNormalClosure, strings.Repeat("*", 124)))
			Expect(w).To(FailWith(wsproto.StatusProtocolError))
		})

		DescribeTable("fails the connection with 1007 if the reason is not UTF-8", Label("rfc6455-8.1"),
			func(ctx SpecContext, reason string) {
				w := open(ctx, r, setup{})
				w.Send(closing(wsproto.StatusNormalClosure, reason))
				Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
			}, invalidEntries(),
			entry("ends inside a code point", "ok\xE2\x82"),
			entry("cut at 123 bytes, inside a code point", strings.Repeat("€", 41)[:122]+"\xE2"),
		)

		DescribeTable("is not sent against the rules",
			func(ctx SpecContext, reason string) {
				w := open(ctx, r, setup{do: refusesToClose(wsproto.StatusNormalClosure, reason)})
				Expect(w).To(ReceiveClose(wsproto.StatusNormalClosure, "refused"))
			},
			entry("a reason of 124 bytes", strings.Repeat("*", 124)),
			entry("a reason that is not UTF-8", "\xFF"),
			entry("a reason that ends inside a code point", "\xE2\x82"),
		)

		it("is empty if the application gives no code", Label("rfc6455-7.1.2"), func(ctx SpecContext) {
			w := open(ctx, r, setup{do: func(_ context.Context, c *ws.Conn) error {
				return c.Close(wsproto.StatusNoStatusRcvd, "")
			}})
			Expect(w).To(ReceiveClose(wsproto.StatusNoStatusRcvd))
		})
	})
})
