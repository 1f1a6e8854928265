package wstest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/harness/internal/native"
	"github.com/wsconform/wsconform/ws"
)

// What scripts that exist rely on, beyond a run that goes as it should.

// TestCounts has the numbers that drivers hold in their code.
func TestCounts(t *testing.T) {
	for _, tc := range []struct{ name, exclude, want string }{
		{"all", ``, "517"},
		{"without compression", `"12.*", "13.*"`, "301"},
		{"without compression, the pattern of a regular expression", `"1[1-4].*"`, "301"},
		{"without limits", `"9.*"`, "463"},
		{"the light ones", `"9.*", "12.*", "13.*", ""`, "247"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["*"], "exclude-cases": [`+tc.exclude+`], "webport": 0}`)
			if got, err := ask(t, start(t, "-m", "fuzzingserver").listening(t)+"/getCaseCount"); err != nil || got != tc.want {
				t.Errorf("got %q, %v, want %s", got, err, tc.want)
			}
		})
	}
}

// TestAnyHost asks by another host and port than the server's own, as behind a
// mapped port.
func TestAnyHost(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "cases": ["1.1.1"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	c, err := ws.Dial(t.Context(), url+"/getCaseCount", &ws.DialOptions{Header: http.Header{"Host": {"testsuite.example:53701"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "1" {
		t.Errorf("got %q, %v, want 1", got, err)
	}
}

// TestSeveralAtOnce runs three cases at a time under one name, and a client that
// masks with zero.
func TestSeveralAtOnce(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "outdir": "out", "cases": ["1.1.*", "1.2.*", "5.3"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	numbers := make(chan int, 17)
	for n := range 17 {
		numbers <- n + 1
	}
	close(numbers)
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() {
			for n := range numbers {
				c, err := ws.Dial(t.Context(), fmt.Sprintf("%s/runCase?case=%d&agent=k", url, n), &ws.DialOptions{MaskKey: func() (zero [4]byte) { return zero }})
				if err != nil {
					t.Errorf("case %d: %v", n, err)
					continue
				}
				for {
					typ, message, err := c.Read(t.Context())
					if err != nil || c.Write(t.Context(), typ, message) != nil {
						break
					}
				}
				c.CloseNow()
			}
		})
	}
	clients.Wait()
	if _, err := ask(t, url+"/updateReports?agent=k"); err != nil {
		t.Fatal(err)
	}
	got := readIndex(t)["k"]
	if len(got) != 17 {
		t.Errorf("index.json: got %d cases, want 17", len(got))
	}
	for id, r := range got {
		if r.Behavior != "OK" || r.BehaviorClose != "OK" {
			t.Errorf("case %s: got %s, %s, want OK", id, r.Behavior, r.BehaviorClose)
		}
	}
}

// TestReportsWithoutReader asks for reports and is gone before they are written.
func TestReportsWithoutReader(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "outdir": "out", "cases": ["7.3.1"]}`)
	p := start(t, "-m", "fuzzingserver", "-u0")
	url := p.listening(t)
	if _, err := ask(t, url+"/runCase?case=1&agent=a"); err != nil {
		t.Fatal(err)
	}
	c, err := ws.Dial(t.Context(), url+"/updateReports?agent=a", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.CloseNow()
	p.await(t, "the reports", func() bool { _, err := os.Stat(filepath.Join("out", "index.json")); return err == nil })
}

// await waits until what is so, for a bounded time.
func (p *program) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); {
		select {
		case <-p.done:
			t.Fatalf("the program ended without %s: %v", what, p.err)
		case <-time.After(time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %s after a minute", what)
		}
	}
}

