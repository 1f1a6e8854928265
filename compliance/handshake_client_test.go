package compliance_test

import (
	"bufio"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// dial has a client send its request.
func dial(ctx SpecContext, url string, opts ws.DialOptions) (*wire, *http.Request, string) {
	GinkgoHelper()
	w := startClient(ctx, url, opts, setup{})
	DeferCleanup(w.stop)
	head := w.head()
	Expect(strings.ReplaceAll(head, "\r\n", "")).NotTo(ContainSubstring("\n"), "lines end in CRLF")
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	Expect(err).NotTo(HaveOccurred(), "%s", w)
	return w, r, head
}

var _ = Describe("RFC 6455 §4.1 a client's request", Label("rfc6455-4.1", "client"), func() {
	it("has all that an upgrade needs, each once", Label("rfc6455-11.3.1", "rfc6455-11.3.5"), func(ctx SpecContext) {
		_, r, _ := dial(ctx, "ws://example.com/chat?room=1", ws.DialOptions{})
		Expect(r.Method).To(Equal("GET"))
		Expect(r.Proto).To(Equal("HTTP/1.1"))
		Expect(r.RequestURI).To(Equal("/chat?room=1"))
		Expect(r.Host).To(Equal("example.com"))
		Expect(r.Header["Upgrade"]).To(Equal([]string{"websocket"}))
		Expect(r.Header["Connection"]).To(Equal([]string{"Upgrade"}))
		Expect(r.Header["Sec-Websocket-Version"]).To(Equal([]string{"13"}))
		Expect(r.Header["Sec-Websocket-Key"]).To(HaveLen(1))
		Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Protocol"))
		Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Extensions"))
		Expect(r.Header).NotTo(HaveKey("Origin"))
		Expect(r.ContentLength).To(BeZero())
	})

	it("has a new key of 16 bytes each time", func(ctx SpecContext) {
		seen := map[string]bool{}
		for range 20 {
			_, r, _ := dial(ctx, "ws://example.com/", ws.DialOptions{})
			key := r.Header.Get("Sec-WebSocket-Key")
			nonce, err := base64.StdEncoding.Strict().DecodeString(key)
			Expect(err).NotTo(HaveOccurred())
			Expect(nonce).To(HaveLen(16))
			Expect(seen).NotTo(HaveKey(key))
			seen[key] = true
		}
	})

	DescribeTable("names host and resource as the URL does", Label("rfc6455-3"),
		func(ctx SpecContext, url, host, target string) {
			_, r, _ := dial(ctx, url, ws.DialOptions{})
			Expect(r.Host).To(Equal(host))
			Expect(r.RequestURI).To(Equal(target))
		},
		entry("no path", "ws://example.com", "example.com", "/"),
		entry("no path but a query", "ws://example.com?a=b", "example.com", "/?a=b"),
		entry("another port", "ws://example.com:8080/x", "example.com:8080", "/x"),
		entry("an IPv6 address", "ws://[::1]:9001/x", "[::1]:9001", "/x"),
		entry("escaped bytes", "ws://example.com/a%20b?c=%C3%BC", "example.com", "/a%20b?c=%C3%BC"),
		entry("an empty query", "ws://example.com/a?", "example.com", "/a?"),
		entry("user and password, which are for a header", "ws://user:secret@example.com/a", "example.com", "/a"),
	)

	it("carries what the application asks for", Label("rfc6455-1.9", "rfc6455-10.5"), func(ctx SpecContext) {
		_, r, _ := dial(ctx, "ws://user:secret@example.com/", ws.DialOptions{
			Subprotocols: []string{"v2", "v1"},
			Header:       http.Header{"X-Header": {"value"}, "Origin": {"https://example.org"}},
		})
		Expect(r.Header["Sec-Websocket-Protocol"]).To(Equal([]string{"v2, v1"}))
		Expect(r).To(HaveField("Header", HaveKeyWithValue("Origin", []string{"https://example.org"})))
		Expect(r.Header.Get("X-Header")).To(Equal("value"))
		Expect(r.Header["Upgrade"]).To(Equal([]string{"websocket"}))
		user, password, ok := r.BasicAuth()
		Expect([]any{user, password, ok}).To(Equal([]any{"user", "secret", true}))
	})

	DescribeTable("is not sent where it would break a rule",
		func(ctx SpecContext, url string, protocols ...string) {
			w := startClient(ctx, url, ws.DialOptions{Subprotocols: protocols}, setup{})
			DeferCleanup(w.stop)
			Expect(w.wait()).To(HaveOccurred())
			Expect(w.nc.in.buf).To(BeEmpty())
		},
		entry("another scheme", "http://example.com/", Label("rfc6455-3")),
		entry("no host", "ws:///chat", Label("rfc6455-3")),
		entry("a fragment", "ws://example.com/#part", Label("rfc6455-3")),
		entry("an empty fragment", "ws://example.com/#", Label("rfc6455-3")),
		entry("a subprotocol that is no token", "ws://example.com/", "chat room"),
		entry("an empty subprotocol", "ws://example.com/", ""),
		entry("a subprotocol twice", "ws://example.com/", "chat", "chat"),
	)

	it("is all that is sent before the response", func(ctx SpecContext) {
		w, _, head := dial(ctx, "ws://example.com/", ws.DialOptions{})
		w.SendRaw([]byte(response(head)))
		Expect(w).To(Live()) // what had come before would be in front of the pong
	})
})

var _ = Describe("RFC 6455 §4.1 a client reads the response", Label("rfc6455-4.1", "client"), func() {
	DescribeTable("opens the connection",
		func(ctx SpecContext, changes ...string) {
			w, _, head := dial(ctx, "ws://example.com/", ws.DialOptions{})
			w.SendRaw([]byte(response(head, changes...)))
			w.Send(text("open"))
			Expect(w).To(EchoText("open"))
		},
		entry("the plain response"),
		entry("another reason", "HTTP/1.1 101 Upgrading"),
		entry("an empty reason", "HTTP/1.1 101 "),
		entry("names in lower case", "-Upgrade", "+upgrade: websocket"),
		entry("values in other cases", "Upgrade: WebSocket", "Connection: upgrade", Label("rfc9110-7.8")),
		entry("Connection with others", "Connection: keep-alive, Upgrade"),
		entry("Connection on two lines", "Connection: keep-alive", "+Connection: Upgrade"),
		entry("empty list elements", "Connection: ,, Upgrade ,", Label("rfc9110-5.6.1")),
		entry("unknown fields", "Server: x", "Set-Cookie: a=b", "Sec-WebSocket-Unknown: 1"),
		entry("a length, which means nothing here", "Content-Length: 5", Label("rfc9112-6.3")),
		entry("a coding, which means nothing here", "Transfer-Encoding: chunked", Label("rfc9112-6.3")),
		entry("a folded line", "X-Header: value\r\n folded", Label("rfc9112-5.2")),
	)

	DescribeTable("opens the connection after interim responses", Label("rfc9110-15.2"),
		func(ctx SpecContext, interim string) {
			w, _, head := dial(ctx, "ws://example.com/", ws.DialOptions{})
			w.SendRaw([]byte(interim + response(head)))
			w.Send(text("open"))
			Expect(w).To(EchoText("open"))
		},
		entry("100", "HTTP/1.1 100 Continue\r\n\r\n"),
		entry("103", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"),
		entry("several", "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"),
	)

	// refuses has an error of that section of RFC 6455, which the wire does not
	// show; on it is the end of TCP, without a frame.
	refuses := func(ctx SpecContext, opts ws.DialOptions, section string, answer func(head string) string) {
		GinkgoHelper()
		w, _, head := dial(ctx, "ws://example.com/", opts)
		w.SendRaw([]byte(answer(head)))
		Expect(w).To(EndTCP())
		Expect(w.wait()).To(refusedFor(section))
	}

	DescribeTable("fails the connection", Label("rfc6455-7.2.1"),
		func(ctx SpecContext, changes ...string) {
			refuses(ctx, ws.DialOptions{}, "4.1", func(head string) string { return response(head, changes...) })
		},
		entry("no Upgrade", "-Upgrade"),
		entry("another Upgrade", "Upgrade: h2c"),
		entry("an Upgrade that only begins so", "Upgrade: websockets"),
		entry("Upgrade to two protocols", "Upgrade: websocket, h2c"),
		entry("no Connection", "-Connection"),
		entry("Connection without Upgrade", "Connection: keep-alive"),
		entry("no Accept", "-Sec-WebSocket-Accept"),
		entry("an empty Accept", "Sec-WebSocket-Accept:"),
		entry("an Accept for another key", "Sec-WebSocket-Accept: "+sampleAccept),
		entry("two Accepts", "+Sec-WebSocket-Accept: "+sampleAccept, Label("rfc6455-11.3.3")),
		entry("a subprotocol", "Sec-WebSocket-Protocol: chat"),
		entry("an empty subprotocol", "Sec-WebSocket-Protocol:"),
		entry("an extension", "Sec-WebSocket-Extensions: x-foo", Label("rfc6455-9.1")),
		entry("permessage-deflate", "Sec-WebSocket-Extensions: permessage-deflate", Label("rfc7692-5")),
		entry("extensions that break the grammar", "Sec-WebSocket-Extensions: ;", Label("rfc6455-9.1")),
		entry("an empty list of extensions", "Sec-WebSocket-Extensions:", Label("rfc6455-9.1")),
		entry("HTTP/1.0", "HTTP/1.0 101 Switching Protocols"),
		entry("another protocol", "ICY 101 OK"),
		entry("a status of four digits", "HTTP/1.1 1010 Switching Protocols"),
		entry("a status that is no number", "HTTP/1.1 OK"),
		entry("a line without a colon", "+just words"),
		entry("space in front of a colon", "X-Header : value"),
		entry("a NUL", "X-Header: a\x00b"),
		entry("a bare CR", "X-Header: a\rb", Label("rfc9112-2.2")),
	)

	DescribeTable("fails the connection at an Accept that is almost right",
		func(ctx SpecContext, spoil func(string) string) {
			refuses(ctx, ws.DialOptions{}, "4.1", func(head string) string {
				accept := wsproto.AcceptKey(field(head, "Sec-WebSocket-Key"))
				return response(head, "Sec-WebSocket-Accept: "+spoil(accept))
			})
		},
		entry("in other cases", func(s string) string {
			if lower := strings.ToLower(s); lower != s {
				return lower
			}
			return strings.ToUpper(s)
		}),
		entry("in quotes", func(s string) string { return `"` + s + `"` }),
		entry("without padding", func(s string) string { return strings.TrimSuffix(s, "=") }),
		entry("cut short", func(s string) string { return s[:20] }),
		entry("with another behind it", func(s string) string { return s + ", " + sampleAccept }),
	)

	DescribeTable("agrees only to a subprotocol that it offered", Label("rfc6455-11.3.4", "rfc6455-1.9"),
		func(ctx SpecContext, ok bool, changes ...string) {
			opts := ws.DialOptions{Subprotocols: []string{"v2", "v1"}}
			if !ok {
				refuses(ctx, opts, "4.1", func(head string) string { return response(head, changes...) })
				return
			}
			w, _, head := dial(ctx, "ws://example.com/", opts)
			w.SendRaw([]byte(response(head, changes...)))
			Expect(w).To(Live())
		},
		entry("the first", true, "Sec-WebSocket-Protocol: v2"),
		entry("the second", true, "Sec-WebSocket-Protocol: v1"),
		entry("none", true),
		entry("another", false, "Sec-WebSocket-Protocol: v3"),
		entry("in another case", false, "Sec-WebSocket-Protocol: V2"),
		entry("both", false, "Sec-WebSocket-Protocol: v2, v1"),
		entry("both, on two lines", false, "Sec-WebSocket-Protocol: v2", "+Sec-WebSocket-Protocol: v1"),
		entry("an empty one", false, "Sec-WebSocket-Protocol:"),
	)

	DescribeTable("leaves any status but 101 to the application", Label("rfc6455-4.2.2"),
		func(ctx SpecContext, status string, changes ...string) {
			w, _, head := dial(ctx, "ws://example.com/", ws.DialOptions{})
			answer := response(head, append([]string{"HTTP/1.1 " + status, "Content-Length: 4"}, changes...)...)
			w.SendRaw([]byte(answer + "body"))
			Expect(w).To(EndTCP())
			var he *ws.HandshakeError
			Expect(errors.As(w.wait(), &he)).To(BeTrue())
			Expect(status).To(HavePrefix("%d", he.Status))
			Expect(string(he.Body)).To(Equal("body"))
			Expect(he.Reason).NotTo(ContainSubstring("RFC 6455"), "no rule was broken")
		},
		entry("200", "200 OK"),
		entry("301", "301 Moved Permanently", "Location: ws://example.org/"),
		entry("400", "400 Bad Request"),
		entry("401", "401 Unauthorized", "WWW-Authenticate: Basic realm=x"),
		entry("403", "403 Forbidden"),
		entry("426", "426 Upgrade Required", "Sec-WebSocket-Version: 8, 7"),
		entry("503", "503 Service Unavailable", "Retry-After: 1"),
	)

	it("reads the body of an error through its coding", Label("rfc9112-7.1"), func(ctx SpecContext) {
		w, _, _ := dial(ctx, "ws://example.com/", ws.DialOptions{})
		w.SendRaw([]byte("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"))
		Expect(w).To(EndTCP())
		var he *ws.HandshakeError
		Expect(errors.As(w.wait(), &he)).To(BeTrue())
		Expect(string(he.Body)).To(Equal("body"))
	})

	DescribeTable("fails the connection if TCP ends before the response does", Label("rfc6455-7.2.1"),
		func(ctx SpecContext, cut int) {
			w, _, head := dial(ctx, "ws://example.com/", ws.DialOptions{})
			w.SendRaw([]byte(response(head)[:cut]))
			Expect(w).To(EndTCP())
			Expect(w.wait()).To(HaveOccurred())
		},
		entry("at once", 0),
		entry("inside the status", 11),
		entry("inside the header", 50),
	)

	DescribeTable("reads a response however TCP cuts it up", Label("rfc6455-6.2"),
		func(ctx SpecContext, sip int) {
			w := open(ctx, client, setup{sip: sip, early: wsproto.AppendFrame(nil, text("in the same segment").Frame)})
			Expect(w).To(EchoText("in the same segment"))
		},
		entry("byte by byte", 1),
		entry("three bytes at a time", 3),
		entry("whole, with the first frame", 0),
	)

	DescribeTable("gives up on a head without end", Label("rfc6455-10.4"),
		func(ctx SpecContext, head string) {
			w, _, _ := dial(ctx, "ws://example.com/", ws.DialOptions{})
			w.SendRaw([]byte(head))
			Expect(w.wait()).To(refusedFor(""))
			Expect(w.fill()).To(MatchError(syscall.ECONNRESET), "it does not wait for more")
		},
		entry("of one line", strings.Repeat("*", 17<<10)),
		entry("of many lines", "HTTP/1.1 101 OK\r\n"+strings.Repeat("X: y\r\n", 4<<10)),
	)
})
