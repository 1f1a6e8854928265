package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/console"
	"github.com/wsconform/wsconform/ws"
)

// A buffer takes what several goroutines write.
type buffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// server runs handler for each connection and returns its URL.
func server(t *testing.T, handler func(context.Context, *ws.Conn)) string {
	t.Helper()
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			if c, err := ws.AcceptNet(t.Context(), nc, &ws.AcceptOptions{Options: ws.Options{PingInterval: -1}}); err == nil {
				handler(t.Context(), c)
				_ = c.CloseNow()
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "ws://" + l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func echo(ctx context.Context, c *ws.Conn) { _ = ws.Echo(ctx, c) }

func options(url, in string) (console.Options, *buffer) {
	var out buffer
	return console.Options{
		URL: url, In: strings.NewReader(in), Out: &out, Err: &out, Delimiter: '\n', CloseWait: 5 * time.Second,
	}, &out
}

// JSON has a record for each event, with its time.
func TestJSON(t *testing.T) {
	url := server(t, func(ctx context.Context, c *ws.Conn) {
		_, p, _ := c.Read(ctx)
		_ = c.Write(ctx, ws.MessageBinary, append(p, 0xff))
		_ = c.Close(4001, "enough")
	})
	o, out := options(url+"/a?b", "hi\n")
	o.JSON, o.EOFWait, o.Verbose = true, -1, 2
	before := time.Now()
	err := console.Run(t.Context(), o)
	if !errors.As(err, new(*console.EndError)) {
		t.Errorf("got error %v, want an EndError for 4001", err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var r console.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if r.Time.Before(before) || r.Elapsed < 0 {
			t.Errorf("%s: time is wrong", line)
		}
		s := fmt.Sprint(r.Event, " ", r.Sent, " ", r.Opcode, " ", r.Target, " ", string(r.Base64), " ", r.Code, r.Reason)
		if r.Text != nil {
			text, _, _ := strings.Cut(*r.Text, "\r\n")
			s += " " + text
		}
		got = append(got, s)
	}
	for _, want := range []string{
		"head true    0 GET /a?b HTTP/1.1", "head false    0 HTTP/1.1 101 Switching Protocols", "open false  /a?b  0",
		"message true text   0 hi", "frame true text   0 hi", "frame false binary  hi\xff 0", "message false binary  hi\xff 0",
		"frame false close   4001enough", "frame true close   4001", "end false    4001enough",
	} {
		found := false
		for _, line := range got {
			found = found || line == want
		}
		if !found {
			t.Errorf("no %q among\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// The error names the first of the lines that were refused.
func TestRefusedLines(t *testing.T) {
	o, _ := options(server(t, echo), "/nonsense\n/rubbish\n/close 99999\n/ping\n/more\n")
	o.Commands = true
	err := console.Run(t.Context(), o)
	_, ok := errors.AsType[*console.InputError](err)
	if !ok || !strings.Contains(err.Error(), "4 lines refused, the first: ") || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want four lines and what was wrong with the first", err)
	}
}

// A console that listens talks to one client after another until its input is over.
func TestServe(t *testing.T) {
	l := listen(t)
	o, out := options("", "")
	in, typed := io.Pipe()
	o.URL, o.Listener, o.In, o.EOFWait = "", l, in, -1
	result := make(chan error, 1)
	go func() { result <- console.Run(t.Context(), o) }()
	for i, line := range []string{"one", "two"} {
		c, err := ws.Dial(t.Context(), "ws://"+l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(typed, line+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, p, err := c.Read(t.Context()); err != nil || string(p) != line {
			t.Errorf("got %q, error %v; want %s", p, err, line)
		}
		if err := c.Write(t.Context(), ws.MessageText, []byte("answer "+line)); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			typed.Close()
		}
		_ = c.Close(ws.StatusNormalClosure, "")
	}
	if err := <-result; err != nil {
		t.Errorf("got error %v", err)
	}
	if got := out.String(); got != "answer one\nanswer two\n" {
		t.Errorf("got %q", got)
	}
}

// With Oneshot the first connection is the last, even if there is more input.
func TestOneshot(t *testing.T) {
	l := listen(t)
	o, _ := options("", "")
	in, typed := io.Pipe()
	defer typed.Close()
	o.URL, o.Listener, o.In, o.Oneshot = "", l, in, true
	result := make(chan error, 1)
	go func() { result <- console.Run(t.Context(), o) }()
	c, err := ws.Dial(t.Context(), "ws://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close(ws.StatusNormalClosure, "")
	if err := <-result; err != nil {
		t.Errorf("got error %v", err)
	}
}

// A raw script as the server: a client sees the unmasked frame of reserved bits.
func TestServeRaw(t *testing.T) {
	l := listen(t)
	o, out := options("", "set X-Made: by hand\nframe text rsv2 text:hi\nawait close\nquit\n")
	o.URL, o.Listener, o.Raw, o.Oneshot = "", l, true, true
	result := make(chan error, 1)
	go func() { result <- console.Run(t.Context(), o) }()
	c, err := ws.Dial(t.Context(), "ws://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Handshake().Header.Get("X-Made"); got != "by hand" {
		t.Errorf("got X-Made %q", got)
	}
	if _, _, err := c.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "reserved bit") {
		t.Errorf("got error %v, want one about a reserved bit", err)
	}
	_ = c.CloseNow()
	if err := <-result; err != nil {
		t.Errorf("got error %v", err)
	}
	if !strings.Contains(out.String(), "< [close fin mask=") {
		t.Errorf("got %q, want the close frame", out)
	}
}

// Reconnect goes on after refusals and lost connections until we close.
func TestReconnect(t *testing.T) {
	var n atomic.Int32
	url := server(t, func(ctx context.Context, c *ws.Conn) {
		_, p, _ := c.Read(ctx)
		switch n.Add(1) {
		case 1:
			_ = c.CloseNow()
		case 2:
			_ = c.Close(ws.StatusNormalClosure, "restart")
		default:
			_ = c.Write(ctx, ws.MessageText, p)
			_ = c.Discard(ctx)
		}
	})
	o, out := options(url, "")
	in, typed := io.Pipe()
	o.In, o.Reconnect, o.ReconnectDelay, o.Text, o.OneLine, o.EOFWait = in, true, time.Millisecond, []string{"subscribe"}, true, -1
	defer typed.Close()
	if err := console.Run(t.Context(), o); err != nil {
		t.Errorf("got error %v", err)
	}
	if got := out.String(); n.Load() != 3 || !strings.HasSuffix(got, "subscribe\n") || strings.Count(got, "reconnecting") != 2 {
		t.Errorf("got %d connections and %q", n.Load(), got)
	}
}

// No connection is no reason to give up, but a refusal that will not pass is.
func TestReconnectRefused(t *testing.T) {
	o, out := options("ws://127.0.0.1:1", "")
	o.Reconnect, o.ReconnectDelay = true, time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := console.Run(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want %v", err, context.DeadlineExceeded)
	}
	if strings.Count(out.String(), "reconnecting") < 3 {
		t.Errorf("got %q, want several attempts", out)
	}
	l := listen(t)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		buf := make([]byte, 4096)
		_, _ = nc.Read(buf)
		_, _ = io.WriteString(nc, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
	}()
	o.URL, o.In = "ws://"+l.Addr().String(), strings.NewReader("")
	if err := console.Run(t.Context(), o); !errors.As(err, new(*ws.HandshakeError)) {
		t.Errorf("got error %v, want status 403", err)
	}
}

// Pings notice a peer that is silent.
func TestPingTimeout(t *testing.T) {
	l := listen(t)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		c, err := ws.AcceptNet(context.Background(), nc, nil)
		if err == nil {
			<-t.Context().Done() // reads nothing
			_ = c.CloseNow()
		}
	}()
	o, _ := options("ws://"+l.Addr().String(), "")
	o.EOFWait, o.PingInterval, o.PingTimeout, o.CloseWait = -1, 10*time.Millisecond, 20*time.Millisecond, time.Second
	if err := console.Run(t.Context(), o); !errors.Is(err, ws.ErrPingTimeout) {
		t.Errorf("got error %v, want %v", err, ws.ErrPingTimeout)
	}
}

// An interrupt ends each of the ways to wait.
func TestInterrupt(t *testing.T) {
	url := server(t, echo)
	for _, set := range []func(*console.Options){
		func(*console.Options) {},
		func(o *console.Options) { o.Raw = true },
		func(o *console.Options) { o.Raw, o.First = true, []string{"await text 1m"} },
		func(o *console.Options) { o.URL, o.Reconnect, o.ReconnectDelay = "ws://127.0.0.1:1", true, time.Minute },
		func(o *console.Options) { o.URL, o.Listener = "", listen(t) },
	} {
		o, _ := options(url, "")
		in, typed := io.Pipe()
		o.In, o.EOFWait, o.CloseWait = in, -1, 10*time.Millisecond
		set(&o)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		if err := console.Run(ctx, o); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: got error %v, want %v", o, err, context.DeadlineExceeded)
		}
		cancel()
		typed.Close()
	}
}
