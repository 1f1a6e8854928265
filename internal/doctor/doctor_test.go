package doctor_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/agent"
	"github.com/wsconform/wsconform/internal/doctor"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An address is what is examined.
type address struct {
	url    string
	target engine.Target
	opts   doctor.Options
}

// echo is a server with nothing wrong.
func echo() *ws.Server {
	return &ws.Server{Handler: ws.Echo, Accept: ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}}}
}

// TestExamine sets up one trouble a row. It must be named, and nothing else be called a
// fault or a warning.
func TestExamine(t *testing.T) {
	for _, row := range []struct {
		name  string
		setUp func(t *testing.T) address
		// what is found: topic, state and words
		topic doctor.Topic
		state doctor.State
		words []string
	}{
		{"nothing wrong", plain(echo()), doctor.Ping, doctor.OK, []string{"answered after"}},
		{"nothing wrong, TLS", secure(echo(), certificate{}), doctor.TLS, doctor.OK, []string{"TLS 1.3", "ALPN chooses http/1.1"}},
		{"403 by path", plain(only("/ws", echo(), http.StatusForbidden)), doctor.Opening, doctor.Fault, []string{"403", "it is the path", "/ws"}},
		{"token missing", plain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "no token", http.StatusUnauthorized)
		})), doctor.Opening, doctor.Fault, []string{"401", "no token", "wants Bearer", "neither Authorization nor Cookie", "-H 'Authorization"}},
		{"subprotocol missing", plain(wanting("v12.stomp")), doctor.Opening, doctor.Fault, []string{"400", "it wants a subprotocol", "--subprotocol v12.stomp"}},
		{"wrong subprotocol", subprotocols(plain(echo()), "nosuch"), doctor.Subprotocol, doctor.Fault, []string{"none of the subprotocols offered: nosuch"}},
		{"redirect", plain(http.RedirectHandler("/elsewhere", http.StatusFound)), doctor.Opening, doctor.Fault, []string{"302", "/elsewhere"}},
		{"a proxy drops Upgrade", droppingProxy, doctor.Opening, doctor.Fault, []string{"nginx", "may not pass Upgrade"}},
		{"nginx as it is by default", nginx, doctor.Opening, doctor.Fault, []string{"nginx", "may not pass Upgrade"}},
		{"TLS on a port without", func(t *testing.T) address { return scheme(plain(echo())(t), "wss") }, doctor.TLS, doctor.Fault, []string{"plain text", "use ws://"}},
		{"no TLS on a port with", func(t *testing.T) address { return scheme(secure(echo(), certificate{})(t), "ws") }, doctor.Opening, doctor.Fault, []string{"TLS"}},
		{"expired certificate", secure(echo(), certificate{ends: time.Now().Add(-time.Hour)}), doctor.TLS, doctor.Fault, []string{"has expired"}},
		{"certificate about to expire", secure(echo(), certificate{ends: time.Now().Add(time.Hour)}), doctor.TLS, doctor.Warning, []string{"renew"}},
		{"certificate for another name", secure(echo(), certificate{name: "other.test"}), doctor.TLS, doctor.Fault, []string{"is for other.test, not for 127.0.0.1"}},
		{"certificate of nobody known", func(t *testing.T) address {
			a := secure(echo(), certificate{})(t)
			a.target.TLS.RootCAs = x509.NewCertPool()
			return a
		}, doctor.TLS, doctor.Fault, []string{"nobody whom this machine trusts"}},
		{"HTTP/2 without RFC 8441", overHTTP2(nil), doctor.HTTP2, doctor.OK, []string{"does not announce the setting"}},
		{"setting announced, not served", overHTTP2(func(f *http2.Framer) error { return f.WriteRSTStream(1, http2.ErrCodeRefusedStream) }), doctor.HTTP2, doctor.Fault, []string{"announces WebSockets over HTTP/2", "REFUSED_STREAM"}},
		{"RFC 8441", overHTTP2(func(f *http2.Framer) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: []byte{0x88}}) // :status 200, of HPACK's table
		}), doctor.HTTP2, doctor.OK, []string{"opens over HTTP/2 too"}},
		{"idle connections are cut", idle(plain(&ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
			ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			c.Discard(ctx)
			return nil
		}}), time.Second), doctor.Idle, doctor.Warning, []string{"cut after 0."}},
		{"garbage instead of a pong", raw(func(nc net.Conn) { nc.Write([]byte{0xf1, 0}); silent(nc) }), doctor.Ping, doctor.Fault, []string{"it breaks the protocol: ws: reserved bit", "clients end the connection"}},
		{"garbage after a while", idle(raw(babbling), 20*time.Second), doctor.Idle, doctor.Warning, []string{"it breaks the protocol: ws: reserved bit", "clients end the connection"}},
		{"no answer in TLS", func(t *testing.T) address {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			return address{url: "wss://" + l.Addr().String()}
		}, doctor.TLS, doctor.Fault, []string{"answers no TLS handshake within 4s", "does it speak TLS?"}},
		{"the server dies", idle(dying, 20*time.Second), doctor.Opening, doctor.Fault, []string{"takes no more connections", "crashed"}},
		{"unmasked frames are taken", raw(careless), doctor.Masking, doctor.Fault, []string{"answers an unmasked ping"}},
		{"pings are not answered", raw(silent), doctor.Ping, doctor.Fault, []string{"does not answer a ping"}},
		{"the first frame is lost", losingProxy, doctor.FirstFrame, doctor.Warning, []string{"is lost if it comes in the segment"}},
		{"another site's pages are turned away", plain(&ws.Server{Handler: ws.Echo}), doctor.Origin, doctor.OK, []string{"get in, those of other sites do not: status 403"}},
		{"IPv6 only", ipv6Only, doctor.TCP, doctor.Warning, []string{"only IPv6 works"}},
		{"nobody listens", func(*testing.T) address {
			s := httptest.NewServer(nil)
			s.Close()
			return address{url: "ws" + strings.TrimPrefix(s.URL, "http")}
		}, doctor.TCP, doctor.Fault, []string{"connection refused"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := examine(t, row.setUp(t))
			var text bytes.Buffer
			if err := doctor.WriteText(&text, r, 100); err != nil {
				t.Fatal(err)
			}
			good := slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
				said := f.Saw + " " + f.Advice
				return f.Topic == row.topic && f.State == row.state && !slices.ContainsFunc(row.words, func(w string) bool { return !strings.Contains(said, w) })
			})
			if !good {
				t.Errorf("no %s about %s with %q", row.state, row.topic, row.words)
			}
			for _, f := range r.Findings {
				blamed := f.State == doctor.Fault || f.State == doctor.Warning
				if blamed && f.Topic != row.topic && !follows(f, row.topic) {
					t.Errorf("%s about %s, where nothing is wrong: %s", f.State, f.Topic, f.Saw)
				}
			}
			if r.Conns > doctor.MaxConns {
				t.Errorf("%d connections", r.Conns)
			}
			if t.Failed() {
				t.Logf("the whole report:\n%s", &text)
			}
		})
	}
}

