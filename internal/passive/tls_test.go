package passive

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
}

// Of TLS 1.2, each cipher suite of Go with authenticated encryption is decrypted, with the
// log of either end. For others, for older TLS, and without secrets, the summary says why not.
func TestTLS12(t *testing.T) {
	type row struct {
		name   string
		suite  uint16
		locked string // why it is not decrypted, "" if it is
	}
	var rows []row
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		switch {
		case !slices.Contains(s.SupportedVersions, tls.VersionTLS12), strings.Contains(s.Name, "_ECDSA_"): // the key is of RSA
		case strings.Contains(s.Name, "_CBC_"), strings.Contains(s.Name, "_RC4_"):
			rows = append(rows, row{s.Name, s.ID, s.Name + " of TLS 1.2 is not decrypted: the suites with AES-GCM and ChaCha20-Poly1305 are, those with CBC are not"})
		default:
			rows = append(rows, row{s.Name, s.ID, ""})
		}
	}
	if len(rows) < 8 {
		t.Fatalf("got %d suites", len(rows))
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			client, server := &keyLog{}, &keyLog{}
			old := func(log *keyLog) *tls.Config {
				return &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{row.suite}, KeyLogWriter: log}
			}
			packets := taped(t, secureServer(t, old(server)), goClient(t, old(client)))
			if row.locked != "" {
				locked(t, packets, client.keys(t), row.locked)
				return
			}
			masks(t, packets, client.keys(t))
			masks(t, packets, server.keys(t))
			locked(t, packets, nil, noKeys)
		})
	}
	t.Run("TLS 1.1", func(t *testing.T) {
		t.Parallel()
		log := &keyLog{}
		addr := secureServer(t, &tls.Config{MinVersion: tls.VersionTLS11, KeyLogWriter: log})
		packets := taped(t, addr, goClient(t, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11}))
		locked(t, packets, log.keys(t), "TLS 1.1 is not decrypted: TLS 1.2 and TLS 1.3 are")
	})
}

// A capture may have what the client sends before the server's hello that it answers.
func TestTLSOrder(t *testing.T) {
	for name, conf := range map[string]*tls.Config{
		"TLS 1.2":                    {MaxVersion: tls.VersionTLS12},
		"TLS 1.3":                    {},
		"TLS 1.3 with another hello": {CurvePreferences: []tls.CurveID{tls.CurveP521}},
	} {
		t.Run(name, func(t *testing.T) {
			log := &keyLog{}
			addr := secureServer(t, conf)
			raw, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			raw.SetDeadline(time.Now().Add(10 * time.Second))
			both := &bothWays{Conn: raw}
			nc := tls.Client(both, &tls.Config{InsecureSkipVerify: true, KeyLogWriter: log})
			io.WriteString(nc, request+"\r\n")
			io.ReadFull(nc, make([]byte, len(response)+2))
			var plain [2][]byte
			s := &session{keys: log.keys(t), plain: func(by End, p []byte) { plain[by] = append(plain[by], p...) }}
			s.take(Client, both.out)
			s.take(Server, both.in)
			if s.failed != "" || string(plain[Client]) != request+"\r\n" || !strings.HasPrefix(string(plain[Server]), response) {
				t.Errorf("got %q and %q, %s", plain[Client], plain[Server], s.failed)
			}
		})
	}
}

// A bothWays connection keeps what goes over it.
type bothWays struct {
	net.Conn
	in, out []byte
}

func (b *bothWays) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	b.in = append(b.in, p[:n]...)
	return n, err
}

func (b *bothWays) Write(p []byte) (int, error) {
	b.out = append(b.out, p...)
	return b.Conn.Write(p)
}

// locked checks that nothing is decrypted, and why.
func locked(t *testing.T, packets []byte, keys *Keys, why string) {
	t.Helper()
	sum, err := Capture(t.Context(), bytes.NewReader(packets), keys, func(c *Conn) {
		if c.IsWebSocket() {
			t.Error("it is decrypted")
		}
	})
	if err != nil || sum.Encrypted != 1 || sum.Decrypted != 0 || sum.Locked[why] != 1 {
		t.Errorf("got %+v, %v, want that %s", sum, err, why)
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
			packets := taped(t, addr, opensslClient(t, openssl, nil, func(in io.Writer, out io.Reader) {
				io.WriteString(in, "K\n") // new keys, and the server is to have new ones too
				until(t, out, "KEYUPDATE", func() { io.WriteString(in, request+"\r\n") })
			}, "-ciphersuites", name))
			mu.Lock()
			defer mu.Unlock()
			if got != name {
				t.Errorf("the suite is %s", got)
			}
			masks(t, packets, log.keys(t))
		})
	}
}

// opensslClient connects, has talk send the request, and waits for the response.
func opensslClient(t *testing.T, openssl string, env []string, talk func(in io.Writer, out io.Reader), args ...string) func(front string) {
	t.Helper()
	return func(front string) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, openssl, append([]string{"s_client", "-connect", front, "-no_ign_eof", "-noservername"}, args...)...)
		cmd.Env = append(os.Environ(), env...)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Error(err)
			return
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Error(err)
			return
		}
		cmd.Stderr = cmd.Stdout
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return
		}
		talk(in, out)
		until(t, out, "Switching Protocols", func() {})
		in.Close()
		io.Copy(io.Discard, out)
		_ = cmd.Wait() // how it ends is of no interest
	}
}

// A master secret that is no extended one (RFC 7627) does as well.
func TestTLS12Plain(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed; Go always offers an extended master secret")
	}
	const plain = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nOptions = -ExtendedMasterSecret\n"
	conf := filepath.Join(t.TempDir(), "openssl.cnf")
	if err := os.WriteFile(conf, []byte(plain), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &keyLog{}
	extended := make(chan bool, 1)
	addr := secureServer(t, &tls.Config{KeyLogWriter: log, MaxVersion: tls.VersionTLS12, VerifyConnection: func(s tls.ConnectionState) error {
		_, err := s.ExportKeyingMaterial("a label", nil, 16) // which Go refuses without
		extended <- err == nil
		return nil
	}})
	packets := taped(t, addr, opensslClient(t, openssl, []string{"OPENSSL_CONF=" + conf}, func(in io.Writer, _ io.Reader) {
		io.WriteString(in, request+"\r\n")
	}))
	select {
	case is := <-extended:
		if is {
			t.Error("the master secret is an extended one")
		}
	default:
		t.Error("no connection came")
	}
	masks(t, packets, log.keys(t))
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
	hello := append([]byte{0x16, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3}, make([]byte, 36)...)
	hello[len(hello)-3], hello[len(hello)-2] = 0xc0, 0x2f // TLS 1.2 with AES-GCM
	f.Add([]byte{20, 3, 3, 0, 1, 1, 0x17, 3, 3, 0, 3, 1, 2, 3}, append(hello, 20, 3, 3, 0, 1, 1, 0x17, 3, 3, 0, 24, 0))
	f.Fuzz(func(_ *testing.T, client, server []byte) {
		known := map[string][]byte{"CLIENT_RANDOM": make([]byte, masterLen)}
		s := &session{keys: &Keys{secrets: map[[32]byte]map[string][]byte{{}: known}}, plain: func(End, []byte) {}}
		s.take(Client, client)
		s.take(Server, server)
	})
}
