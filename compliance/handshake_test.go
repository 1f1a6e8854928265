package compliance_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The example of RFC 6455 §1.3.
const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// request is the head of a good request, changed line by line: a line replaces
// the one of the same field, "-Name" removes it, "+Name: value" adds another, and
// a line without a colon replaces the first.
func request(changes ...string) string {
	return edit([]string{
		"GET /chat HTTP/1.1",
		"Host: example.com",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Key: " + sampleKey,
		"Sec-WebSocket-Version: 13",
	}, changes)
}

// response is the head of a good response to a request, changed in the same way.
func response(request string, changes ...string) string {
	return edit([]string{
		"HTTP/1.1 101 Switching Protocols",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: " + wsproto.AcceptKey(field(request, "Sec-WebSocket-Key")),
	}, changes)
}

func edit(lines, changes []string) string {
	for _, change := range changes {
		if line, ok := strings.CutPrefix(change, "+"); ok {
			lines = append(lines, line)
			continue
		}
		name, _, isField := strings.Cut(change, ":")
		isField = isField && !strings.HasPrefix(change, "GET ")
		remove := strings.HasPrefix(name, "-")
		name = strings.TrimPrefix(name, "-")
		switch i := indexField(lines, name); {
		case remove:
			lines = append(lines[:i], lines[i+1:]...)
		case !isField:
			lines[0] = change
		case i >= 0:
			lines[i] = change
		default:
			lines = append(lines, change)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func indexField(lines []string, name string) int {
	for i, line := range lines[1:] {
		if got, _, _ := strings.Cut(line, ":"); strings.EqualFold(got, name) {
			return i + 1
		}
	}
	return -1
}

// field is the value of a header field, or empty.
func field(head, name string) string {
	lines := strings.Split(head, "\r\n")
	if i := indexField(lines, name); i >= 0 {
		_, value, _ := strings.Cut(lines[i], ":")
		return strings.TrimSpace(value)
	}
	return ""
}

// answered waits for a response and reads it as any HTTP client would.
func (w *wire) answered() *http.Response {
	GinkgoHelper()
	head := w.head()
	Expect(strings.ReplaceAll(head, "\r\n", "")).NotTo(ContainSubstring("\n"), "lines end in CRLF")
	w.answer = head
	r, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), nil)
	Expect(err).NotTo(HaveOccurred(), "%s", w)
	return r
}

// ask sends a request to a server with these options and waits for its answer.
func ask(ctx SpecContext, opts ws.AcceptOptions, head string) (*wire, *http.Response) {
	GinkgoHelper()
	w := startServer(ctx, opts, setup{})
	DeferCleanup(w.stop)
	w.SendRaw([]byte(head))
	r := w.answered()
	method, _, _ := strings.Cut(head, " ")
	r.Request = &http.Request{Method: method}
	return w, r
}

// expectRefusal is an HTTP error and the end of TCP, and no upgrade.
func expectRefusal(w *wire, r *http.Response, status int) {
	GinkgoHelper()
	Expect(r).To(HaveHTTPStatus(status), "%s", w)
	Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Accept"))
	if r.Request == nil || r.Request.Method != http.MethodHead { // which has no body (RFC 9110 §9.3.2)
		w.take(int(max(r.ContentLength, 0)))
	}
	Expect(w).To(EndTCP())
	Expect(w.wait()).To(HaveOccurred())
}

var _ = Describe("RFC 6455 §4.2.1 a server reads the request", Label("rfc6455-4.2.1", "server"), func() {
	DescribeTable("upgrades",
		func(ctx SpecContext, changes ...string) {
			w, r := ask(ctx, ws.AcceptOptions{}, request(changes...))
			Expect(r).To(HaveHTTPStatus(101), "%s", w)
			w.Send(text("open"))
			Expect(w).To(EchoText("open"))
		},
		entry("the plain request"),
		entry("names in lower case", "-Upgrade", "-Connection", "+upgrade: websocket", "+connection: Upgrade"),
		entry("values in other cases", "Upgrade: WebSocket", "Connection: UPGRADE", Label("rfc9110-7.8")),
		entry("websocket among others", "Upgrade: h2c, websocket", Label("rfc9110-7.8")),
		entry("websocket on a line of its own", "Upgrade: h2c", "+Upgrade: websocket"),
		entry("Connection with others", "Connection: keep-alive, Upgrade"),
		entry("Connection on two lines", "Connection: keep-alive", "+Connection: Upgrade"),
		entry("empty list elements", "Connection: ,keep-alive,, Upgrade,", Label("rfc9110-5.6.1")),
		entry("values without space in front", "Upgrade:websocket", "Sec-WebSocket-Version:13"),
		entry("values with space around", "Sec-WebSocket-Key: \t"+sampleKey+" \t"),
		entry("fields in another order", "-Host", "-Upgrade", "+Upgrade: websocket", "+Host: example.com"),
		entry("unknown fields", "X-Unknown: ;,=\"", "Cookie: a=b", "Sec-WebSocket-Unknown: 1"),
		entry("an absolute URI", "GET http://example.com/chat HTTP/1.1"),
		entry("a query", "GET /chat?a=b&c=%20 HTTP/1.1"),
		entry("the root", "GET / HTTP/1.1"),
		entry("a port in Host", "Host: example.com:8080"),
		entry("Content-Length: 0", "Content-Length: 0"),
		entry("another key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
		entry("a long field", "X-Long: "+strings.Repeat("*", 8000)),
	)

	DescribeTable("answers with an HTTP error and ends TCP",
		func(ctx SpecContext, status int, changes ...string) {
			w, r := ask(ctx, ws.AcceptOptions{}, request(changes...))
			expectRefusal(w, r, status)
		},
		entry("POST", 405, "POST /chat HTTP/1.1", Label("rfc9110-15.5.6")),
		entry("HEAD", 405, "HEAD /chat HTTP/1.1"),
		entry("get, which is not GET", 405, "get /chat HTTP/1.1"),
		entry("HTTP/1.0", 505, "GET /chat HTTP/1.0", Label("rfc9110-7.8")),
		entry("HTTP/2.0", 505, "GET /chat HTTP/2.0"),
		entry("HTTP/0.9", 400, "GET /chat", Label("rfc6455-4.1")),
		entry("another protocol", 400, "GET /chat ICY/1.1"),
		entry("an empty target", 400, "GET  HTTP/1.1"),
		entry("a target that is no URI", 400, "GET chat HTTP/1.1"),
		entry("a target with a fragment", 400, "GET /chat#part HTTP/1.1", Label("rfc6455-3")),
		entry("two spaces in the request line", 400, "GET /chat  HTTP/1.1"),
		entry("no Host", 400, "-Host", Label("rfc9112-3.2")),
		entry("an empty Host", 400, "Host:", Label("rfc9112-3.2")),
		entry("two Hosts", 400, "+Host: example.com", Label("rfc9112-3.2")),
		entry("another Upgrade", 400, "Upgrade: h2c"),
		entry("an Upgrade that only begins so", 400, "Upgrade: websockets"),
		entry("an empty Upgrade", 400, "Upgrade:"),
		entry("no Connection", 400, "-Connection"),
		entry("Connection without Upgrade", 400, "Connection: keep-alive"),
		entry("an empty Connection", 400, "Connection:"),
		entry("no key", 400, "-Sec-WebSocket-Key"),
		entry("an empty key", 400, "Sec-WebSocket-Key:"),
		entry("two keys", 400, "+Sec-WebSocket-Key: "+sampleKey, Label("rfc6455-11.3.1")),
		entry("a key of 15 bytes", 400, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAA"),
		entry("a key of 17 bytes", 400, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA="),
		entry("a key without padding", 400, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA"),
		entry("a key with bits in the padding", 400, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAB=="),
		entry("a key that is not base64", 400, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="),
		entry("a key in base64url", 400, "Sec-WebSocket-Key: ________-----------___=="),
		entry("no version", 400, "-Sec-WebSocket-Version"),
		entry("two versions", 400, "+Sec-WebSocket-Version: 13", Label("rfc6455-11.3.5")),
		entry("a body", 400, "Content-Length: 5"),
		entry("a chunked body", 400, "Transfer-Encoding: chunked", Label("rfc9112-6.3")),
		entry("two lengths of a body", 400, "Content-Length: 0", "+Content-Length: 5", Label("rfc9112-6.3")),
		entry("space in front of a colon", 400, "X-Header : value", Label("rfc9112-5.1")),
		entry("a folded line", 400, "X-Header: value\r\n folded", Label("rfc9112-5.2")),
		entry("space in front of the first field", 400, "GET /chat HTTP/1.1\r\n X-Header: value", Label("rfc9112-2.2")),
		entry("a line without a colon", 400, "+just words"),
		entry("a field without a name", 400, "+: value"),
		entry("a name that is no token", 400, "+X(Header): value"),
		entry("a NUL", 400, "X-Header: a\x00b"),
		entry("a bare CR", 400, "X-Header: a\rb", Label("rfc9112-2.2")),
		entry("a bare LF", 400, "X-Header: a\nb"),
		entry("a head that is too large", 431, "X-Large: "+strings.Repeat("*", 16<<10), Label("rfc9112-5")),
	)

	it("names the methods it knows", Label("rfc9110-15.5.6"), func(ctx SpecContext) {
		w, r := ask(ctx, ws.AcceptOptions{}, request("POST /chat HTTP/1.1"))
		expectRefusal(w, r, 405)
		Expect(r).To(HaveHTTPHeaderWithValue("Allow", "GET"))
	})

	it("asks for the upgrade where there is none", Label("rfc9110-15.5.22", "rfc9110-7.8"), func(ctx SpecContext) {
		w, r := ask(ctx, ws.AcceptOptions{}, request("-Upgrade", "-Connection"))
		expectRefusal(w, r, 426)
		Expect(r).To(HaveHTTPHeaderWithValue("Upgrade", "websocket"))
		Expect(field(w.answer, "Connection")).To(HavePrefix("Upgrade"), "which net/http takes away")
	})

	DescribeTable("answers another version with 426 and the version it speaks", Label("rfc6455-4.2.2", "rfc6455-4.4"),
		func(ctx SpecContext, version string) {
			w, r := ask(ctx, ws.AcceptOptions{}, request("Sec-WebSocket-Version: "+version))
			expectRefusal(w, r, 426)
			Expect(r.Header["Sec-Websocket-Version"]).To(Equal([]string{"13"}))
			Expect(r).To(HaveHTTPHeaderWithValue("Upgrade", "websocket"))
		},
		entry("0", "0"),
		entry("8", "8"),
		entry("12", "12"),
		entry("14", "14"),
		entry("255", "255"),
		entry("with a leading zero", "013", Label("rfc6455-4.3")),
		entry("a list", "13, 8"),
		entry("another list", "8, 13"),
		entry("not a number", "thirteen"),
		entry("empty", ""),
	)

	it("does not keep a client waiting that expects 100", Label("rfc9110-7.8", "rfc9110-10.1.1"), func(ctx SpecContext) {
		w, r := ask(ctx, ws.AcceptOptions{}, request("Expect: 100-continue"))
		if r.StatusCode == http.StatusContinue { // may be left out, as there is no content to wait for
			r = w.answered()
		}
		Expect(r).To(HaveHTTPStatus(101), "%s", w)
	})

	DescribeTable("reads a request however TCP cuts it up", Label("rfc6455-6.2"),
		func(ctx SpecContext, sip int) {
			w := open(ctx, server, setup{sip: sip, early: wsproto.AppendFrame(nil, wsproto.Frame{
				Header:  wsproto.Header{Fin: true, Opcode: wsproto.OpText, Masked: true, MaskKey: [4]byte{1, 2, 3, 4}},
				Payload: []byte("in the same segment"),
			})})
			Expect(w).To(EchoText("in the same segment"))
		},
		entry("byte by byte", 1),
		entry("three bytes at a time", 3),
		entry("whole, with the first frame", 0),
	)

	DescribeTable("ends TCP at what is no request", Label("rfc6455-7.2.2"),
		func(ctx SpecContext, head string, status int) {
			w, r := ask(ctx, ws.AcceptOptions{}, head)
			expectRefusal(w, r, status)
		},
		entry("words", "hello there\r\n\r\n", 400),
		entry("nothing but an empty line", "\r\n\r\n", 400),
		entry("a TLS handshake with an end", "\x16\x03\x01\x02\x00\r\n\r\n", 400),
		entry("a head without end", strings.Repeat("*", 17<<10), 431),
	)
})

var _ = Describe("RFC 6455 §4.2.2 a server answers", Label("rfc6455-4.2.2", "server"), func() {
	it("has the fields of an upgrade, each once", Label("rfc6455-11.3.3", "rfc6455-1.3"), func(ctx SpecContext) {
		w, r := ask(ctx, ws.AcceptOptions{}, request("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Extensions: x-unknown"))
		Expect(r.Proto).To(Equal("HTTP/1.1"))
		Expect(r).To(HaveHTTPStatus(101), "%s", w)
		Expect(r.Header["Upgrade"]).To(Equal([]string{"websocket"}))
		Expect(r.Header["Connection"]).To(Equal([]string{"Upgrade"}))
		Expect(r.Header["Sec-Websocket-Accept"]).To(Equal([]string{sampleAccept}))
		Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Protocol"))
		Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Extensions"))
		Expect(r.Header).NotTo(Or(HaveKey("Content-Length"), HaveKey("Transfer-Encoding")))
	})

	DescribeTable("chooses a subprotocol that was offered, or none", Label("rfc6455-1.9", "rfc6455-11.3.4"),
		func(ctx SpecContext, speaks []string, want string, offers ...string) {
			for i, offer := range offers {
				offers[i] = "+Sec-WebSocket-Protocol: " + offer
			}
			w, r := ask(ctx, ws.AcceptOptions{Subprotocols: speaks}, request(offers...))
			Expect(r).To(HaveHTTPStatus(101), "%s", w)
			if want == "" {
				Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Protocol"))
			} else {
				Expect(r.Header["Sec-Websocket-Protocol"]).To(Equal([]string{want}))
			}
		},
		entry("the only one", []string{"chat"}, "chat", "chat"),
		entry("its best", []string{"v2", "v1"}, "v2", "v1, v2"),
		entry("one of several lines", []string{"v2"}, "v2", "v1", "v2"),
		entry("none that it speaks", []string{"chat"}, "", "superchat, chat2"),
		entry("none in another case", []string{"chat"}, "", "Chat"),
		entry("none that was offered", []string{"chat"}, ""),
		entry("none that it knows", nil, "", "chat"),
		entry("with empty list elements", []string{"chat"}, "chat", ",, chat ,"),
	)

	DescribeTable("refuses subprotocols that no client may offer", Label("rfc6455-4.1"),
		func(ctx SpecContext, offer string) {
			w, r := ask(ctx, ws.AcceptOptions{}, request("Sec-WebSocket-Protocol: "+offer))
			expectRefusal(w, r, 400)
		},
		entry("one that is no token", "chat room"),
		entry("one in quotes", `"chat"`),
		entry("one there twice", "chat, superchat, chat"),
	)

	DescribeTable("fails at extensions that break the grammar", Label("rfc6455-9.1", "rfc6455-4.3"),
		func(ctx SpecContext, offer string) {
			w, r := ask(ctx, ws.AcceptOptions{}, request("Sec-WebSocket-Extensions: "+offer))
			expectRefusal(w, r, 400)
		},
		entry("no name", "; a=b"),
		entry("no parameter", "foo; "),
		entry("no value", "foo; a="),
		entry("an empty quoted value", `foo; a=""`),
		entry("a quoted value that is no token", `foo; a="b c"`),
		entry("a quoted value without an end", `foo; a="b`),
		entry("two words", "foo bar"),
	)

	// The grammar wants an element at least. Widely used clients send an empty
	// field to say none, and nothing is gained by turning them away.
	DescribeTable("takes a field that names no extension for none", Label("rfc6455-9.1"),
		func(ctx SpecContext, offer string) {
			w, r := ask(ctx, ws.AcceptOptions{}, request("+Sec-WebSocket-Extensions: "+offer))
			Expect(r).To(HaveHTTPStatus(101), "%s", w)
			Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Extensions"))
		},
		entry("nothing", ""),
		entry("nothing but a comma", ","),
	)

	DescribeTable("declines extensions that it does not know", Label("rfc6455-9.1"),
		func(ctx SpecContext, offers ...string) {
			for i, offer := range offers {
				offers[i] = "+Sec-WebSocket-Extensions: " + offer
			}
			w, r := ask(ctx, ws.AcceptOptions{}, request(offers...))
			Expect(r).To(HaveHTTPStatus(101), "%s", w)
			Expect(r.Header).NotTo(HaveKey("Sec-Websocket-Extensions"))
		},
		entry("one", "x-foo"),
		entry("with parameters", `x-foo; a; b=c; d="e"`),
		entry("several", "x-foo, x-bar; a=1, , x-foo"),
		entry("on several lines", "x-foo", "x-bar"),
		entry("permessage-deflate, if it is turned off", "permessage-deflate; client_max_window_bits"),
	)

	DescribeTable("looks at the origin", Label("rfc6455-10.2", "rfc6455-1.6"),
		func(ctx SpecContext, allowed []string, status int, changes ...string) {
			w, r := ask(ctx, ws.AcceptOptions{Origins: allowed}, request(changes...))
			if status != 101 {
				expectRefusal(w, r, status)
			} else {
				Expect(r).To(HaveHTTPStatus(101), "%s", w)
			}
		},
		entry("none: not a browser", nil, 101),
		entry("its own host", nil, 101, "Origin: http://example.com"),
		entry("its own host in another case", nil, 101, "Origin: https://EXAMPLE.com"),
		entry("another host", nil, 403, "Origin: http://example.org"),
		entry("a host that ends so", nil, 403, "Origin: http://evil-example.com"),
		entry("another port", nil, 403, "Origin: http://example.com:8080"),
		entry("null", nil, 403, "Origin: null"),
		entry("two", nil, 403, "Origin: http://example.com", "+Origin: http://example.com"),
		entry("one that is allowed", []string{"https://example.org"}, 101, "Origin: https://example.org"),
		entry("one that is not", []string{"https://example.org"}, 403, "Origin: http://example.com"),
		entry("any, if all are allowed", []string{"*"}, 101, "Origin: null"),
	)

	DescribeTable("says what a hook tells it to instead of the upgrade",
		func(ctx SpecContext, status int, header, value string) {
			w, r := ask(ctx, ws.AcceptOptions{Check: func(_ *http.Request, _ http.Header) (context.Context, error) {
				return nil, &ws.RejectError{Status: status, Header: http.Header{header: {value}}}
			}}, request())
			expectRefusal(w, r, status)
			Expect(r).To(HaveHTTPHeaderWithValue(header, value))
		},
		entry("401 with a challenge", 401, "Www-Authenticate", "Basic realm=chat"),
		entry("302 with a location", 302, "Location", "/elsewhere"),
		entry("404", 404, "X-Reason", "no such chat"),
		entry("503 with a time", 503, "Retry-After", "120"),
	)
})
