package bridge_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/bridge"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func TestParse(t *testing.T) {
	for _, row := range []struct {
		in   string
		want bridge.End
		err  string
	}{
		{"-", bridge.End{}, ""},
		{"wss://host/a?b", bridge.End{Kind: bridge.WebSocket, Network: "tcp", Address: "host", URL: "wss://host/a?b"}, ""},
		{"ws+unix:///run/a:/b", bridge.End{Kind: bridge.WebSocket, Network: "tcp", URL: "ws+unix:///run/a:/b"}, ""},
		{"tcp://[::1]:22", bridge.End{Kind: bridge.Socket, Network: "tcp", Address: "[::1]:22"}, ""},
		{"unix:///run/a", bridge.End{Kind: bridge.Socket, Network: "unix", Address: "/run/a"}, ""},
		{"listen:ws://:0/a", bridge.End{Kind: bridge.WebSocket, Listen: true, Network: "tcp", Address: ":0", Path: "/a"}, ""},
		{"listen:tcp://127.0.0.1:0", bridge.End{Kind: bridge.Socket, Listen: true, Network: "tcp", Address: "127.0.0.1:0"}, ""},
		{"listen:unix:///run/a", bridge.End{Kind: bridge.Socket, Listen: true, Network: "unix", Address: "/run/a"}, ""},
		{"listen:wss://host:1", bridge.End{}, "cannot listen for wss"},
		{"listen:-", bridge.End{}, "must be -"},
		{"tcp://host", bridge.End{}, "must have a host and a port"},
		{"tcp://host:1/a", bridge.End{}, "no path"},
		{"unix://run/a", bridge.End{}, "must look like unix:///path"},
		{"http://host", bridge.End{}, "must be - or begin with ws"},
		{"ws://me:secret@host\n", bridge.End{}, "malformed address"},
		{"tcp://me:secret@host", bridge.End{}, "me:xxxxx@host"},
	} {
		got, err := bridge.Parse(row.in)
		if row.err != "" {
			if err == nil || !strings.Contains(err.Error(), row.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: got %+v, error %v; want %s", row.in, got, err, row.err)
			}
			continue
		}
		if err != nil || got.Kind != row.want.Kind || got.Listen != row.want.Listen || got.Address != row.want.Address || got.Network != row.want.Network || got.URL != row.want.URL || got.Path != row.want.Path {
			t.Errorf("%s: got %+v, error %v; want %+v", row.in, got, err, row.want)
		}
	}
}

