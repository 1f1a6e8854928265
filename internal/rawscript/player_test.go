package rawscript_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A session plays scripts and writes down what happens, a line an event.
type session struct {
	*rawscript.Player
	mu  sync.Mutex // guards log
	log []string
}

func start(nc net.Conn, opts rawscript.Options) *session {
	s := &session{}
	opts.Hear = func(e rawscript.Event) {
		arrow := "<"
		if e.Sent {
			arrow = ">"
		}
		var line string
		switch e.Kind {
		case rawscript.EventHead:
			line, _, _ = strings.Cut(string(e.Data), "\r\n")
		case rawscript.EventFrame:
			line = fmt.Sprintf("%v %d %q", e.Header.Opcode, e.Header.Length, e.Data)
		case rawscript.EventBytes:
			line = fmt.Sprintf("bytes %q", e.Data)
		case rawscript.EventEnd:
			line = fmt.Sprint("end ", e.Err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log = append(s.log, arrow+" "+line)
	}
	s.Player = rawscript.Start(nc, opts)
	return s
}

func (s *session) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

// play plays the lines up to the first error.
func (s *session) play(ctx context.Context, script string) error {
	for line := range strings.Lines(script) {
		step, err := rawscript.Parse(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		if step == nil {
			continue
		}
		if err := s.Do(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// serve hands each connection to handle, one at a time.
func serve(t *testing.T, handle func(net.Conn)) net.Addr {
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
			handle(nc)
			_ = nc.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr()
}

// echo is a peer that keeps the rules.
func echo(nc net.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := ws.AcceptNet(ctx, nc, &ws.AcceptOptions{Options: ws.Options{Deflate: &ws.Deflate{}}})
	if err != nil {
		return
	}
	_ = ws.Echo(ctx, c)
	_ = c.CloseNow()
}

// How a peer that keeps the rules takes what a script does.
func TestPlayer(t *testing.T) {
	addr := serve(t, echo).String()
	for _, row := range []struct{ name, script, want, err string }{
		{"the standard handshake", "text hi\nawait text\nclose 1000\nawait close\nawait end", `> GET / HTTP/1\.1
< HTTP/1\.1 101 Switching Protocols
> text 2 "hi"
< text 2 "hi"
> close 2 "\\x03\\xe8"
< close 2 "\\x03\\xe8"
< end EOF`, ""},
		{"a field is missing", "without sec-websocket-key\ntext x", `> GET / HTTP/1.1\n< HTTP/1\.1 400 Bad Request(?s:.*)`, "refused with HTTP status 400"},
		{"start line and field", "start GET / HTTP/1.0\nopen", `> GET / HTTP/1\.0\n< HTTP/1\.1 505 .*(?s:.*)`, "status 505"},
		{"a line of the head", `line X y: z` + "\nopen", `> GET / HTTP/1\.1\n< HTTP/1\.1 400(?s:.*)`, "status 400"},
		{"the head in pieces, frames behind it at once", "segment 7\nopen nowait\nping a\nawait pong", `> GET / HTTP/1\.1
(> ping 1 "a"
< HTTP/1\.1 101 Switching Protocols|< HTTP/1\.1 101 Switching Protocols
> ping 1 "a")
< pong 1 "a"`, ""},
		{"no head", `open never` + "\n" + `bytes chop=5 text:GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n` + "\nawait head\nping\nawait pong", `> bytes "GET .*
< HTTP/1\.1 101 Switching Protocols
> ping 0 ""
< pong 0 ""`, ""},
		{"reserved opcode", "frame 3\nawait close", `(?s).*> opcode 3 0 ""\n< close .*"\\x03\\xea.*`, ""},
		{"unmasked", "frame text nomask text:x\nawait close", `(?s).*< close .*"\\x03\\xea.*`, ""},
		{"fragments", "frame text nofin text:a\nframe continuation chop=1 text:b\nawait text", `(?s).*< text 2 "ab"`, ""},
		{"compressed", "set Sec-WebSocket-Extensions: permessage-deflate\nframe text deflate text:aaaaaaaaaa\nawait text", `(?s).*> text \d+ .*< text \d+ .*`, ""},
		{"a length that is not true, and FIN", "frame text length=5 text:abc\nhalf-close\nawait end", `(?s).*> text 5 "abc"\n(< close .*\n)?< end EOF`, ""},
		{"cut", "frame text cut=4 text:abc\nhalf-close\nawait end", `(?s).*< end EOF`, ""},
		{"nothing comes", "await text 10ms", `(?s).*`, "await text: not received within 10ms"},
		{"the end comes instead", "half-close\nawait text 10s", `(?s).*`, "the connection has ended: not received"},
		{"edit too late", "open\nset A: b", `(?s).*`, "set: the handshake has begun"},
		{"open twice", "open\nopen", `(?s).*`, "open: the handshake has begun"},
		{"a pause", "wait 1ms\nping\nawait frame", `(?s).*< pong 0 ""`, ""},
		{"quit", "open\nquit", `(?s).*< end .*closed network connection`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			nc, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			s := start(nc, rawscript.Options{Request: rawscript.RequestHead("/", addr)})
			err = s.play(ctx, row.script)
			got := s.String()
			s.Close()
			if row.name == "quit" {
				got = s.String()
			}
			if !regexp.MustCompile("^" + row.want + "$").MatchString(got) {
				t.Errorf("got\n%s\nwant\n%s", got, row.want)
			}
			if (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
				t.Errorf("got error %v, want %q", err, row.err)
			}
		})
	}
}

// A frame that the end of the connection cuts off is shown, as far as it came.
func TestFrameCutOff(t *testing.T) {
	addr := serve(t, func(nc net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(nc))
		if err != nil {
			return
		}
		fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\x81\x05ab",
			wsproto.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
	}).String()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s := start(nc, rawscript.Options{Request: rawscript.RequestHead("/", addr)})
	defer s.Close()
	if err := s.play(ctx, "open\nawait end"); err != nil {
		t.Error(err)
	}
	if want := `< text 5 "ab"`; !strings.Contains(s.String(), want) {
		t.Errorf("got\n%s\nwant %s in it", s, want)
	}
}

// Reset is seen as such.
func TestReset(t *testing.T) {
	got := make(chan error, 1)
	addr := serve(t, func(nc net.Conn) {
		_, late := nc.Write([]byte("x"))
		_, err := io.Copy(io.Discard, nc)
		got <- errors.Join(late, err) // the kernel tells of a reset once
	})
	nc, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	s := start(nc, rawscript.Options{})
	defer s.Close()
	if err := s.play(t.Context(), "reset"); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err == nil || !strings.Contains(err.Error(), "reset") {
		t.Errorf("the peer got %v, want a reset", err)
	}
}

// As a server: the response, edits of it, and frames without masks.
func TestServer(t *testing.T) {
	for _, row := range []struct {
		name, script string
		dial         ws.DialOptions
		want         string // the message, or part of the error
	}{
		{"in order", "text hi\nawait close\nclose 1000\nquit", ws.DialOptions{}, "hi"},
		{"subprotocol", "set Sec-WebSocket-Protocol: chat\ntext hi\nawait close\nclose 1000\nquit", ws.DialOptions{Subprotocols: []string{"chat"}}, "hi"},
		{"wrong key", "set Sec-WebSocket-Accept: x\nopen\nawait end", ws.DialOptions{}, "Sec-WebSocket-Accept"},
		{"refused", "start HTTP/1.1 404 Not Found\nwithout Upgrade\nadd Content-Length: 0\nopen\nawait end", ws.DialOptions{}, "404"},
		{"masked", "frame text mask=01020304 text:hi\nawait close\nquit", ws.DialOptions{}, "masked"},
		{"no answer to the close", "close 4000 bye\nawait close\nquit", ws.DialOptions{}, "4000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			near, far := net.Pipe()
			s := start(far, rawscript.Options{Server: true})
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			played := make(chan error, 1)
			go func() { played <- s.play(ctx, row.script) }()
			got := ""
			row.dial.NetDial = func(context.Context, string, string) (net.Conn, error) { return near, nil }
			c, err := ws.Dial(ctx, "ws://localhost/", &row.dial)
			if err == nil {
				var p []byte
				if _, p, err = c.Read(ctx); err == nil {
					got = string(p)
					err = c.Close(ws.StatusNormalClosure, "")
				}
			}
			if err != nil && row.want != "hi" {
				got = err.Error()
			}
			near.Close()
			if err := <-played; err != nil {
				t.Errorf("script: %v", err)
			}
			if !strings.Contains(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// What does not fit is shown in part, and a peer that sends without end costs no
// more memory than that.
func TestBounds(t *testing.T) {
	addr := serve(t, func(nc net.Conn) {
		big := wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpBinary, Length: 1 << 20}, Payload: make([]byte, 1<<20)})
		_, _ = nc.Write(big)
		for range 10_000 {
			if _, err := nc.Write([]byte{0x89, 0}); err != nil {
				return
			}
		}
	})
	nc, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	longest, frames := 0, 0
	p := rawscript.Start(nc, rawscript.Options{Hear: func(e rawscript.Event) {
		longest = max(longest, len(e.Data))
		if e.Kind == rawscript.EventFrame {
			frames++
		}
	}})
	defer p.Close()
	for _, line := range []string{"open never", "await end 20s"} {
		s, err := rawscript.Parse(line)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Do(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if longest != rawscript.MaxShown || frames != 10_001 {
		t.Errorf("got %d bytes at most of %d frames, want %d of 10001", longest, frames, rawscript.MaxShown)
	}
}

// A write that the peer does not take ends with the context.
func TestStuck(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	p := rawscript.Start(near, rawscript.Options{})
	defer p.Close()
	if err := p.Do(t.Context(), rawscript.Open{Never: true}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := p.Do(ctx, rawscript.Bytes{Data: []byte("x")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

// Over TLS, half-close sends close_notify and then FIN, and reset resets TCP below.
func TestTLS(t *testing.T) {
	certificates := httptest.NewTLSServer(nil)
	defer certificates.Close()
	for _, row := range []struct{ step, want string }{{"half-close", "<nil>"}, {"reset", "reset"}} {
		got := make(chan error, 1)
		addr := serve(t, func(nc net.Conn) {
			c := tls.Server(nc, &tls.Config{Certificates: certificates.TLS.Certificates})
			_, err := c.Read(make([]byte, 1))
			if err == nil {
				_, err = io.Copy(io.Discard, c)
			}
			if err == nil { // after close_notify: what TCP says
				_, err = io.Copy(io.Discard, nc)
			}
			got <- err
		})
		nc, err := tls.Dial("tcp", addr.String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		p := rawscript.Start(nc, rawscript.Options{})
		defer p.Close() // before the server above waits for its connection to end
		for _, line := range []string{"open never", "bytes 00", row.step} {
			s, err := rawscript.Parse(line)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Do(t.Context(), s); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		if err := <-got; !strings.Contains(fmt.Sprint(err), row.want) {
			t.Errorf("%s: the peer saw %v, want %s", row.step, err, row.want)
		}
		p.Close()
	}
}
