package native

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestHostileServers plays a case or two against servers that mean harm. Each
// may cost a case its limits and bounded memory, and nothing more.
func TestHostileServers(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	const patience = time.Minute
	for _, test := range []struct {
		name   string
		cases  []string
		server func(nc net.Conn, r *bufio.Reader)
	}{
		{"endless header", []string{"1.1.1"}, func(nc net.Conn, _ *bufio.Reader) {
			io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\nX: ")
			flood(nc, []byte(strings.Repeat("x", 8<<10)))
		}},
		{"header byte by byte, never complete", []string{"1.1.1"}, func(nc net.Conn, _ *bufio.Reader) {
			flood(nc, []byte("H"))
		}},
		{"no answer", []string{"1.1.1"}, func(_ net.Conn, r *bufio.Reader) { io.Copy(io.Discard, r) }},
		{"not HTTP", []string{"1.1.1"}, func(nc net.Conn, _ *bufio.Reader) { nc.Write(make([]byte, 512)) }},
		{"claims 2^63-1 bytes", []string{"1.1.2", "9.1.1"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			nc.Write(binary.BigEndian.AppendUint64([]byte{0x82, 127}, 1<<63-1))
			flood(nc, make([]byte, 64<<10))
		})},
		{"claims more than there are", []string{"1.1.2"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			nc.Write(binary.BigEndian.AppendUint64([]byte{0x81, 127}, 1<<64-1))
			flood(nc, make([]byte, 64<<10))
		})},
		{"flood of pings, nothing read", []string{"1.1.2", "9.1.1"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			flood(nc, wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPing}, Payload: make([]byte, 125)}))
		})},
		{"flood of pongs", []string{"1.1.2"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			flood(nc, []byte{0x8a, 0})
		})},
		{"flood of empty fragments", []string{"1.1.2"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			nc.Write([]byte{0x01, 0})
			flood(nc, []byte{0, 0})
		})},
		{"flood of messages", []string{"1.1.2", "2.1"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			flood(nc, []byte{0x81, 1, 'x'})
		})},
		{"never reads", []string{"9.1.1", "7.1.6"}, accepting(func(nc net.Conn, _ *bufio.Reader) {
			awaitEnd(nc)
		})},
		{"deflate bomb", []string{"12.1.1"}, bomb},
		{"resets in the handshake", []string{"1.1.1"}, func(nc net.Conn, _ *bufio.Reader) { reset(nc) }},
		{"resets behind the handshake", []string{"1.1.1", "9.1.1"}, accepting(func(nc net.Conn, _ *bufio.Reader) { reset(nc) })},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := hostile(t, test.server)
			list, err := pattern.Select(catalogue.All(), test.cases, nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			target := Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
			streams := NewStreams(nil)
			defer streams.Close()
			for _, c := range list {
				r := target.playServer(ctx, shortened(c), manner{streams: streams})
				if r.Behavior != cases.Failed && r.Behavior != cases.Informational {
					t.Fatalf("%s: got behavior %q (%s), want FAILED", c.ID, r.Behavior, r.Note)
				}
				if n := len(r.Transcript.Log); n > 2*logBound {
					t.Errorf("%s: the log has %d entries, want at most %d", c.ID, n, 2*logBound)
				}
			}
			if err := ctx.Err(); err != nil {
				t.Errorf("not through after %v", patience)
			}
		})
	}
}

// TestHostileMemory bounds what a flood may cost.
func TestHostileMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	l := hostile(t, accepting(func(nc net.Conn, _ *bufio.Reader) {
		flood(nc, wsproto.AppendFrame(nil, wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: wsproto.OpPing}, Payload: make([]byte, 125)}))
	}))
	c, _ := catalogue.Find("9.1.1")
	target := Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	r := target.playServer(t.Context(), shortened(c), manner{streams: NewStreams(nil)})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d bytes over a flood of pings, want at most 8 MiB (%s)", grown, r.Reason)
	}
	runtime.KeepAlive(r)
}

// shortened limits a case to a second, where it would allow ten or more.
func shortened(c cases.Case) cases.Case {
	steps := c.Conns[0].Steps
	for i, step := range steps {
		if s, ok := step.(cases.CloseAfter); ok {
			s.After = min(s.After, time.Second)
			steps[i] = s
		}
	}
	return c
}

// hostile serves each connection with f until the test ends.
func hostile(t *testing.T, f func(nc net.Conn, r *bufio.Reader)) net.Listener {
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
			nc.SetDeadline(time.Now().Add(15 * time.Second))
			f(nc, bufio.NewReader(nc))
			nc.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l
}

// accepting answers the handshake first, agreeing to compression if it is offered.
func accepting(f func(nc net.Conn, r *bufio.Reader)) func(net.Conn, *bufio.Reader) {
	return func(nc net.Conn, r *bufio.Reader) {
		h, err := readHead(r)
		if err != nil {
			return
		}
		extension := ""
		if _, ok := h.One("Sec-Websocket-Extensions"); ok {
			extension = "permessage-deflate"
		}
		io.WriteString(nc, accepted(h, nil, "", extension))
		f(nc, r)
	}
}

