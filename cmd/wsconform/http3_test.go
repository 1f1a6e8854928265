package main

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// echo speaks HTTP/3 to dump, and test plays the cases against it.
func TestHTTP3(t *testing.T) {
	a := newAuthority(t)
	a.sign("server", &x509.Certificate{DNSNames: []string{"localhost"}})
	url, stop := startEcho(t, "--addr", "127.0.0.1:0", "--http3", "--tls-cert", a.file("server.pem"), "--tls-key", a.file("server.key"))
	code, out, notes := runWith(t, "hello\n", []string{"dump", url, "-vv", "--http3", "--insecure"})
	if code != 0 || !strings.Contains(out, `"hello"`) || !strings.Contains(notes+out, "> :protocol: websocket") {
		t.Errorf("dump: exit code %d\n%s%s", code, out, notes)
	}
	dir := t.TempDir()
	code, out, notes = runWith(t, "", []string{"test", "--http3", url, "--insecure", "--cases", "1.1.*,7.1.*,M.1.*,H.1.4,H2.1.2,H3.1.*", "-o", dir})
	if code != 0 || strings.Contains(out, "fail") || !strings.Contains(out, "H.1.4: unsupported, the case is about a field") || !strings.Contains(out, "H2.1.2: unsupported") {
		t.Errorf("test: exit code %d\n%s%s", code, out, notes)
	}
	if run, err := os.ReadFile(filepath.Join(dir, "run.jsonl")); err != nil || !strings.Contains(string(run), `"http3":true`) || !strings.Contains(string(run), "HEADERS on stream 0, :status: 200") {
		t.Errorf("the run file does not tell of HTTP/3: %v", err)
	}
	code, out, notes = runWith(t, "", []string{"case", "H3.1.2", "--http3", "--insecure", "--against", url})
	if code != 0 || !strings.Contains(out, "<- HTTP/3 FIN on stream 0") {
		t.Errorf("case: exit code %d\n%s%s", code, out, notes)
	}
	// An error of QUIC counts as net.ErrClosed, but nobody has interrupted anything.
	if code, _, notes := runWith(t, "", []string{"dump", url, "--http3"}); code != exitHarness || !strings.Contains(notes, "certificate") {
		t.Errorf("dump of an unknown authority: exit code %d, want %d\n%s", code, exitHarness, notes)
	}
	if code, _, notes := runWith(t, "", []string{"test", "--http3", url, "--cases", "1.1.1", "-o", t.TempDir()}); code != exitAgent || !strings.Contains(notes, "certificate") {
		t.Errorf("test of an unknown authority: exit code %d, want %d\n%s", code, exitAgent, notes)
	}
	if code, log := stop(); code != 0 {
		t.Errorf("echo: exit code %d, %s", code, log)
	}
	// Who waits for the line that says where it listens finds it there, over UDP too.
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	code, out, notes = runWith(t, "", []string{"echo", "--addr", pc.LocalAddr().String(), "--http3", "--tls-cert", a.file("server.pem"), "--tls-key", a.file("server.key")})
	if code != exitHarness || out != "" || !strings.Contains(notes, "address already in use") {
		t.Errorf("echo on a UDP port in use: exit code %d, want %d\n%s%s", code, exitHarness, out, notes)
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"echo", "--http3"}, "--http3 needs --tls-cert"},
		{[]string{"test", "--http2", "--http3", "wss://127.0.0.1:1"}, "exclude each other"},
		{[]string{"test", "--http3", "ws://127.0.0.1:1"}, "wss"},
		{[]string{"case", "1.1.1", "--http3", "--against", "ws://127.0.0.1:1"}, "wss URL"},
		{[]string{"test", "--client", "--http3", "--", "client"}, "--http3 needs --tls"},
		{[]string{"test", "--one-shot", "--http3", "--", "client"}, "--http3 needs --tls"},
		{[]string{"dump", "--raw", "--http3", "wss://127.0.0.1:1"}, "http3"},
		{[]string{"dump", "--http3", "ws://127.0.0.1:1"}, "only wss URLs"},
	} {
		if code, _, stderr := runWith(t, "", test.args); code == 0 || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: exit code %d: %s", test.args, code, stderr)
		}
	}
}
