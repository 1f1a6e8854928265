package ws_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/ws"
)

func TestOnFrame(t *testing.T) {
	type seen struct {
		sent    bool
		op      ws.Opcode
		payload string
		length  uint64
	}
	var got []seen
	client, server := pair(t, &ws.DialOptions{OnFrame: func(e ws.FrameEvent) {
		got = append(got, seen{e.Sent, e.Header.Opcode, string(e.Payload), e.Header.Length})
		if e.Sent != e.Header.Masked {
			t.Errorf("%+v: masking", e)
		}
	}}, nil)
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
		{true, ws.OpText, "a", 1},
		{true, ws.OpContinuation, "b", 1},
		{false, ws.OpText, "ab", 2},
		{true, ws.OpBinary, beginning, 1000},
		{false, ws.OpBinary, beginning, 1000},
		{true, ws.OpPing, ping, 8},
		{false, ws.OpPong, ping, 8},
		{true, ws.OpClose, "\x03\xe8bye", 5},
		{false, ws.OpClose, "\x03\xe8", 2},
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
		{ws.LevelPayload, []string{`payload="\"hello\""`}, []string{"secret"}},
	} {
		t.Run(row.level.String(), func(t *testing.T) {
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: row.level}))
			l := listen(t, "tcp", "127.0.0.1:0")
			serve(t, l, ws.AcceptOptions{})
			c, err := ws.Dial(t.Context(), "ws://me:secret@"+l.Addr().String()+"/room", &ws.DialOptions{
				Logger: logger, Header: http.Header{"Cookie": {"secret=1"}, "X-Plain": {"shown"}},
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