func parse(t *testing.T, s string) bridge.End {
	t.Helper()
	e, err := bridge.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// echoServer is a WebSocket server, whose URL it returns.
func echoServer(t *testing.T, handler func(context.Context, *ws.Conn)) string {
	t.Helper()
	l := listen(t, func(nc net.Conn) {
		c, err := ws.AcceptNet(t.Context(), nc, nil)
		if err != nil {
			return
		}
		handler(t.Context(), c)
		_ = c.CloseNow()
	})
	return "ws://" + l
}

// listen hands each connection to handle, on a goroutine of its own.
func listen(t *testing.T, handle func(net.Conn)) (addr string) {
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
			go func() { handle(nc); _ = nc.Close() }()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func echo(ctx context.Context, c *ws.Conn) { _ = ws.Echo(ctx, c) }

// run starts a bridge whose first end listens, and returns its address.
func run(t *testing.T, o bridge.Options) (addr string, result <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listening := make(chan string, 1)
	done := make(chan error, 1)
	o.Listening = func(a net.Addr) { listening <- a.String() }
	go func() { done <- bridge.Run(ctx, o) }()
	t.Cleanup(cancel)
	select {
	case addr = <-listening:
	case err := <-done:
		t.Fatal(err)
	}
	return addr, done
}

// The standard streams and a WebSocket: lines, or bytes as they come.
func TestStdio(t *testing.T) {
	url := echoServer(t, echo)
	for _, row := range []struct {
		framing  bridge.Framing
		in, want string
	}{
		{bridge.Auto, "a\nb\r\n\n\xff\nlast", "a\nb\r\n\n\xff\nlast\n"},
		{bridge.Chunks, "a\nb\x00", "a\nb\x00"},
	} {
		var out bytes.Buffer
		err := bridge.Run(t.Context(), bridge.Options{
			From: parse(t, "-"), To: parse(t, url), Framing: row.framing, In: strings.NewReader(row.in), Out: &out, EOFWait: 100 * time.Millisecond,
		})
		if err != nil || out.String() != row.want {
			t.Errorf("got %q, error %v; want %q", out.String(), err, row.want)
		}
	}
}

// The end of the WebSocket is the end, whatever may still be typed; and it counts.
func TestPeerEnds(t *testing.T) {
	for _, row := range []struct {
		code wsproto.StatusCode
		want bool
	}{{ws.StatusNormalClosure, true}, {ws.StatusGoingAway, true}, {ws.StatusInternalError, false}} {
		url := echoServer(t, func(ctx context.Context, c *ws.Conn) {
			_ = c.Write(ctx, ws.MessageText, []byte("bye"))
			_ = c.Close(row.code, "")
		})
		in, typed := io.Pipe()
		var out bytes.Buffer
		for _, reverse := range []bool{false, true} {
			o := bridge.Options{From: parse(t, "-"), To: parse(t, url), In: in, Out: &out}
			if reverse {
				o.From, o.To = o.To, o.From
			}
			err := bridge.Run(t.Context(), o)
			if (err == nil) != row.want {
				t.Errorf("%d: got error %v", row.code, err)
			}
		}
		typed.Close()
		if got := out.String(); got != "bye\nbye\n" {
			t.Errorf("%d: got %q", row.code, got)
		}
	}
}

// A command for each client, with its address in the environment.
func TestCommand(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	addr, _ := run(t, bridge.Options{
		From: parse(t, "listen:ws://127.0.0.1:0/live"),
		To:   bridge.End{Kind: bridge.Command, Command: []string{sh, "-c", `echo "$REQUEST_URI"; test -n "$REMOTE_ADDR" && while read x; do echo "got $x"; done`}},
	})
	for range 2 {
		c, err := ws.Dial(t.Context(), "ws://"+addr+"/live?a", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Write(t.Context(), ws.MessageText, []byte("this"))
		for _, want := range []string{"/live?a", "got this"} {
			if typ, p, err := c.Read(t.Context()); err != nil || string(p) != want || typ != ws.MessageText {
				t.Errorf("got %q, error %v; want %s", p, err, want)
			}
		}
		if err := c.Close(ws.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	}
	if _, err := ws.Dial(t.Context(), "ws://"+addr+"/else", nil); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("another path: got error %v, want status 404", err)
	}
	// A browser from elsewhere may not use what listens here.
	if _, err := ws.Dial(t.Context(), "ws://"+addr+"/live", &ws.DialOptions{Header: http.Header{"Origin": {"https://evil.test"}}}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("another origin: got error %v, want status 403", err)
	}
}

// The exit status of a command is the result, and its end closes the WebSocket.
func TestCommandFails(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	url := echoServer(t, echo)
	err = bridge.Run(t.Context(), bridge.Options{
		From: parse(t, url), To: bridge.End{Kind: bridge.Command, Command: []string{sh, "-c", "echo hello; read x; test $x = hello; exit 7"}},
	})
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
		t.Errorf("got error %v, want exit status 7", err)
	}
	err = bridge.Run(t.Context(), bridge.Options{From: parse(t, url), To: bridge.End{Kind: bridge.Command, Command: []string{filepath.Join(t.TempDir(), "none")}}})
	if !errors.As(err, new(*bridge.OpenError)) {
		t.Errorf("no such command: got error %v, want an OpenError", err)
	}
}

// A command has time to finish when the WebSocket has ended.
func TestCommandFinishes(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	url := echoServer(t, func(_ context.Context, c *ws.Conn) { _ = c.Close(ws.StatusNormalClosure, "") })
	finished := filepath.Join(t.TempDir(), "finished")
	err = bridge.Run(t.Context(), bridge.Options{
		From: parse(t, url), To: bridge.End{Kind: bridge.Command, Command: []string{sh, "-c", `while read x; do :; done; sleep 0.2; echo >"$0"`, finished}},
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(finished); err != nil {
		t.Errorf("the command was ended before it had finished: %v", err)
	}
}

// What a command says when the WebSocket has ended is too late, and no error.
func TestLateOutput(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	url := echoServer(t, func(_ context.Context, c *ws.Conn) { _ = c.Close(ws.StatusNormalClosure, "") })
	err = bridge.Run(t.Context(), bridge.Options{
		From: parse(t, url), To: bridge.End{Kind: bridge.Command, Command: []string{sh, "-c", `trap '' PIPE; while read x; do :; done; echo late; echo later; exit 0`}},
	})
	if err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// A broken WebSocket ends the other direction too, whatever is at its end.
func TestBrokenWebSocket(t *testing.T) {
	url := echoServer(t, func(_ context.Context, c *ws.Conn) { c.CloseNow() })
	silent := listen(t, func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := bridge.Run(ctx, bridge.Options{From: parse(t, url), To: parse(t, "tcp://"+silent), EOFWait: -1}); err == nil || ctx.Err() != nil {
		t.Errorf("got error %v and %v of the context, want an error at once", err, ctx.Err())
	}
}

// An interrupt ends an open connection, and is the result.
func TestInterrupted(t *testing.T) {
	arrived := make(chan struct{})
	url := echoServer(t, echo)
	peer := listen(t, func(nc net.Conn) {
		close(arrived)
		_, _ = io.Copy(io.Discard, nc)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if err := bridge.Run(ctx, bridge.Options{From: parse(t, url), To: parse(t, "tcp://"+peer), EOFWait: -1}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

// TCP over WebSockets and back: what two bridges carry is what was sent.
func TestTunnel(t *testing.T) {
	far := listen(t, func(nc net.Conn) {
		buf := make([]byte, 1000)
		for {
			n, err := nc.Read(buf)
			if _, werr := nc.Write(bytes.ToUpper(buf[:n])); err != nil || werr != nil {
				return
			}
		}
	})
	outer, _ := run(t, bridge.Options{From: parse(t, "listen:ws://127.0.0.1:0"), To: parse(t, "tcp://"+far), EOFWait: -1})
	socket := filepath.Join(t.TempDir(), "near.sock")
	run(t, bridge.Options{From: parse(t, "listen:unix://"+socket), To: parse(t, "ws://"+outer), EOFWait: -1})
	want := bytes.Repeat([]byte("ABC\n\x00"), 50_000)
	got := make(chan []byte, 1)
	nc, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	go func() {
		p := make([]byte, len(want))
		n, _ := io.ReadFull(nc, p)
		got <- p[:n]
	}()
	if _, err := nc.Write(bytes.ToLower(want)); err != nil {
		t.Fatal(err)
	}
	if p := <-got; !bytes.Equal(p, want) {
		t.Errorf("got %d bytes, want %d", len(p), len(want))
	}
}

// Oneshot ends with the first connection; without it an interrupt does.
func TestEnd(t *testing.T) {
	url := echoServer(t, echo)
	addr, result := run(t, bridge.Options{From: parse(t, "listen:tcp://127.0.0.1:0"), To: parse(t, url), Oneshot: true})
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	if err := <-result; err != nil {
		t.Errorf("got error %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	err = bridge.Run(ctx, bridge.Options{
		From: parse(t, "listen:tcp://127.0.0.1:0"), To: parse(t, url), Listening: func(net.Addr) { cancel() },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

// What cannot be opened is told apart from what failed later.
func TestOpenError(t *testing.T) {
	failed := make(chan error, 1)
	addr, _ := run(t, bridge.Options{
		From: parse(t, "listen:tcp://127.0.0.1:0"), To: parse(t, "ws://127.0.0.1:1"), Failed: func(err error) { failed <- err },
	})
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := <-failed; !errors.As(err, new(*bridge.OpenError)) {
		t.Errorf("got error %v, want an OpenError", err)
	}
	if _, err := nc.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still open")
	}
	for _, from := range []string{"ws://127.0.0.1:1", "tcp://127.0.0.1:1", "listen:tcp://203.0.113.1:1"} {
		err := bridge.Run(t.Context(), bridge.Options{From: parse(t, from), To: parse(t, "-"), In: strings.NewReader(""), Out: io.Discard})
		if !errors.As(err, new(*bridge.OpenError)) {
			t.Errorf("%s: got error %v, want an OpenError", from, err)
		}
	}
}