// TestFuzzingServerTLS has key and certificate in the configuration.
func TestFuzzingServerTLS(t *testing.T) {
	certificate, trusted := keyPair(t)
	spec(t, "fuzzingserver.json", `{"url": "wss://h:0", "cases": ["*"], "key": "`+certificate.key+`", "cert": "`+certificate.file+`"}`)
	url := "wss" + strings.TrimPrefix(start(t, "-m", "fuzzingserver", "-u0").listening(t), "ws")
	c, err := ws.Dial(t.Context(), url+"/getCaseCount", &ws.DialOptions{TLS: &tls.Config{RootCAs: trusted}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != "517" {
		t.Errorf("got %q, %v, want 517", got, err)
	}
}

type certificateFiles struct {
	tls.Certificate
	key, file string
}

func keyPair(t *testing.T) (certificateFiles, *x509.CertPool) {
	t.Helper()
	certificate, text, err := native.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	f := certificateFiles{certificate, filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")}
	for name, text := range map[string][]byte{f.file: text, f.key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(text)
	return f, trusted
}

// An observer is a server that echoes, says nothing of itself, and keeps what it
// was asked.
type observer struct {
	url string

	mu       sync.Mutex // guards the rest
	requests []*http.Request
	names    []string // asked for in TLS
}

func observe(t *testing.T, certificate *tls.Certificate) *observer {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &observer{url: "ws://" + l.Addr().String()}
	if certificate != nil {
		o.url = "wss://" + l.Addr().String()
		l = tls.NewListener(l, &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.names = append(o.names, hello.ServerName)
			return certificate, nil
		}})
	}
	server := &ws.Server{
		Accept: ws.AcceptOptions{Origins: []string{"*"}, Check: func(r *http.Request, _ http.Header) (context.Context, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.requests = append(o.requests, r)
			return nil, nil
		}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			for message, err := range c.Messages(ctx) {
				if err != nil || c.Write(ctx, message.Type, message.Data) != nil {
					return nil
				}
			}
			return nil
		},
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(now)
		<-served
	})
	return o
}

// TestFuzzingClientHandshake has everything in the configuration that changes the
// handshake, and a server without a name.
func TestFuzzingClientHandshake(t *testing.T) {
	o := observe(t, nil)
	spec(t, "s.json", `{"outdir": "./out/", "cases": ["1.1.1"], "servers": [
		{"url": "`+o.url+`/p?q=1", "origin": "http://o.example", "protocols": ["x", "y"], "options": {"version": 18}}]}`)
	if err := start(t, "-m", "fuzzingclient", "-s", "s.json").wait(t); err != nil {
		t.Fatal(err)
	}
	if got := readIndex(t)["UnknownServer"]["1.1.1"]; got.Behavior != "OK" || got.BehaviorClose != "OK" || got.ReportFile != "unknownserver_case_1_1_1.json" {
		t.Errorf("index.json: got %+v, want OK of UnknownServer", got)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.requests {
		got := []string{r.URL.RequestURI(), r.Header.Get("Origin"), strings.Join(r.Header.Values("Sec-Websocket-Protocol"), "|"), r.Header.Get("Sec-Websocket-Version")}
		if want := []string{"/p?q=1", "http://o.example", "x,y", "13"}; !slices.Equal(got, want) {
			t.Errorf("request: got %q, want %q", got, want)
		}
	}
}

// TestFuzzingClientTLS verifies a certificate only where it is told a name. Where TLS
// fails, so does each case, as in Autobahn.
func TestFuzzingClientTLS(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for connections that never end")
	}
	certificate, _ := keyPair(t)
	for _, tc := range []struct {
		name, server string
		asked        string // name in TLS
		want         string
	}{
		{"no name", ``, "", "OK"},
		{"a name", `, "hostname": "server.example"`, "server.example", "FAILED"}, // no authority vouches for the certificate
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := observe(t, &certificate.Certificate)
			spec(t, "s.json", `{"outdir": "out", "cases": ["1.1.1"], "servers": [{"agent": "a", "url": "`+o.url+`"`+tc.server+`}]}`)
			p := start(t, "-m", "fuzzingclient", "-s", "s.json")
			if err := p.wait(t); err != nil {
				t.Fatal(err)
			}
			if got := readIndex(t)["a"]["1.1.1"]; got.Behavior != tc.want || got.BehaviorClose != tc.want {
				t.Errorf("index.json: got %+v, want %s\n%s", got, tc.want, p.stdout.String())
			}
			o.mu.Lock()
			defer o.mu.Unlock()
			if len(o.names) == 0 || o.names[0] != tc.asked {
				t.Errorf("names asked for: got %q, want %q", o.names, tc.asked)
			}
		})
	}
}

// TestDroppedHandshakes has a client that is gone before it has an answer, faster
// than we read: each case has its verdict in the reports that it asks for.
func TestDroppedHandshakes(t *testing.T) {
	spec(t, "fuzzingserver.json", `{"url": "ws://h:0", "outdir": "out", "cases": ["*"], "exclude-cases": ["9.*", "12.*", "13.*"]}`)
	url := start(t, "-m", "fuzzingserver", "-u0").listening(t)
	addr := strings.TrimPrefix(url, "ws://")
	for n := 1; n <= 247; n++ {
		nc, err := new(net.Dialer).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 {
			_ = nc.(*net.TCPConn).SetLinger(0) // a reset
		}
		fmt.Fprintf(nc, "GET /runCase?case=%d&agent=gone HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", n)
		nc.Close()
	}
	if _, err := ask(t, url+"/updateReports?agent=gone"); err != nil {
		t.Fatal(err)
	}
	got := readIndex(t)["gone"]
	if len(got) != 247 {
		t.Errorf("index.json: got %d cases, want 247", len(got))
	}
	if r := got["1.1.1"]; r.Behavior != "FAILED" || r.BehaviorClose != "FAILED" {
		t.Errorf("case 1.1.1: got %s/%s, want FAILED/FAILED", r.Behavior, r.BehaviorClose)
	}
}