// follows reports whether a finding is what another one comes to.
func follows(f doctor.Finding, topic doctor.Topic) bool {
	return f.Topic == doctor.Browsers || topic == doctor.Ping && f.Topic == doctor.Masking
}

func examine(t *testing.T, a address) *doctor.Report {
	t.Helper()
	u, err := url.Parse(a.url)
	if err != nil {
		t.Fatal(err)
	}
	a.target.URL = u
	if a.opts.Idle == 0 {
		a.opts.Idle = -1
	}
	r, err := doctor.Examine(t.Context(), a.target, a.opts)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// plain serves without TLS.
func plain(h http.Handler) func(*testing.T) address {
	return func(t *testing.T) address {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return address{url: "ws" + strings.TrimPrefix(s.URL, "http") + "/"}
	}
}

// quietServer does not log what the probes do to it.
func quietServer(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	return s
}

func scheme(a address, s string) address {
	_, rest, _ := strings.Cut(a.url, ":")
	a.url = s + ":" + rest
	return a
}

func subprotocols(setUp func(*testing.T) address, names ...string) func(*testing.T) address {
	return func(t *testing.T) address {
		a := setUp(t)
		a.target.Subprotocols = names
		return a
	}
}

func idle(setUp func(*testing.T) address, d time.Duration) func(*testing.T) address {
	return func(t *testing.T) address {
		a := setUp(t)
		a.opts.Idle = d
		return a
	}
}

// only serves one path, and answers the others with a status.
func only(path string, h http.Handler, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path {
			http.Error(w, http.StatusText(status), status)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// wanting insists on a subprotocol.
func wanting(name string) http.Handler {
	s := &ws.Server{Handler: ws.Echo, Accept: ws.AcceptOptions{Subprotocols: []string{name}}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Sec-WebSocket-Protocol"), name) {
			http.Error(w, "subprotocol missing", http.StatusBadRequest)
			return
		}
		s.ServeHTTP(w, r)
	})
}

// A certificate is what differs in one from a good one.
type certificate struct {
	name string    // instead of 127.0.0.1
	ends time.Time // zero: in a year
}

// issue makes a certificate, and what trusts it.
func (c certificate) issue(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c.ends.IsZero() {
		c.ends = time.Now().AddDate(1, 0, 0)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: c.ends.AddDate(-1, 0, -1), NotAfter: c.ends, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	if c.name == "" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		template.DNSNames = []string{c.name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, &tls.Config{RootCAs: roots}
}

// secure serves over TLS.
func secure(h http.Handler, c certificate) func(*testing.T) address {
	return func(t *testing.T) address {
		pair, trust := c.issue(t)
		s := quietServer(h)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return address{url: "wss" + strings.TrimPrefix(s.URL, "https") + "/", target: engine.Target{TLS: trust}}
	}
}

// overHTTP2 serves net/http over HTTP/1.1 and HTTP/2, which announces no WebSockets. With
// an answer it is a server that announces them, and answers the first request so.
func overHTTP2(answer func(*http2.Framer) error) func(*testing.T) address {
	return func(t *testing.T) address {
		pair, trust := certificate{}.issue(t)
		s := quietServer(echo())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.EnableHTTP2 = answer == nil
		if answer != nil {
			s.TLS.NextProtos = []string{"h2", "http/1.1"}
			s.Config.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
				"h2": func(_ *http.Server, nc *tls.Conn, _ http.Handler) { announcing(nc, answer) },
			}
		}
		s.StartTLS()
		t.Cleanup(s.Close)
		return address{url: "wss" + strings.TrimPrefix(s.URL, "https") + "/", target: engine.Target{TLS: trust}}
	}
}

func announcing(nc *tls.Conn, answer func(*http2.Framer) error) {
	if _, err := io.ReadFull(nc, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(nc, nc)
	if err := f.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1}); err != nil {
		return
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		if _, ok := frame.(*http2.HeadersFrame); ok && answer(f) != nil {
			return
		}
	}
}

// droppingProxy is a reverse proxy that passes hop-by-hop fields on as HTTP/1.0 did.
func droppingProxy(t *testing.T) address {
	t.Helper()
	origin := httptest.NewServer(echo())
	t.Cleanup(origin.Close)
	to, err := url.Parse(origin.URL)
	if err != nil {
		t.Fatal(err)
	}
	return plain(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Del("Upgrade")
			r.Out.Header.Del("Connection")
		},
		ModifyResponse: func(r *http.Response) error { r.Header.Set("Server", "nginx/1.0"); return nil },
	})(t)
}

