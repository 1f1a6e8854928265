package compliance_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// pmd is an element of Sec-WebSocket-Extensions; its parameters are separated by
// spaces.
func pmd(params string) string {
	return strings.Join(append([]string{"permessage-deflate"}, strings.Fields(params)...), "; ")
}

// badParams break the rules of offers and of responses.
var badParams = []struct{ name, params, section string }{
	{"an unknown parameter", "x_unknown", "7"},
	{"an unknown parameter beside a known one", "server_no_context_takeover x_unknown=1", "7"},
	{"a parameter twice", "server_no_context_takeover server_no_context_takeover", "7"},
	{"a window twice", "server_max_window_bits=10 server_max_window_bits=10", "7"},
	{"a window twice, unlike", "server_max_window_bits=10 server_max_window_bits=12", "7"},
	{"server_no_context_takeover with a value", "server_no_context_takeover=1", "7.1.1.1"},
	{"client_no_context_takeover with a value", "client_no_context_takeover=true", "7.1.1.2"},
	{"server_max_window_bits without a value", "server_max_window_bits", "7.1.2.1"},
	{"server_max_window_bits=0", "server_max_window_bits=0", "7.1.2.1"},
	{"server_max_window_bits=7", "server_max_window_bits=7", "7.1.2.1"},
	{"server_max_window_bits=16", "server_max_window_bits=16", "7.1.2.1"},
	{"server_max_window_bits=08", "server_max_window_bits=08", "7.1.2.1"},
	{"server_max_window_bits=+9", "server_max_window_bits=+9", "7.1.2.1"},
	{"server_max_window_bits=1e1", "server_max_window_bits=1e1", "7.1.2.1"},
	{"server_max_window_bits=115", "server_max_window_bits=115", "7.1.2.1"},
	{"client_max_window_bits=0", "client_max_window_bits=0", "7.1.2.2"},
	{"client_max_window_bits=7", "client_max_window_bits=7", "7.1.2.2"},
	{"client_max_window_bits=16", "client_max_window_bits=16", "7.1.2.2"},
	{"client_max_window_bits=015", "client_max_window_bits=015", "7.1.2.2"},
	{"client_max_window_bits=ten", "client_max_window_bits=ten", "7.1.2.2"},
}

