package passive

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
)

// A keyLog takes what both ends write.
type keyLog struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (k *keyLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.Write(p)
}

func (k *keyLog) keys(t *testing.T) *Keys {
	t.Helper()
	keys := &Keys{}
	if err := keys.Read(strings.NewReader(k.String())); err != nil {
		t.Fatal(err)
	}
	return keys
}

func (k *keyLog) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.buf.String()
}

// secureServer answers a handshake and masks what it sends, which it must not.
func secureServer(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	pair := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate
	pair.Close()
	config.Certificates = pair.TLS.Certificates
	l := tls.NewListener(loopback(t), config)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(10 * time.Second))
				buf := make([]byte, 4<<10)
				seen := ""
				for !strings.Contains(seen, "\r\n\r\n") {
					n, err := nc.Read(buf)
					seen += string(buf[:n])
					if err != nil {
						return
					}
				}
				io.WriteString(nc, response+"\r\n"+hello)
				io.Copy(io.Discard, nc)
			})
		}
	})
	return l.Addr().String()
}

// taped runs a recorder before an address while the client talks, and returns the capture.
func taped(t *testing.T, to string, client func(addr string)) []byte {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	front := loopback(t)
	var packets bytes.Buffer
	ended := make(chan struct{}, 1)
	r := &Recorder{To: to, Capture: &packets, Done: func(*Conn) { ended <- struct{}{} }}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Serve(ctx, front); err != nil {
			t.Error(err)
		}
	})
	client(front.Addr().String())
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the connection does not end")
	}
	cancel()
	wg.Wait()
	return packets.Bytes()
}

// goClient sends a request and a message, and reads the masked one.
func goClient(t *testing.T, config *tls.Config) func(addr string) {
	t.Helper()
	return func(addr string) {
		nc, err := tls.Dial("tcp", addr, config)
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(10 * time.Second))
		io.WriteString(nc, request+"\r\n")
		io.ReadFull(nc, make([]byte, len(response)+2+len(hello)))
		io.WriteString(nc, hello)
	}
}

// masks reports whether lint sees that the server masks.
func masks(t *testing.T, packets []byte, keys *Keys) {
	t.Helper()
	var got []Offence
	sum, err := Capture(t.Context(), bytes.NewReader(packets), keys, func(c *Conn) { got = append(got, c.Offences()...) })
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].By != Server || got[0].Section != "RFC 6455 5.1" || sum.WebSocket != 1 || sum.Decrypted != 1 || sum.Encrypted != 0 || len(sum.Blind) > 0 {
		t.Errorf("got %v and %+v, want a server that masks", got, sum)
	}
}

// A connection in TLS 1.3 is decrypted with the log of either end; without it, or with that
// of another one, it is not, and that is counted.
func TestTLS(t *testing.T) {
	client, server, other := &keyLog{}, &keyLog{}, &keyLog{}
	addr := secureServer(t, &tls.Config{KeyLogWriter: server})
	packets := taped(t, addr, goClient(t, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: client}))
	taped(t, addr, goClient(t, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: other}))
	masks(t, packets, client.keys(t))
	masks(t, packets, server.keys(t))
	for name, keys := range map[string]*Keys{"no log": nil, "another one": other.keys(t)} {
		sum, err := Capture(t.Context(), bytes.NewReader(packets), keys, func(c *Conn) {
			if c.IsWebSocket() {
				t.Errorf("%s: it is decrypted", name)
			}
		})
		if err != nil || sum.Encrypted != 1 || sum.Decrypted != 0 {
			t.Errorf("%s: got %+v, %v, want a connection that is not decrypted", name, sum, err)
		}
	}
	old := taped(t, addr, goClient(t, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, KeyLogWriter: client}))
	sum, err := Capture(t.Context(), bytes.NewReader(old), client.keys(t), func(*Conn) {})
	if err != nil || sum.Encrypted != 1 {
		t.Errorf("TLS 1.2: got %+v, %v, want a connection that is not decrypted", sum, err)
	}
}