// nginx is the real one, with proxy_pass and nothing else.
func nginx(t *testing.T) address {
	t.Helper()
	program := "/usr/sbin/nginx"
	if _, err := os.Stat(program); err != nil {
		t.Skip("nginx is not installed")
	}
	origin := httptest.NewServer(echo())
	t.Cleanup(origin.Close)
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	start := fmt.Sprintf(`cat > %[1]s/conf <<END
daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/log; events {}
http { access_log off; client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
server { listen $0; location / { proxy_pass %[2]s; } } }
END
exec %[3]s -p %[1]s -c %[4]s`, dir, origin.URL, program, conf)
	s := &agent.Service{
		Command: []string{"sh", "-c", start, "{host}:{port}"}, AnyPort: true, Patience: 20 * time.Second,
		URL: &url.URL{Scheme: "ws", Host: "127.0.0.1:0", Path: "/"},
	}
	t.Cleanup(s.Stop)
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return address{url: s.URL.String()}
}

// raw opens connections, and hands them over.
func raw(talk func(net.Conn)) func(*testing.T) address {
	return func(t *testing.T) address {
		return plain(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			nc, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer nc.Close()
			fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
				wsproto.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
			talk(buffered{nc, rw.Reader})
		}))(t)
	}
}

// A buffered connection has been read ahead.
type buffered struct {
	net.Conn
	r *bufio.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// dying stops to listen, and ends its connections, when one has been idle for long.
func dying(t *testing.T) address {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
		defer cancel()
		if err := c.Discard(ctx); errors.Is(err, context.DeadlineExceeded) {
			l.Close()
		}
		return c.CloseNow()
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(l) // it ends with the listener
	}()
	t.Cleanup(func() { s.Close(); <-served })
	return address{url: "ws://" + l.Addr().String() + "/"}
}

