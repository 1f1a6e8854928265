//go:build unix

package integration

import (
	"bufio"
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
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// xconnect has the servers of net/http and x/net take extended CONNECT. They read it
// when the process starts.
const xconnect = "http2xconnect=1"

// The handler of a [ws.Server] works under the HTTP/2 server of net/http.
func TestHTTP2Handler(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), xconnect) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestHTTP2Handler$", "-test.v")
		cmd.Env = append(os.Environ(), "GODEBUG="+xconnect)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestHTTP2Handler/plain") {
			t.Errorf("with GODEBUG: %v\n%s", err, out)
		}
		return
	}
	ended := make(chan error, 10)
	s := &ws.Server{
		Accept: ws.AcceptOptions{Subprotocols: []string{"echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			_ = ws.Echo(ctx, c)
			ended <- c.Err()
			return nil
		},
	}
	for _, secure := range []bool{true, false} {
		t.Run(map[bool]string{true: "TLS", false: "plain"}[secure], func(t *testing.T) {
			h := httptest.NewUnstartedServer(s)
			url, only := "ws", true
			var conf *tls.Config
			if secure {
				url, only = "wss", false
				h.EnableHTTP2 = true
				h.StartTLS()
				conf = h.Client().Transport.(*http.Transport).TLSClientConfig
			} else {
				h.Config.Protocols = new(http.Protocols)
				h.Config.Protocols.SetUnencryptedHTTP2(true)
				h.Start()
			}
			defer h.Close()
			pool := &ws.HTTP2{Only: only}
			defer pool.Close()
			opts := &ws.DialOptions{TLS: conf, HTTP2: pool, Subprotocols: []string{"echo"}, Options: ws.Options{Deflate: &ws.Deflate{}}}
			dial := func() *ws.Conn {
				c, err := ws.Dial(t.Context(), url+"://"+h.Listener.Addr().String(), opts)
				if err != nil {
					t.Fatal(err)
				}
				if w := c.Handshake(); w.ProtoMajor != 2 || c.Subprotocol() != "echo" {
					t.Errorf("opened with %s, subprotocol %q", w.Proto, c.Subprotocol())
				}
				return c
			}
			exchange(t, dial(), messages())
			if err := <-ended; ws.CloseStatus(err) == 0 {
				t.Errorf("the server saw %v", err)
			}
			dial().CloseNow()
			if err := <-ended; err == nil || ws.CloseStatus(err) != 0 {
				t.Errorf("the server saw %v for a reset", err)
			}
			c := dial() // the connection is still there
			exchange(t, c, messages()[:2])
			<-ended
		})
	}
}

// The client of x/net opens WebSockets of our server.
func TestHTTP2Transport(t *testing.T) {
	plain, _ := echoServers(t)
	tr := &http2.Transport{AllowHTTP: true, DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) { //nolint:staticcheck // users still have it
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
	defer tr.CloseIdleConnections() //nolint:staticcheck // as above
	body, send := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, "http://127.0.0.1:"+plain.port+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(":protocol", "websocket")
	req.Header.Set("Sec-WebSocket-Version", "13")
	resp, err := tr.RoundTrip(req) //nolint:staticcheck // as above
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	for _, f := range []wsproto.Frame{
		{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpText, Masked: true}, Payload: []byte("hello")},
		{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpClose, Masked: true}, Payload: wsproto.AppendClose(nil, 1000, "")},
	} {
		if _, err := send.Write(wsproto.AppendFrame(nil, f)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := io.ReadAll(resp.Body) // up to END_STREAM
	if err != nil || string(got) != "\x81\x05hello\x88\x02\x03\xe8" {
		t.Errorf("got %q, %v", got, err)
	}
	send.Close()
}

func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node, which is in the Debian package nodejs")
	}
	return path
}

func TestHTTP2NodeClient(t *testing.T) {
	node := node(t)
	plain, _ := echoServers(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, node, "testdata/http2/client.mjs", "http://127.0.0.1:"+plain.port).CombinedOutput()
	got := strings.Fields(strings.ReplaceAll(string(out), "\n", ", "))
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	slices.Sort(lines)
	want := []string{
		"closed 880203e8 0", "closed 880203e8 0", "closed 880203e8 0",
		"got text 0", "got text 1", "got text 2", "setting true", "status 200 echo", "status 200 echo", "status 200 echo",
	}
	if err != nil || !slices.Equal(lines, want) {
		t.Errorf("%v: %v", err, got)
	}
}

func TestHTTP2NodeServer(t *testing.T) {
	exchangeHTTP2(t, exec.CommandContext(t.Context(), node(t), "testdata/http2/server.mjs"), nil)
}

// Jetty, which Maven brings, with prior knowledge.
func TestHTTP2Jetty(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program with Maven")
	}
	find(t, "java", "openjdk-17-jdk-headless")
	find(t, "mvn", "maven")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata/http2/jetty")); err != nil {
		t.Fatal(err)
	}
	compile(t, dir, "mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", "-DoutputDirectory=lib")
	jars := filepath.Join(dir, "lib/*")
	compile(t, dir, "javac", "-encoding", "UTF-8", "-cp", jars, "-d", dir, "Jetty.java")
	exchangeHTTP2(t, exec.CommandContext(t.Context(), "java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", dir+":"+jars, "Jetty"), &ws.Deflate{})
}

// exchangeHTTP2 starts a server, which prints its URL, and has three WebSockets of one
// connection exchange messages with it.
func exchangeHTTP2(t *testing.T, cmd *exec.Cmd, deflate *ws.Deflate) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pool := &ws.HTTP2{Only: true}
	defer pool.Close()
	local := map[string]bool{}
	for range 3 {
		c, err := ws.Dial(t.Context(), strings.TrimSpace(url), &ws.DialOptions{HTTP2: pool, Subprotocols: []string{"echo"}, Options: ws.Options{Deflate: deflate}})
		if err != nil {
			t.Fatal(err)
		}
		if h := c.Handshake(); c.Subprotocol() != "echo" || h.ProtoMajor != 2 || (h.Header["Sec-Websocket-Extensions"] != nil) != (deflate != nil) {
			t.Errorf("subprotocol %q, %s, header %v", c.Subprotocol(), h.Proto, h.Header)
		}
		local[c.NetConn(ws.MessageText).LocalAddr().String()] = true
		exchange(t, c, messages())
	}
	if len(local) != 1 {
		t.Errorf("%d connections for three WebSockets", len(local))
	}
}

// curl sees an ordinary HTTP/2 server.
func TestHTTP2Curl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl")
	}
	s := &ws.Server{Accept: ws.AcceptOptions{Intercept: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			_, _ = io.WriteString(w, "well, by "+r.Proto)
		}
	}}}
	cert, _ := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, cert)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	defer func() {
		_ = s.Close()
		<-served
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for path, want := range map[string]string{"/health": "well, by HTTP/2.0 200 2", "/": "method is not CONNECT, as for a WebSocket over HTTP/2 (RFC 8441 §5)\n 405 2"} {
		out, err := exec.CommandContext(ctx, curl, "-sS", "--http2", "--insecure", "--noproxy", "*", "-w", " %{http_code} %{http_version}", "https://"+l.Addr().String()+path).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("%s: %q, %v; want %q", path, out, err, want)
		}
	}
}

// modules is the folder of npm modules that has the one asked for: WSCONFORM_MODULES, as
// scripts/install-test-programs.sh fills it.
func modules(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("WSCONFORM_MODULES")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", name)); folder == "" || err != nil {
		t.Skipf("no npm module %s in WSCONFORM_MODULES, a folder that scripts/install-test-programs.sh fills", name)
	}
	return folder
}