var _ = Describe("RFC 7692 §7.1 a server answers an offer", Label("rfc7692-7.1", "rfc7692-5", "server"), func() {
	// answers is what the response says; empty is nothing.
	answers := func(ctx SpecContext, d ws.Deflate, want string, offers ...string) *wire {
		GinkgoHelper()
		for i, offer := range offers {
			offers[i] = "+Sec-WebSocket-Extensions: " + offer
		}
		w, r := ask(ctx, ws.AcceptOptions{Options: ws.Options{Deflate: &d}}, request(offers...))
		Expect(r).To(HaveHTTPStatus(101), "%s", w)
		Expect(strings.Join(r.Header["Sec-Websocket-Extensions"], " | ")).To(Equal(want), "%s", w)
		w.extensions = want
		return w
	}

	DescribeTable("agrees",
		func(ctx SpecContext, offer, want string) {
			w := answers(ctx, all, pmd(want), pmd(offer))
			w.Send(text("Hello"))
			_, p := w.inflated(&unsqueezer{})
			Expect(string(p)).To(Equal("Hello"))
		}, func() []TableEntry {
			same := func(params, section string) TableEntry {
				return entry(params, params, params, Label("rfc7692-"+section))
			}
			list := []TableEntry{
				entry("no parameters", "", ""),
				same("server_no_context_takeover", "7.1.1.1"),
				same("client_no_context_takeover", "7.1.1.2"),
				entry("a client that can limit its window need not", "client_max_window_bits", "", Label("rfc7692-7.1.2.2")),
				same("server_no_context_takeover client_no_context_takeover server_max_window_bits=9 client_max_window_bits=10", "7.1.2"),
				entry("in another order", "server_max_window_bits=9 server_no_context_takeover", "server_no_context_takeover server_max_window_bits=9"),
				entry("a value in quotes", `server_max_window_bits="10"`, "server_max_window_bits=10", Label("rfc6455-9.1")),
			}
			for n := 8; n <= 15; n++ {
				list = append(list,
					same(fmt.Sprintf("server_max_window_bits=%d", n), "7.1.2.1"),
					same(fmt.Sprintf("client_max_window_bits=%d", n), "7.1.2.2"))
			}
			return list
		}())

	DescribeTable("declines an offer against the rules, and goes on without compression",
		func(ctx SpecContext, params string) {
			w := answers(ctx, all, "", pmd(params))
			w.Send(text("plain"))
			Expect(w).To(EchoText("plain"))
			w.Send(text(squeeze("a")).rsv(wsproto.RSV1))
			Expect(w).To(FailWith(wsproto.StatusProtocolError))
		}, func() (list []TableEntry) {
			for _, bad := range badParams {
				list = append(list, entry(bad.name, bad.params, Label("rfc7692-"+bad.section)))
			}
			return list
		}())

	DescribeTable("chooses among offers the first that it can keep", Label("rfc7692-5"),
		func(ctx SpecContext, want string, offers ...string) {
			answers(ctx, all, want, offers...)
		},
		entry("the first", pmd("server_max_window_bits=10"), pmd("server_max_window_bits=10")+", "+pmd("")),
		entry("the second, if the first is against the rules", pmd("server_max_window_bits=10"), pmd("server_max_window_bits=99")+", "+pmd("server_max_window_bits=10")),
		entry("one behind extensions that it does not know", pmd(""), "x-foo; a=1, "+pmd("")+", x-bar"),
		entry("one on another line", pmd(""), "x-foo", pmd(""), Label("rfc6455-9.1")),
		entry("none", "", "x-foo, permessage-bzip2", "x-webkit-deflate-frame"),
	)

	DescribeTable("has its own demands",
		func(ctx SpecContext, own ws.Deflate, offer, want string) {
			if want != "" {
				want = pmd(strings.TrimPrefix(want, "-"))
			}
			answers(ctx, own, want, pmd(offer))
		},
		entry("server_no_context_takeover, unasked", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true}}, "", "server_no_context_takeover", Label("rfc7692-7.1.1.1")),
		entry("client_no_context_takeover, unasked", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientNoContextTakeover: true}}, "", "client_no_context_takeover", Label("rfc7692-7.1.1.2")),
		entry("a window of its own, unasked", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 11}}, "", "server_max_window_bits=11", Label("rfc7692-7.1.2.1")),
		entry("a smaller window than asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 9}}, "server_max_window_bits=12", "server_max_window_bits=9", Label("rfc7692-7.1.2.1")),
		entry("no larger window than asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 12}}, "server_max_window_bits=9", "server_max_window_bits=9", Label("rfc7692-7.1.2.1")),
		entry("a window for a client that can limit it", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 10}}, "client_max_window_bits", "client_max_window_bits=10", Label("rfc7692-7.1.2.2")),
		entry("a smaller one than the client's hint", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 10}}, "client_max_window_bits=12", "client_max_window_bits=10", Label("rfc7692-7.1.2.2")),
		entry("none for a client that cannot: it declines", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 10}}, "server_no_context_takeover", "", Label("rfc7692-7.1.2.2")),
	)
})

var _ = Describe("RFC 7692 §7.1 a client offers", Label("rfc7692-7.1", "rfc7692-5", "client"), func() {
	DescribeTable("what it was told to",
		func(ctx SpecContext, d ws.Deflate, want string) {
			_, r, _ := dial(ctx, "ws://example.com/", ws.DialOptions{Options: ws.Options{Deflate: &d}})
			Expect(r.Header["Sec-Websocket-Extensions"]).To(Equal([]string{want}))
		},
		entry("by default that it can limit its window", ws.Deflate{}, pmd("client_max_window_bits"), Label("rfc7692-7.1.2.2")),
		entry("no context takeover", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}},
			pmd("server_no_context_takeover client_no_context_takeover client_max_window_bits"), Label("rfc7692-7.1.1")),
		entry("windows", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 8, ClientMaxWindowBits: 15}},
			pmd("server_max_window_bits=8 client_max_window_bits=15"), Label("rfc7692-7.1.2.1")),
		entry("several", ws.Deflate{Offers: []wsproto.DeflateParams{{ServerMaxWindowBits: 10}, {}}},
			pmd("server_max_window_bits=10")+", "+pmd("")),
	)

	DescribeTable("nothing that breaks the rules",
		func(ctx SpecContext, d ws.Deflate) {
			w := startClient(ctx, "ws://example.com/", ws.DialOptions{Options: ws.Options{Deflate: &d}}, setup{})
			DeferCleanup(w.stop)
			Expect(w.wait()).To(MatchError(ContainSubstring("not 8..15")))
		},
		entry("server_max_window_bits=7", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 7}}, Label("rfc7692-7.1.2.1")),
		entry("server_max_window_bits=16", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 16}}, Label("rfc7692-7.1.2.1")),
		entry("client_max_window_bits=7", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 7}}, Label("rfc7692-7.1.2.2")),
		entry("client_max_window_bits=16", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 16}}, Label("rfc7692-7.1.2.2")),
	)
})