// careless answers pings, masked or not, and close frames.
func careless(nc net.Conn) { answering(nc, false) }

// babbling answers pings and close frames, and sends a frame that no client accepts to who
// stays for two seconds.
func babbling(nc net.Conn) {
	defer time.AfterFunc(2*time.Second, func() { nc.Write([]byte{0xf1, 0}) }).Stop()
	answering(nc, true)
}

func answering(nc net.Conn, masked bool) {
	for {
		h, err := wsproto.ReadHeader(nc)
		if err != nil || masked && !h.Masked {
			return
		}
		p := make([]byte, h.Length)
		if _, err := io.ReadFull(nc, p); err != nil {
			return
		}
		if h.Masked {
			wsproto.Mask(h.MaskKey, 0, p)
		}
		op := map[wsproto.Opcode]wsproto.Opcode{wsproto.OpPing: wsproto.OpPong, wsproto.OpClose: wsproto.OpClose}[h.Opcode]
		if op == 0 {
			continue
		}
		if _, err := nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: op, Length: h.Length}, Payload: p})); err != nil || op == wsproto.OpClose {
			return
		}
	}
}

// silent reads.
func silent(nc net.Conn) { io.Copy(io.Discard, nc) }

// losingProxy passes bytes on, but drops what it has read beyond a request.
func losingProxy(t *testing.T) address {
	t.Helper()
	origin := httptest.NewServer(echo())
	t.Cleanup(origin.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go losing(nc, strings.TrimPrefix(origin.URL, "http://"))
		}
	}()
	return address{url: "ws://" + l.Addr().String() + "/"}
}

func losing(nc net.Conn, to string) {
	defer nc.Close()
	r, err := http.ReadRequest(bufio.NewReader(nc))
	if err != nil {
		return
	}
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close()
	r.Header.Set("Connection", "Upgrade")
	if err := r.Write(out); err != nil {
		return
	}
	go func() {
		io.Copy(out, nc)
		out.Close()
	}()
	io.Copy(nc, out)
}

// ipv6Only is a name with an IPv6 address, by a name server of our own.
func ipv6Only(t *testing.T) address {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: echo()}}
	s.Start()
	t.Cleanup(s.Close)
	names, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { names.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := names.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeAAAA {
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
					Body:   &dnsmessage.AAAAResource{AAAA: [16]byte{15: 1}},
				}}
			}
			if out, err := m.Pack(); err == nil {
				names.WriteTo(out, from)
			}
		}
	}()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", names.LocalAddr().String())
	}}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return address{url: "ws://only6.test:" + port + "/", opts: doctor.Options{Resolver: resolver}}
}

// What a hostile server says stays one bounded line without control characters.
func TestHostile(t *testing.T) {
	r := examine(t, plain(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", strings.Repeat("x", 10_000))
		w.Header().Set("Server", "nginx \u009b31m")
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, "\x1b]0;title\x07 "+strings.Repeat("y", 1<<20))
	}))(t))
	for _, f := range r.Findings {
		said := f.Saw + f.Advice
		if len(said) > 1300 || strings.ContainsFunc(said, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }) {
			t.Errorf("%s: %d bytes, %q", f.Topic, len(said), said)
		}
	}
	if r.Worst() != doctor.Fault || r.Opened {
		t.Errorf("got %s, opened %t", r.Worst(), r.Opened)
	}
}
