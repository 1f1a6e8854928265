package labrun_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/labrun"
	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// peer answers the opening handshake on one end of a pipe and sends bytes, and then reads
// until the script hangs up, or ends the connection at once.
func peer(t *testing.T, fields, sends string, ends bool) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		r := bufio.NewReader(theirs)
		q, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + fields +
			"Sec-WebSocket-Accept: " + wsproto.AcceptKey(q.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
		if _, err := io.WriteString(theirs, head+sends); err != nil || ends {
			return
		}
		io.Copy(io.Discard, r) // until the end
	}()
	t.Cleanup(func() { ours.Close(); <-done })
	return ours
}

// play plays a script on a connection, and returns what was recorded.
func play(t *testing.T, r *labrun.Recorder, nc net.Conn, script string) *transcript.Transcript {
	t.Helper()
	s := &rawscript.Session{Open: func(_ context.Context, n int) (net.Conn, rawscript.Options, error) {
		return nc, rawscript.Options{Request: rawscript.RequestHead("/", "h"), Hear: func(e rawscript.Event) { r.Hear(n, e) }}, nil
	}}
	for line := range strings.Lines(script) {
		step, err := rawscript.Parse(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		err = s.Do(t.Context(), step)
		r.Played(s.Number(), step, err)
		if err != nil && !errors.Is(err, rawscript.ErrNotSeen) {
			t.Fatalf("%s: %v", line, err)
		}
	}
	s.Close()
	return r.Transcript()
}

// What a peer sends is recorded as events and marked, as in transcripts of the engines.
func TestRecorder(t *testing.T) {
	const end = "await end 5s"
	for _, row := range []struct {
		name, fields, sends string
		script              string
		want                string // events
		log                 string // in the log, as opcode and length
	}{
		{"a message", "", "\x81\x02hi", end, "status 101; text message \"hi\"; the end of TCP", "text 2"},
		{"a message in fragments", "", "\x01\x02hi\x89\x01p\x80\x01!", end, `status 101; ping "p"; text message "hi!"; the end of TCP`, "continuation 1"},
		{"a reserved bit", "", "\xc1\x02hi", end, `status 101; text message "hi"; reserved bits set; the end of TCP`, "text 2"},
		{"compressed", "Sec-WebSocket-Extensions: permessage-deflate\r\n", "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00", end, `status 101; text message "Hello"; the end of TCP`, "text 7"},
		{"a masked frame", "", "\x81\x82\x00\x00\x00\x00hi", end, `status 101; text message "hi"; masked; the end of TCP`, "text 2"},
		{"a close frame", "", "\x88\x05\x03\xe8bye", end, "status 101; a close frame with 1000; the end of TCP", "close 5"},
		{"half a frame", "", "\x82\x05hi", end, "status 101; the end of TCP", "binary 5"},
		{"a long one", "", "\x82\x7e\x20\x00" + strings.Repeat("x", 8192), end, "status 101; binary message of 8192 bytes; the end of TCP", "binary 8192"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := play(t, &labrun.Recorder{}, peer(t, row.fields, row.sends, true), row.script)
			var events, entries []string
			for _, e := range got.Events {
				events = append(events, e.String())
			}
			for _, e := range got.Log {
				if e.Kind == transcript.LogFrame {
					entries = append(entries, strings.ToLower(e.Opcode.String())+" "+strconv.Itoa(e.Len))
				}
				if len(e.Data) > transcript.HeadSize {
					t.Errorf("an entry keeps %d bytes", len(e.Data))
				}
			}
			at := 0
			for want := range strings.SplitSeq(row.want, "; ") {
				if at == len(events) || !strings.Contains(events[at], want) {
					t.Fatalf("got %q, want %q", events, row.want)
				}
				at++
			}
			if at != len(events) || !strings.Contains(strings.Join(entries, ", "), row.log) || !got.Opened || got.Response == "" || got.Request == "" {
				t.Errorf("got %q and the log %q, want %q and %q", events, entries, row.want, row.log)
			}
		})
	}
}

// What the script sends is in the log as it was on the wire, with what was awaited in vain, and
// the record is bounded.
func TestRecorderSent(t *testing.T) {
	script := "frame text length=9 mask=01020304 text:hi\nframe ping form=16 nomask text:p\nawait pong 10ms\n" + strings.Repeat("pong x\n", 2500) + "quit\n"
	got := play(t, &labrun.Recorder{}, peer(t, "", "", false), script)
	if len(got.Log) > 2000 || got.LogLost < 500 {
		t.Fatalf("%d entries, %d lost", len(got.Log), got.LogLost)
	}
	if e := got.Log[0]; e.Len != 9 || e.Missing != 7 || e.Mask != "01020304" || string(e.Data) != "hi" || e.Dir != transcript.Out {
		t.Errorf("got %+v", e)
	}
	if e := got.Log[1]; e.Mask != "" || len(e.Head) != 4 {
		t.Errorf("got %+v", e)
	}
	if e := got.Log[2]; e.Kind != transcript.LogNote || !strings.Contains(e.Note, "await pong: not received within 10ms") {
		t.Errorf("got %+v", e)
	}
	if !got.DroppedByUs {
		t.Errorf("quit is not in the record: %+v", got.Events)
	}
}

// The run file is one like any other, with secrets of the script masked, also where the script
// cannot be a case.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	r := &labrun.Recorder{}
	const script = "connection 1\nset Authorization: Bearer seeded\ntext hi\nawait end 5s\n"
	play(t, r, peer(t, "", "\x81\x02hi", true), "connection 1\nset Authorization: Bearer seeded\nawait end 5s\n")
	if err := r.Write(dir, labrun.Header(runfile.Header{}, script), nil); err != nil {
		t.Fatal(err)
	}
	run, err := runfile.Open(filepath.Join(dir, "run.jsonl"))
	if err != nil || len(run.Results) != 1 || run.State() != runfile.Complete {
		t.Fatalf("got %+v, %v", run, err)
	}
	one := run.Results[0]
	if one.Outcome != harness.Observed || one.Case != labrun.ID || strings.Contains(one.Transcript.Request+run.Header.UserCases[0].Script, "seeded") {
		t.Errorf("got %s of %s, request %q", one.Outcome, one.Case, one.Transcript.Request)
	}
	if err := new(labrun.Recorder).Write(t.TempDir(), labrun.Header(runfile.Header{}, script), io.ErrUnexpectedEOF); err != nil {
		t.Error(err)
	}
}
