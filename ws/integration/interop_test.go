//go:build unix

package integration

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A peer is a program in testdata/interop on another library.
type peer struct {
	name    string
	needs   [][2]string // programs, and the Debian packages they are in
	build   func(t *testing.T, dir string) (command []string)
	server  bool // it can be one
	deflate bool
	direct  bool // the client ignores the proxy it is given
	// echo is what the client reports of the closing handshake that it began, and
	// refused of a handshake with status 401.
	echo, refused string
}

var peers = []peer{
	{
		name: "Java-WebSocket", needs: [][2]string{{"java", "openjdk-17-jdk-headless"}, {"mvn", "maven"}},
		build: buildJava, server: true, deflate: true,
		echo: "close:4001", refused: "refused: close:1002",
	},
	{
		name: "Qt WebSockets", needs: [][2]string{{"cmake", "cmake"}, {"c++", "g++"}},
		build: buildQt, server: true,
		echo: "close:4001:over", refused: "refused:",
	},
	{
		name: "Mono ClientWebSocket", needs: [][2]string{{"mono", "mono-runtime"}, {"mcs", "mono-mcs"}},
		build: buildMono, direct: true,
		echo: "close:4001:", refused: "refused: failed",
	},
}

// compile runs a build, whose tool chain may be incomplete: then the test is skipped.
func compile(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("WSCONFORM_INTEROP") != "" {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		t.Skipf("%s %s: %v; WSCONFORM_INTEROP=1 makes it an error\n%s", name, strings.Join(args, " "), err, out)
	}
}

func source(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// buildJava takes the library from the agent, which names its version.
func buildJava(t *testing.T, dir string) []string {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS("../../fixtures/agents/java-java-websocket")); err != nil {
		t.Fatal(err)
	}
	compile(t, dir, "sh", "build.sh")
	jars := filepath.Join(dir, "target/lib/*")
	compile(t, dir, "javac", "-encoding", "UTF-8", "-cp", jars, "-d", filepath.Join(dir, "interop"), source(t, "testdata/interop/java/Interop.java"))
	return []string{"java", "-Xmx256m", "-XX:+UseSerialGC", "-cp", filepath.Join(dir, "interop") + ":" + jars, "Interop"}
}

func buildQt(t *testing.T, dir string) []string {
	t.Helper()
	compile(t, dir, "cmake", "-S", source(t, "testdata/interop/qt"), "-B", dir)
	compile(t, dir, "cmake", "--build", dir)
	return []string{filepath.Join(dir, "interop")}
}

func buildMono(t *testing.T, dir string) []string {
	t.Helper()
	program := filepath.Join(dir, "interop.exe")
	compile(t, dir, "mcs", "-r:System.Net.Http", "-out:"+program, source(t, "testdata/interop/mono/Interop.cs"))
	return []string{"mono", program}
}

// Libraries of other languages against ws, as client and as server: subprotocol,
// compression, fragments, both closing handshakes, a refusal, an HTTP proxy.
func TestInterop(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs of three tool chains, which takes about 40 s")
	}
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			for _, program := range p.needs {
				find(t, program[0], program[1])
			}
			command := p.build(t, t.TempDir())
			t.Run("client", func(t *testing.T) { p.testClient(t, command) })
			if p.server {
				t.Run("server", func(t *testing.T) { p.testServer(t, command) })
			}
		})
	}
}

// An observer notes what a peer sends.
type observer struct {
	mu                   sync.Mutex // guards the rest
	fragments, deflated  bool
	subprotocol, offered string
	end                  error
}