// flood writes p over and over until the other end has had enough.
func flood(nc net.Conn, p []byte) {
	for len(p) < 1000 && len(p) > 1 {
		p = append(p, p...)
	}
	for {
		if _, err := nc.Write(p); err != nil {
			return
		}
	}
}

// bomb answers with 64 MB of zeros, compressed.
var bomb = accepting(func(nc net.Conn, _ *bufio.Reader) {
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, flate.BestSpeed)
	if err != nil {
		return
	}
	w.Write(make([]byte, 64<<20))
	w.Flush()
	h := wsproto.Header{Fin: true, RSV: wsproto.RSV1, Opcode: wsproto.OpText}
	nc.Write(wsproto.AppendFrame(nil, wsproto.Frame{Header: h, Payload: z.Bytes()}))
	awaitEnd(nc)
})

// awaitEnd waits for the other end to end TCP without reading what it sends.
func awaitEnd(nc net.Conn) {
	nc.SetDeadline(time.Now().Add(4 * time.Second))
	raw, err := nc.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	// Readable bytes keep the socket readable, so its end cannot be awaited by
	// the poller: let the deadline of the connection end the wait.
	raw.Read(func(uintptr) bool { return false })
}

func reset(nc net.Conn) {
	nc.(*net.TCPConn).SetLinger(0)
}

// TestServerGone has a server that dies after some connections: what is left is
// named, and never a pass.
func TestServerGone(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for range 8 {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			accepting(func(nc net.Conn, _ *bufio.Reader) {
				(&wirePeer{nc: nc}).serve(echoes)
			})(nc, bufio.NewReader(nc))
			nc.Close()
		}
		l.Close()
	}()
	list, _ := pattern.Select(catalogue.All(), []string{"1.1.*", "1.2.*"}, nil)
	counts := map[harness.Outcome]int{}
	report, err := TestServer(t.Context(), Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}, list,
		Options{Options: runner.Options{Parallel: 1}}, func(r harness.Result) { counts[r.Outcome]++ })
	<-served
	if err != nil {
		t.Fatal(err)
	}
	if report.Gone == "" {
		t.Error("the report does not say that the server was gone")
	}
	// One connection may have been waiting to be accepted when the server died.
	if counts[harness.Pass] != 7 || counts[harness.Fail] > 1 || counts[harness.NotRun] < len(list)-7-2 {
		t.Errorf("got %v, want 7 passes, and the other %d blocked or not run but for one", counts, len(list)-7)
	}
}

// A server that hangs as a whole, in all 517 cases, costs the time of a few opening
// handshakes and not of hundreds.
func TestServerThatHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const answered = 8 // the first echo and seven cases
	var served sync.WaitGroup
	served.Go(func() {
		var open []net.Conn
		for i := 0; ; i++ {
			nc, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, nc)
			if i < answered {
				served.Go(func() {
					accepting(func(nc net.Conn, _ *bufio.Reader) {
						(&wirePeer{nc: nc}).serve(echoes)
					})(nc, bufio.NewReader(nc))
				})
			}
		}
		for _, nc := range open {
			nc.Close()
		}
	})
	const parallel = 4
	counts := map[harness.Outcome]int{}
	report, err := TestServer(t.Context(), Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}, catalogue.All(),
		Options{Options: runner.Options{Parallel: parallel}}, func(r harness.Result) { counts[r.Outcome]++ })
	l.Close()
	served.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if !report.Silent || report.Survived {
		t.Errorf("got silent %t, survived %t; want a server that is silent", report.Silent, report.Survived)
	}
	// Of a case that got no answer nothing is known.
	if counts[harness.Pass] == 0 || counts[harness.NotRun] < 517-(answered-1) {
		t.Errorf("got %v of 517, want a few passes and all others not run", counts)
	}
}

// A server that leaves some opening handshakes without an answer fails in those.
func TestServerThatIgnoresSome(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for i := 0; ; i++ {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer nc.Close()
				if i == 2 || i > 3 { // the second case, however often it is played
					_, _ = io.Copy(io.Discard, nc)
					return
				}
				accepting(func(nc net.Conn, _ *bufio.Reader) {
					(&wirePeer{nc: nc}).serve(echoes)
				})(nc, bufio.NewReader(nc))
			})
		}
	})
	list, _ := pattern.Select(catalogue.All(), []string{"1.1.1", "1.1.2", "1.1.3"}, nil)
	got := map[cases.ID]harness.Outcome{}
	_, err = TestServer(t.Context(), Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String(), Path: "/"}}, list,
		Options{Options: runner.Options{Parallel: 1}}, func(r harness.Result) { got[r.Case] = r.Outcome })
	l.Close()
	served.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if want := map[cases.ID]harness.Outcome{"1.1.1": harness.Pass, "1.1.2": harness.Fail, "1.1.3": harness.Pass}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = TestServer(t.Context(), Target{URL: &url.URL{Scheme: "ws", Host: l.Addr().String()}}, catalogue.All(), Options{},
		func(r harness.Result) { t.Errorf("got a result for %s", r.Case) })
	if unreachable := new(runner.UnreachableError); !errors.As(err, &unreachable) {
		t.Errorf("got error %v, want an UnreachableError", err)
	}
}
