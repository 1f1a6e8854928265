package native

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// serveRaw answers each connection with the function, and returns the address.
func serveRaw(t *testing.T, answer func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			answer(nc)
			nc.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// says answers a request with a text.
func says(text string) func(net.Conn) {
	return func(nc net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(nc)); err == nil {
			io.WriteString(nc, text)
			io.Copy(io.Discard, nc)
		}
	}
}

// opened answers a request with 101, and then talks.
func opened(talk func(net.Conn)) func(net.Conn) {
	return func(nc net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			wsproto.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
		talk(nc)
	}
}

// raw sends bytes as they are.
func raw(octets string) func(net.Conn) {
	return func(nc net.Conn) {
		io.WriteString(nc, octets)
		saysNothing(nc)
	}
}

func saysNothing(nc net.Conn) { io.Copy(io.Discard, nc) }

// sends writes a frame and waits for the end.
func sends(op wsproto.Opcode, payload []byte) func(net.Conn) {
	return func(nc net.Conn) {
		nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: op}, Payload: payload}))
		saysNothing(nc)
	}
}

// What a server does in place of echoing is named, with what to do about it, within
// seconds.
func TestDiagnose(t *testing.T) {
	pair, _, err := Certificate()
	if err != nil {
		t.Fatal(err)
	}
	overTLS := func(answer func(net.Conn)) func(net.Conn) {
		return func(nc net.Conn) {
			tc := tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{pair}})
			if tc.Handshake() == nil {
				answer(tc)
			}
		}
	}
	for _, row := range []struct {
		name, scheme, path string
		answer             func(net.Conn)
		want               string // part of what is said
	}{
		{
			"forbidden", "ws", "", says("HTTP/1.1 403 Forbidden\r\nContent-Length: 26\r\n\r\nmissing token\nask an admin\n"),
			`it answers the opening handshake with "403 Forbidden" and "missing token": it may want a token`,
		},
		{"forbidden without a body", "ws", "", says("HTTP/1.1 403 Forbidden\r\n\r\n"), `with "403 Forbidden": it may want a token`},
		{"forbidden, chunked", "ws", "", says("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nno-no\r\n0\r\n\r\n"), `"403 Forbidden" and "no-no"`},
		{"credentials", "ws", "", says("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), `"401 Unauthorized": give it credentials, such as -H`},
		{"path", "ws", "/chat", says("HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"), `"404 Not Found" and "not found": is /chat the path`},
		{"no path", "ws", "", says("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), `"404 Not Found": the URL has no path`},
		{
			"redirect", "ws", "/a", says("HTTP/1.1 302 Found\r\nLocation: https://other.example/b\r\nContent-Length: 0\r\n\r\n"),
			`"302 Found": test the address that it names, wss://other.example/b`,
		},
		{"web page", "ws", "", says("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<!DOCTYPE html>"), `"200 OK" and "<!DOCTYPE html>": this path serves plain HTTP`},
		{"busy", "ws", "", says("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), `--parallel 1`},
		{"gateway", "ws", "", says("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), `a gateway answers`},
		{
			"wrong Accept", "ws", "", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: abc\r\n\r\n"),
			`it answers "101 Switching Protocols", but Sec-WebSocket-Accept is missing or does not match the key`,
		},
		{"TLS", "ws", "", overTLS(saysNothing), `it expects TLS: use wss://127.0.0.1:`},
		{"TLS alert", "ws", "", says("\x15\x03\x03\x00\x02\x02\x0a"), `it answers with TLS: use wss://127.0.0.1:`},
		{"plain text", "wss", "", says("HTTP/1.1 400 Bad Request\r\n\r\n"), `it does not answer a TLS handshake, and speaks HTTP without TLS: use ws://127.0.0.1:`},
		{
			"plain text at once", "wss", "", func(nc net.Conn) { io.WriteString(nc, "HTTP/1.0 400 Bad Request\r\n\r\n"); saysNothing(nc) },
			`it answers a TLS handshake in plain text ("HTTP/"): use ws://127.0.0.1:`,
		},
		{"mute, with TLS", "wss", "", saysNothing, `it does not answer a TLS handshake`},
		{"certificate", "wss", "", overTLS(saysNothing), `trust its certificate with --ca FILE`},
		{"HTTP/2 settings", "ws", "", says("\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"), `it answers with HTTP/2 frames`},
		{"HTTP/2 preface", "ws", "", says("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), `it answers with HTTP/2 frames`},
		{"SSH", "ws", "", func(nc net.Conn) { io.WriteString(nc, "SSH-2.0-OpenSSH_9\r\n"); saysNothing(nc) }, `it answers with "SSH-2.0-OpenSSH_9", which is not HTTP`},
		{
			"endless head", "ws", "", says("HTTP/1.1 101 Switching Protocols\r\n" + strings.Repeat("X-Filler: "+strings.Repeat("y", 90)+"\r\n", 1000)),
			`the head of its answer "HTTP/1.1 101 Switching Protocols" does not end within 64 KiB`,
		},
		{"slow head", "ws", "", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"), `does not end within 2s`},
		{"no answer", "ws", "", saysNothing, `it takes connections and answers no opening handshake`},
		{"the end", "ws", "", func(net.Conn) {}, `it `},
		{"no echo, no pong", "ws", "", opened(saysNothing), `it opens the connection, and answers neither a message nor a ping`},
		{"pongs", "ws", "", opened(sends(wsproto.OpPong, []byte("wsconform"))), `it answers pings, but does not echo messages`},
		{"other messages", "ws", "", opened(sends(wsproto.OpText, []byte("welcome\nall"))), `it does not echo messages, but sends "welcome"`},
		{
			"close", "ws", "", opened(sends(wsproto.OpClose, wsproto.AppendClose(nil, 1008, "no such room"))),
			`it closes the connection in place of an echo, with code 1008 and the reason "no such room"`,
		},
		{
			"not a frame", "ws", "", opened(raw("\xff\xff")),
			`it sends a malformed frame in place of an echo: reserved bit set that no extension uses (RFC 6455 section 5.2)`,
		},
		{
			"text behind the handshake", "ws", "", opened(raw("hello\n")),
			`in place of an echo: reserved bit set that no extension uses (RFC 6455 section 5.2); the bytes are "hello\n"`,
		},
		{
			"masked", "ws", "", opened(raw("\x81\x83abcd\x00\x00\x00")),
			`in place of an echo: frame from a server is masked (RFC 6455 section 5.1)`,
		},
		{
			"a length that is too long", "ws", "", opened(raw("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff")),
			`in place of an echo: `,
		},
		{
			"a length that is not minimal", "ws", "", opened(raw("\x81\x7e\x00\x03abc")),
			`in place of an echo: length is not in the shortest form (RFC 6455 section 5.2)`,
		},
		{
			"a continuation of nothing", "ws", "", opened(raw("\x80\x01a")),
			`in place of an echo: continuation frame without a message to continue (RFC 6455 section 5.4)`,
		},
		{"end of TCP", "ws", "", opened(func(net.Conn) {}), `it `},
		{"echo", "ws", "", opened(sends(wsproto.OpText, []byte("wsconform"))), ``},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			target := Target{URL: &url.URL{Scheme: row.scheme, Host: serveRaw(t, row.answer), Path: row.path}}
			begun := time.Now()
			d, err := target.Diagnose(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := d.String(); !strings.Contains(got, row.want) {
				t.Errorf("it says\n%s\nwant\n%s", got, row.want)
			}
			if d.Echoes != (row.name == "echo") || d.Pongs != (row.name == "pongs") {
				t.Errorf("%+v: echoes or pongs are wrong", d)
			}
			if took := time.Since(begun); took > 20*time.Second { // 8 s on a quiet machine
				t.Errorf("it took %v", took)
			}
		})
	}
}

// A diagnosis that is interrupted ends at once.
func TestDiagnoseInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := Target{URL: &url.URL{Scheme: "ws", Host: serveRaw(t, func(nc net.Conn) { cancel(); saysNothing(nc) })}}
	if _, err := target.Diagnose(ctx); err == nil {
		t.Error("no error")
	}
}

// Where nobody listens nobody speaks HTTP.
func TestPlainHTTPNowhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := Target{URL: &url.URL{Scheme: "wss", Host: l.Addr().String()}}
	l.Close()
	if target.plainHTTP(t.Context()) {
		t.Errorf("got HTTP of a closed port")
	}
}

// A server that is busy may take the next connection: it is asked again.
func TestDiagnoseRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	for status, want := range map[string]bool{
		"400 Bad Request": false, "403 Forbidden": false, "404 Not Found": false, "429 Too Many Requests": true,
		"500 Internal Server Error": true, "503 Service Unavailable": true,
	} {
		target := Target{URL: &url.URL{Scheme: "ws", Host: serveRaw(t, says("HTTP/1.1 "+status+"\r\nContent-Length: 0\r\n\r\n"))}}
		d, err := target.Diagnose(t.Context())
		if err != nil || d.Refused != want {
			t.Errorf("%s: got %+v, error %v, want refused %t", status, d, err, want)
		}
	}
}