func (o *observer) frame(_ *ws.Conn, sent bool, f wsproto.Frame) {
	if sent {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fragments = o.fragments || f.Opcode == wsproto.OpContinuation
	o.deflated = o.deflated || f.RSV == wsproto.RSV1
}

func (p peer) testClient(t *testing.T, command []string) {
	t.Helper()
	var seen observer
	echo := &ws.Server{
		Accept: ws.AcceptOptions{Subprotocols: []string{"chat"}, Options: ws.Options{Deflate: &ws.Deflate{}, OnFrame: seen.frame}},
		Handler: func(ctx context.Context, c *ws.Conn) error {
			err := ws.Echo(ctx, c)
			_, received := c.CloseFrames()
			seen.mu.Lock()
			defer seen.mu.Unlock()
			seen.subprotocol = c.Subprotocol()
			seen.offered = strings.Join(c.Handshake().Request.Header["Sec-Websocket-Protocol"], ",")
			if received != nil {
				seen.end = received
			}
			return err
		},
	}
	bye := &ws.Server{Handler: func(ctx context.Context, c *ws.Conn) error {
		if err := c.WriteFragments(ctx, ws.MessageText, []byte("in pieces"), 3); err != nil {
			return err
		}
		return c.Close(4002, "later")
	}}
	refused := &ws.Server{Accept: ws.AcceptOptions{Check: func(*http.Request, http.Header) (context.Context, error) {
		return nil, &ws.RejectError{Status: http.StatusUnauthorized}
	}}}
	mux := http.NewServeMux()
	for path, s := range map[string]*ws.Server{"/echo": echo, "/bye": bye, "/refused": refused} {
		mux.Handle(path, s)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: mux}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	defer func() { _ = srv.Close(); <-served }()
	proxy, tunnels := connectProxy(t, l.Addr().String())
	far := "ws://" + l.Addr().String()
	if p.direct {
		far = "ws://interop.test" // which only the proxy knows
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], append(slices.Clone(command[1:]), "client", "ws://"+l.Addr().String(), proxy, far)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	want := []string{
		"echo: open chat text:hello binary:3 big text:in_pieces text:last " + p.echo,
		"bye: open - text:in_pieces close:4002:later",
		p.refused,
		"proxy: open - text:in_pieces close:4002:later",
	}
	throughProxy := 1
	if p.direct {
		want[3], throughProxy = "proxy: failed", 0
	}
	if len(got) != len(want) {
		t.Fatalf("got %q\n%s", got, &stderr)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q\n%s", got[i], want[i], &stderr)
		}
	}
	if n := tunnels(); n != throughProxy {
		t.Errorf("%d connections went through the proxy, want %d", n, throughProxy)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	var ce *ws.CloseError
	if !errors.As(seen.end, &ce) || ce.Code != 4001 || ce.Reason != "over" {
		t.Errorf("the client's close frame: got %v, want 4001 over", seen.end)
	}
	if seen.subprotocol != "chat" || !regexp.MustCompile(`^superchat, ?chat$`).MatchString(seen.offered) {
		t.Errorf("got subprotocol %q of %q, want chat of superchat,chat", seen.subprotocol, seen.offered)
	}
	if !seen.fragments || seen.deflated != p.deflate {
		t.Errorf("got fragments %v, compressed %v; want true, %v", seen.fragments, seen.deflated, p.deflate)
	}
}

func (p peer) testServer(t *testing.T, command []string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(freeAddr(t))
	program := start(t, net.JoinHostPort(host, port), command[0], append(slices.Clone(command[1:]), "server", host, port)...)
	url := "ws://" + program.addr
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var seen observer
	c, err := ws.Dial(ctx, url, &ws.DialOptions{Subprotocols: []string{"superchat", "chat"}, Options: ws.Options{Deflate: &ws.Deflate{}, OnFrame: seen.frame}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if c.Subprotocol() != "chat" || (c.Handshake().Header["Sec-Websocket-Extensions"] != nil) != p.deflate {
		t.Errorf("got subprotocol %q, deflate %v; want chat, %v", c.Subprotocol(), c.Handshake().Header["Sec-Websocket-Extensions"], p.deflate)
	}
	if err := c.WriteFragments(ctx, ws.MessageText, []byte("grüße in pieces"), 2); err != nil {
		t.Fatal(err)
	}
	if _, text, err := c.Read(ctx); err != nil || string(text) != "grüße in pieces" {
		t.Errorf("fragments: got %q, error %v", text, err)
	}
	big := strings.Repeat("grüße, 世界 ", 20_000)
	if err := c.Write(ctx, ws.MessageText, []byte(big)); err != nil {
		t.Fatal(err)
	}
	if _, text, err := c.Read(ctx); err != nil || string(text) != big {
		t.Errorf("a long text: got %d bytes, error %v", len(text), err)
	}
	if err := c.Write(ctx, ws.MessageText, []byte("pieces")); err != nil {
		t.Fatal(err)
	}
	if _, text, err := c.Read(ctx); err != nil || string(text) != "in pieces" {
		t.Errorf("fragments of the server: got %q, error %v", text, err)
	}
	if _, err := c.Ping(ctx); err != nil {
		t.Errorf("ping: %v", err)
	}
	if err := c.Write(ctx, ws.MessageText, []byte("bye")); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.Read(ctx)
	var ce *ws.CloseError
	if !errors.As(err, &ce) || ce.Code != 4003 || ce.Reason != "as asked" {
		t.Errorf("got %v, want a close with 4003 as asked", err)
	}
	seen.mu.Lock()
	fragments, deflated := seen.fragments, seen.deflated
	seen.mu.Unlock()
	if !fragments || deflated != p.deflate {
		t.Errorf("got fragments %v, compressed %v; want true, %v", fragments, deflated, p.deflate)
	}

	c, err = ws.Dial(ctx, url, &ws.DialOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, c, messages())

	// Our close code and reason arrive, and are answered.
	c, err = ws.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ping(ctx); err != nil { // Java-WebSocket may miss a close frame that follows the handshake at once
		t.Errorf("ping: %v", err)
	}
	if err := c.Close(4004, "enough"); err != nil {
		t.Errorf("close: %v", err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(program.log.String(), "closed 4004 enough") {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the server saw %q, want closed 4004 enough", program.log.String())
		}
	}
}

// connectProxy is an HTTP proxy that leads to target, whatever it is asked for, and how
// many tunnels it opened.
func connectProxy(t *testing.T, target string) (addr string, tunnels func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex // guards n
	n := 0
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "CONNECT only", http.StatusMethodNotAllowed)
			return
		}
		far, err := net.Dial("tcp", target)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer far.Close()
		near, buf, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer near.Close()
		mu.Lock()
		n++
		mu.Unlock()
		_, _ = io.WriteString(near, "HTTP/1.1 200 OK\r\n\r\n")
		back := make(chan struct{})
		go func() { defer close(back); _, _ = io.Copy(near, far); _ = near.Close() }()
		_, _ = io.Copy(far, buf)
		_ = far.Close()
		<-back
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close(); <-served })
	return l.Addr().String(), func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}