// A pcapng may have the secrets in it.
func TestEmbeddedSecrets(t *testing.T) {
	log := &keyLog{}
	addr := secureServer(t, &tls.Config{KeyLogWriter: log})
	packets := taped(t, addr, goClient(t, &tls.Config{InsecureSkipVerify: true}))
	old, err := pcapgo.NewReader(bytes.NewReader(packets))
	if err != nil {
		t.Fatal(err)
	}
	var ng bytes.Buffer
	w, err := pcapgo.NewNgWriter(&ng, old.LinkType())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteDecryptionSecretsBlock(tlsKeyLog, []byte(log.String())); err != nil {
		t.Fatal(err)
	}
	for {
		data, info, err := old.ReadPacketData()
		if err != nil {
			break
		}
		info.InterfaceIndex = 0
		if err := w.WritePacket(info, data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	masks(t, ng.Bytes(), nil)
}

// Each cipher suite of TLS 1.3, and a client that changes its keys.
func TestCipherSuites(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed; Go cannot be told which suite to use")
	}
	for _, name := range []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"} {
		t.Run(name, func(t *testing.T) {
			log := &keyLog{}
			var got string
			var mu sync.Mutex // guards got
			addr := secureServer(t, &tls.Config{KeyLogWriter: log, VerifyConnection: func(s tls.ConnectionState) error {
				mu.Lock()
				defer mu.Unlock()
				got = tls.CipherSuiteName(s.CipherSuite)
				return nil
			}})
			packets := taped(t, addr, func(front string) {
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				cmd := exec.CommandContext(ctx, openssl, "s_client", "-connect", front, "-ciphersuites", name, "-no_ign_eof", "-noservername")
				in, err := cmd.StdinPipe()
				if err != nil {
					t.Fatal(err)
				}
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				cmd.Stderr = cmd.Stdout
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				io.WriteString(in, "K\n") // new keys, and the server is to have new ones too
				until(t, out, "KEYUPDATE", func() { io.WriteString(in, request+"\r\n") })
				until(t, out, "Switching Protocols", func() {})
				in.Close()
				io.Copy(io.Discard, out)
				_ = cmd.Wait() // how it ends is of no interest
			})
			mu.Lock()
			defer mu.Unlock()
			if got != name {
				t.Errorf("the suite is %s", got)
			}
			masks(t, packets, log.keys(t))
		})
	}
}

// until reads up to a word, and then does something.
func until(t *testing.T, r io.Reader, word string, then func()) {
	t.Helper()
	buf := make([]byte, 1)
	seen := ""
	for !strings.Contains(seen, word) {
		if _, err := io.ReadFull(r, buf); err != nil {
			t.Errorf("no %q: %v", word, err)
			return
		}
		seen += string(buf)
	}
	then()
}

// What is no key log is an error, and what is none of a line is skipped.
func TestKeyLog(t *testing.T) {
	for _, text := range []string{"", "# a comment\n", "CLIENT_RANDOM aa bb\n", strings.Repeat("x", 1<<17)} {
		if err := new(Keys).Read(strings.NewReader(text)); err == nil {
			t.Errorf("%.20q: got no error", text)
		}
	}
	keys := &Keys{}
	if err := keys.Read(strings.NewReader("junk\nA " + strings.Repeat("00", 32) + " 0102\r\n")); err != nil || string(keys.of([32]byte{}, "A")) != "\x01\x02" {
		t.Errorf("got %v, %v", keys, err)
	}
}

// Bytes that look like TLS do no harm.
func FuzzTLS(f *testing.F) {
	f.Add([]byte{0x16, 3, 1, 0, 4, 1, 0, 0, 0}, []byte{0x16, 3, 3, 0, 4, 2, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, client, server []byte) {
		s := &session{keys: &Keys{}, plain: func(End, []byte) {}}
		s.take(Client, client)
		s.take(Server, server)
	})
}
