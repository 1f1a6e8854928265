package main

import (
	"crypto/x509"
	"strings"
	"testing"
)

// echo speaks HTTP/2 to dump, with TLS by ALPN and without by prior knowledge.
func TestHTTP2(t *testing.T) {
	a := newAuthority(t)
	a.sign("server", &x509.Certificate{DNSNames: []string{"localhost"}})
	const over2, over1 = "> :protocol: websocket", "> Upgrade: websocket"
	tls := []string{"--tls-cert", a.file("server.pem"), "--tls-key", a.file("server.key")}
	for _, test := range []struct {
		name  string
		echo  []string
		flags []string
		want  string
	}{
		{"plain, only", nil, []string{"--http2", "only"}, over2},
		{"plain, auto", nil, []string{"--http2", "auto"}, over1},
		{"TLS, auto", tls, []string{"--http2", "auto", "--insecure"}, over2},
		{"TLS, only", tls, []string{"--http2", "only", "--insecure"}, over2},
		{"TLS, off", tls, []string{"--insecure"}, over1},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, stop := startEcho(t, append([]string{"--addr", "127.0.0.1:0"}, test.echo...)...)
			code, out, notes := runWith(t, "hello\n", append([]string{"dump", url, "-vv"}, test.flags...))
			if code != 0 || !strings.Contains(out, `"hello"`) || !strings.Contains(notes+out, test.want) {
				t.Errorf("exit code %d, want %q in\n%s%s", code, test.want, out, notes)
			}
			if code, log := stop(); code != 0 {
				t.Errorf("echo: exit code %d, %s", code, log)
			}
		})
	}
	if code, _, stderr := runWith(t, "", []string{"dump", "ws://127.0.0.1:1", "--http2", "yes"}); code != 2 || !strings.Contains(stderr, "must be auto, only or off") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
