package ws_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// The bytes of the handshake, with names spelled as in RFC 6455 §11.3.
func TestOnHandshake(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, l, ws.AcceptOptions{Subprotocols: []string{"chat"}, Check: func(r *http.Request, _ http.Header) (context.Context, error) {
		if r.URL.Path == "/refused" {
			return nil, &ws.RejectError{Status: http.StatusTeapot}
		}
		return nil, nil
	}})
	for _, tt := range []struct{ path, request, response string }{
		{
			"/open", "GET /open HTTP/1.1\r\nHost: " + l.Addr().String() +
				"\r\nConnection: Upgrade\r\nSec-WebSocket-Key: KEY\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n\r\n",
			"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: KEY\r\nSec-WebSocket-Protocol: chat\r\nUpgrade: websocket\r\n\r\n",
		},
		{"/refused", "GET /refused HTTP/1.1\r\n", "HTTP/1.1 418 I'm a teapot\r\n"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			var request, response string
			c, err := ws.Dial(within(t, 10*time.Second), "ws://"+l.Addr().String()+tt.path, &ws.DialOptions{
				Subprotocols: []string{"chat"},
				OnHandshake: func(sent bool, head []byte) {
					if sent {
						request += string(head)
					} else {
						response += string(head)
					}
				},
			})
			if err == nil {
				c.CloseNow()
			}
			secret := regexp.MustCompile(`(Key|Accept): \S+`)
			request, response = secret.ReplaceAllString(request, "$1: KEY"), secret.ReplaceAllString(response, "$1: KEY")
			if !strings.HasPrefix(request, tt.request) || !strings.HasPrefix(response, tt.response) {
				t.Errorf("got %q and %q, want %q and %q", request, response, tt.request, tt.response)
			}
		})
	}
}

// Connect opens what a handshake goes over, and sends nothing.
func TestConnect(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	serve(t, l, ws.AcceptOptions{})
	nc, err := ws.Connect(within(t, 10*time.Second), "ws://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(nc)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 426 ") {
		t.Errorf("got %q, error %v; want status 426", answer, err)
	}
	if _, err := ws.Connect(t.Context(), "http://x", nil); err == nil || !strings.Contains(err.Error(), "scheme") {
		t.Errorf("scheme http: got error %v", err)
	}
}

func TestOnFrame(t *testing.T) {
	type seen struct {
		sent    bool
		op      wsproto.Opcode
		payload string
		length  uint64
	}
	var got []seen
	client, server := pair(t, &ws.DialOptions{Options: ws.Options{OnFrame: func(_ *ws.Conn, sent bool, f wsproto.Frame) {
		got = append(got, seen{sent, f.Opcode, string(f.Payload), f.Length})
		if sent != f.Masked {
			t.Errorf("%+v: masking", f)
		}
	}}}, nil)
	ctx := within(t, 5*time.Second)
	go func() { _ = ws.Echo(context.Background(), server) }()
	if err := client.WriteFragments(ctx, ws.MessageText, []byte("ab"), 1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Write(ctx, ws.MessageBinary, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if err := client.Close(ws.StatusNormalClosure, "bye"); err != nil {
		t.Fatal(err)
	}
	beginning := strings.Repeat("\x00", 125)
	ping := "\x00\x00\x00\x00\x00\x00\x00\x01"
	want := []seen{
		{true, wsproto.OpText, "a", 1},
		{true, wsproto.OpContinuation, "b", 1},
		{false, wsproto.OpText, "ab", 2},
		{true, wsproto.OpBinary, beginning, 1000},
		{false, wsproto.OpBinary, beginning, 1000},
		{true, wsproto.OpPing, ping, 8},
		{false, wsproto.OpPong, ping, 8},
		{true, wsproto.OpClose, "\x03\xe8bye", 5},
		{false, wsproto.OpClose, "\x03\xe8", 2},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d frames, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		// What comes in behind its header is not there yet when the frame is shown.
		if i == 4 && strings.HasPrefix(beginning, got[i].payload) {
			got[i].payload = beginning
		}
		if got[i] != want[i] {
			t.Errorf("frame %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestLogger(t *testing.T) {
	for _, row := range []struct {
		level        slog.Level
		want, absent []string
	}{
		{slog.LevelInfo, nil, []string{"frame", "request"}},
		{
			slog.LevelDebug,
			[]string{"msg=request", "target=/room", "Authorization=[redacted]", "Cookie=[redacted]", "msg=response status=101", `msg="frame sent" conn=`, "opcode=text fin=true length=5", "opcode=close", "code=1000"},
			[]string{"secret", "hello"},
		},
		{slog.LevelDebug - 4, []string{`payload="\"hello\""`}, []string{"secret"}},
	} {
		t.Run(row.level.String(), func(t *testing.T) {
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: row.level}))
			l := listen(t, "tcp", "127.0.0.1:0")
			serve(t, l, ws.AcceptOptions{})
			c, err := ws.Dial(t.Context(), "ws://me:secret@"+l.Addr().String()+"/room", &ws.DialOptions{
				Options: ws.Options{Logger: logger}, Header: http.Header{"Cookie": {"secret=1"}, "X-Plain": {"shown"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			_ = c.Write(t.Context(), ws.MessageText, []byte("hello"))
			_, _, _ = c.Read(t.Context())
			_ = c.Close(ws.StatusNormalClosure, "")
			for _, s := range row.want {
				if !strings.Contains(log.String(), s) {
					t.Errorf("%q is not in the log:\n%s", s, &log)
				}
			}
			for _, s := range row.absent {
				if strings.Contains(log.String(), s) {
					t.Errorf("%q is in the log:\n%s", s, &log)
				}
			}
		})
	}
}
