package compliance_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// validText is UTF-8 (RFC 3629), at the ends of its ranges above all.
var validText = []struct{ name, text string }{
	{"nothing", ""},
	{"ASCII", "Hello, world"},
	{"NUL", "\x00"},
	{"U+007F, the last of one byte", "\x7F"},
	{"U+0080, the first of two bytes", "\xC2\x80"},
	{"U+07FF, the last of two bytes", "\xDF\xBF"},
	{"U+0800, the first of three bytes", "\xE0\xA0\x80"},
	{"U+D7FF, before the surrogates", "\xED\x9F\xBF"},
	{"U+E000, behind the surrogates", "\xEE\x80\x80"},
	{"U+FEFF, a byte order mark", "\xEF\xBB\xBF"},
	{"U+FFFD, the replacement character", "\xEF\xBF\xBD"},
	{"U+FFFF, the last of three bytes, a noncharacter", "\xEF\xBF\xBF"},
	{"U+10000, the first of four bytes", "\xF0\x90\x80\x80"},
	{"U+10FFFF, the last of Unicode", "\xF4\x8F\xBF\xBF"},
	{"several scripts", "κόσμε Ünïcödé 世界 🌍"},
}

// invalidText is good up to its last byte, the first that cannot be right.
var invalidText = []struct{ name, text string }{
	{"a continuation byte alone", "ok\x80"},
	{"the last continuation byte alone", "ok\xBF"},
	{"a continuation byte too many", "\xC2\x80\x80"},
	{"C0, which only begins overlong forms", "ok\xC0"},
	{"C1, which only begins overlong forms", "ok\xC1"},
	{"F5, beyond Unicode", "ok\xF5"},
	{"F8, of a form of five bytes", "ok\xF8"},
	{"FC, of a form of six bytes", "ok\xFC"},
	{"FE", "ok\xFE"},
	{"FF", "ok\xFF"},
	{"an overlong form of three bytes", "ok\xE0\x80"},
	{"the last overlong form of three bytes", "ok\xE0\x9F"},
	{"an overlong form of four bytes", "ok\xF0\x80"},
	{"the last overlong form of four bytes", "ok\xF0\x8F"},
	{"the first surrogate", "ok\xED\xA0"},
	{"the last surrogate", "ok\xED\xBF"},
	{"U+110000, beyond Unicode", "ok\xF4\x90"},
	{"two bytes without the second", "\xC2A"},
	{"three bytes without the second", "\xE2A"},
	{"three bytes without the third", "\xE2\x82A"},
	{"four bytes without the second", "\xF0A"},
	{"four bytes without the third", "\xF0\x9FA"},
	{"four bytes without the fourth", "\xF0\x9F\x8CA"},
	{"a start byte inside a code point", "\xE2\x82\xE2"},
}

var _ = Describe("RFC 6455 §8.1 UTF-8", Label("rfc6455-8.1", "rfc6455-5.6"), func() {
	eachRole(func(r role) {
		DescribeTable("takes a text that is UTF-8, whole and cut at every byte",
			func(ctx SpecContext, s string) {
				w := open(ctx, r, setup{})
				w.Send(text(s))
				Expect(w).To(EchoText(s))
				w.Send(text("").more())
				for i := range len(s) {
					w.Send(cont(s[i : i+1]).more())
				}
				w.Send(cont(""))
				Expect(w).To(EchoText(s))
			}, func() (list []TableEntry) {
				for _, v := range validText {
					list = append(list, entry(v.name, v.text))
				}
				return list
			}())

		DescribeTable("fails the connection with 1007 at the byte that cannot be UTF-8, before the frame has ended",
			func(ctx SpecContext, s string) {
				w := open(ctx, r, setup{})
				w.Send(text(s).claim(uint64(len(s)) + 1000))
				Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
			}, invalidEntries())

		DescribeTable("fails the connection with 1007 at that byte and not before it, across fragments",
			func(ctx SpecContext, s string) {
				w := open(ctx, r, setup{})
				w.Send(text("").more())
				last := len(s) - 1
				for i := range last {
					w.Send(cont(s[i : i+1]).more())
				}
				Expect(w).To(Live())
				w.Send(cont(s[last:]).more())
				Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
			}, invalidEntries())

		DescribeTable("fails the connection with 1007 at a text that ends inside a code point",
			func(ctx SpecContext, frames ...frame) {
				w := open(ctx, r, setup{})
				w.Send(frames...)
				Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
			},
			entry("one byte of two", text("ok\xC2")),
			entry("two bytes of three", text("ok\xE2\x82")),
			entry("three bytes of four", text("ok\xF0\x9F\x8C")),
			entry("in the last fragment", text("ok").more(), cont("\xE2\x82")),
			entry("before an empty last fragment", text("ok\xE2\x82").more(), cont("")),
		)

		it("starts each message afresh", func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("\xE2\x82").more(), cont("\xAC"))
			Expect(w).To(EchoText("€"))
			w.Send(text("\xAC"))
			Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
		})

		it("says nothing about the bytes of a binary message", func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			for _, v := range invalidText {
				w.Send(binary(v.text).more(), cont(v.text))
				Expect(w).To(EchoBinary([]byte(v.text + v.text)))
			}
		})

		it("keeps the place inside a code point over a ping", Label("rfc6455-5.4"), func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text("\xF0\x9F").more(), ping("\xFF"), cont("\x8C\x8D"))
			Expect(w).To(ReceivePong("\xFF"))
			Expect(w).To(EchoText("🌍"))
		})

		it("sees the wrong byte far into a long frame", func(ctx SpecContext) {
			w := open(ctx, r, setup{})
			w.Send(text(strings.Repeat("κόσμε ", 10_000) + "\xED\xA0").claim(1 << 20))
			Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
		})

		it("fails the connection at a byte in a compressed message, once it has come", Label("rfc7692-6.2"), func(ctx SpecContext) {
			w := openDeflate(ctx, r, "", ws.Deflate{})
			z := squeeze("good so far \xE2\x82")
			w.Send(text(z).rsv(wsproto.RSV1).more())
			Expect(w).To(Live())
			w.Send(cont("\x00\x00\xFF\xFF" + squeeze("A")).more())
			Expect(w).To(FailWith(wsproto.StatusInvalidFramePayloadData))
		})
	})
})

func invalidEntries() (list []TableEntry) {
	for _, v := range invalidText {
		list = append(list, entry(fmt.Sprintf("%s: % X", v.name, v.text), v.text))
	}
	return list
}