var _ = Describe("RFC 7692 §7.1 a client reads the answer", Label("rfc7692-7.1", "rfc7692-5", "client"), func() {
	answered := func(ctx SpecContext, d ws.Deflate, answers ...string) *wire {
		GinkgoHelper()
		d.Threshold = -1
		w, _, head := dial(ctx, "ws://example.com/", ws.DialOptions{Options: ws.Options{Deflate: &d}})
		for i, answer := range answers {
			answers[i] = "+Sec-WebSocket-Extensions: " + answer
		}
		w.SendRaw([]byte(response(head, answers...)))
		return w
	}

	DescribeTable("agrees",
		func(ctx SpecContext, d ws.Deflate, params string) {
			w := answered(ctx, d, pmd(params))
			w.extensions = pmd(params)
			w.Send(text(squeeze("Hello")).rsv(wsproto.RSV1))
			_, p := w.inflated(&unsqueezer{})
			Expect(string(p)).To(Equal("Hello"))
		}, func() []TableEntry {
			list := []TableEntry{
				entry("no parameters", ws.Deflate{}, ""),
				entry("server_no_context_takeover, unasked", ws.Deflate{}, "server_no_context_takeover", Label("rfc7692-7.1.1.1")),
				entry("server_no_context_takeover, asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true}}, "server_no_context_takeover", Label("rfc7692-7.1.1.1")),
				entry("client_no_context_takeover, unasked", ws.Deflate{}, "client_no_context_takeover", Label("rfc7692-7.1.1.2")),
				entry("no client_no_context_takeover, though hinted at", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientNoContextTakeover: true}}, "", Label("rfc7692-7.1.1.2")),
				entry("a smaller window than asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 12}}, "server_max_window_bits=9", Label("rfc7692-7.1.2.1")),
				entry("a larger window than it hinted at", ws.Deflate{DeflateParams: wsproto.DeflateParams{ClientMaxWindowBits: 9}}, "client_max_window_bits=12", Label("rfc7692-7.1.2.2")),
				entry("its second offer", ws.Deflate{Offers: []wsproto.DeflateParams{{ServerMaxWindowBits: 10}, {}}}, "", Label("rfc7692-5")),
			}
			for n := 8; n <= 15; n++ {
				list = append(list,
					entry(fmt.Sprintf("server_max_window_bits=%d, unasked", n), ws.Deflate{}, fmt.Sprintf("server_max_window_bits=%d", n), Label("rfc7692-7.1.2.1")),
					entry(fmt.Sprintf("client_max_window_bits=%d", n), ws.Deflate{}, fmt.Sprintf("client_max_window_bits=%d", n), Label("rfc7692-7.1.2.2")))
			}
			return list
		}())

	it("goes on without compression if nothing was agreed", func(ctx SpecContext) {
		w := answered(ctx, ws.Deflate{})
		w.Send(text("a message that is long enough to compress, to compress"))
		Expect(w).To(EchoText("a message that is long enough to compress, to compress"))
		w.Send(text(squeeze("a")).rsv(wsproto.RSV1))
		Expect(w).To(FailWith(wsproto.StatusProtocolError))
	})

	DescribeTable("fails the connection",
		func(ctx SpecContext, d ws.Deflate, answers ...string) {
			w := answered(ctx, d, answers...)
			Expect(w).To(EndTCP())
			Expect(w.wait()).To(refusedFor("4.1"))
		}, func() []TableEntry {
			cannot := ws.Deflate{Offers: []wsproto.DeflateParams{{}}} // says nothing of its window
			list := []TableEntry{
				entry("client_max_window_bits without a value", ws.Deflate{}, pmd("client_max_window_bits"), Label("rfc7692-7.1.2.2")),
				entry("client_max_window_bits that was not offered", cannot, pmd("client_max_window_bits=15"), Label("rfc7692-7.1.2.2")),
				entry("no server_no_context_takeover, though asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerNoContextTakeover: true}}, pmd(""), Label("rfc7692-7.1.1.1")),
				entry("no server_max_window_bits, though asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 10}}, pmd(""), Label("rfc7692-7.1.2.1")),
				entry("a larger window than asked for", ws.Deflate{DeflateParams: wsproto.DeflateParams{ServerMaxWindowBits: 10}}, pmd("server_max_window_bits=11"), Label("rfc7692-7.1.2.1")),
				entry("permessage-deflate twice", ws.Deflate{}, pmd("")+", "+pmd(""), Label("rfc6455-9.1")),
				entry("permessage-deflate on two lines", ws.Deflate{}, pmd(""), pmd(""), Label("rfc6455-9.1")),
				entry("another extension beside it", ws.Deflate{}, pmd("")+", x-foo", Label("rfc6455-9.1")),
				entry("another extension", ws.Deflate{}, "x-foo", Label("rfc6455-9.1")),
			}
			for _, bad := range badParams {
				list = append(list, entry(bad.name, ws.Deflate{}, pmd(bad.params), Label("rfc7692-"+bad.section)))
			}
			return list
		}())
})
