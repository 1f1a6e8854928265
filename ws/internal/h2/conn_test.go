package h2

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A peer is the client of a server under test, frame by frame.
type peer struct {
	*http2.Framer
	t      *testing.T
	nc     net.Conn
	frames chan frame // closed with the connection
}

// A frame is what a frame said.
type frame struct {
	typ  http2.FrameType
	id   uint32
	end  bool
	ack  bool
	data []byte
	code http2.ErrCode
	incr uint32
}

// serve runs a server in a bubble, whose handler gets each stream after it was answered
// with 200, and a test that plays the client.
func serve(t *testing.T, handler func(*Stream), test func(t *testing.T, c *Conn, p *peer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := NewServer(far, nil, Config{
			MaxHeaderBytes: 16 << 10, WriteTimeout: 20 * time.Second, IdleTimeout: time.Minute,
			Handler: func(s *Stream) func() {
				if err := s.Respond([]hpack.HeaderField{{Name: ":status", Value: "200"}}, nil, false); err != nil {
					return nil
				}
				return func() { handler(s) }
			},
		})
		served := make(chan struct{})
		go func() {
			defer close(served)
			c.Serve()
		}()
		p := &peer{t: t, nc: near, frames: make(chan frame, 100_000), Framer: http2.NewFramer(near, near)}
		p.AllowIllegalWrites, p.AllowIllegalReads = true, true
		go p.read()
		_, _ = io.WriteString(near, http2.ClientPreface)
		_ = p.WriteSettings()
		test(t, c, p)
		near.Close()
		<-served
		for range p.frames { // until its reader closes it
		}
	})
}

func (p *peer) read() {
	defer close(p.frames)
	for {
		f, err := p.ReadFrame()
		if err != nil {
			return
		}
		got := frame{typ: f.Header().Type, id: f.Header().StreamID}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			got.ack = f.IsAck()
		case *http2.DataFrame:
			got.end, got.data = f.StreamEnded(), bytes.Clone(f.Data())
		case *http2.RSTStreamFrame:
			got.code = f.ErrCode
		case *http2.GoAwayFrame:
			got.code = f.ErrCode
		case *http2.WindowUpdateFrame:
			got.incr = f.Increment
		}
		p.frames <- got
	}
}

// next is the next frame of those types.
func (p *peer) next(types ...http2.FrameType) frame {
	p.t.Helper()
	bound := time.After(10 * time.Minute)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok {
				p.t.Fatalf("the connection ended before %v", types)
			}
			if slices.Contains(types, f.typ) {
				return f
			}
		case <-bound:
			p.t.Fatalf("no %v", types)
		}
	}
}

// request begins a stream.
func (p *peer) request(id uint32) error {
	return p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, BlockFragment: block(":method", "CONNECT")})
}

// block encodes fields without the dynamic table.
func block(fields ...string) []byte {
	var b bytes.Buffer
	enc := hpack.NewEncoder(&b)
	enc.SetMaxDynamicTableSize(0)
	for i := 0; i < len(fields); i += 2 {
		_ = enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return b.Bytes()
}

// hold keeps a stream open until its peer ends it.
func hold(s *Stream) {
	defer s.Close()
	_, _ = io.Copy(io.Discard, s)
}

// echo sends back what comes.
func echo(s *Stream) {
	defer s.Close()
	_, _ = io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{s})
	_ = s.CloseWrite()
}

// What breaks a rule of RFC 9113 ends the stream or the connection, as the rule says.
func TestErrors(t *testing.T) {
	raw := func(typ http2.FrameType, flags http2.Flags, id uint32, payload string) func(*peer) {
		return func(p *peer) { _ = p.WriteRawFrame(typ, flags, id, []byte(payload)) }
	}
	const goAway, reset = http2.FrameGoAway, http2.FrameRSTStream
	for _, test := range []struct {
		name string
		do   func(*peer) // stream 1 is open, 3 was closed by the client
		typ  http2.FrameType
		code http2.ErrCode
	}{
		{"DATA on stream 0", raw(http2.FrameData, 0, 0, "x"), goAway, http2.ErrCodeProtocol},
		{"DATA on an idle stream", raw(http2.FrameData, 0, 9, "x"), goAway, http2.ErrCodeProtocol},
		{"DATA on an even stream", raw(http2.FrameData, 0, 2, "x"), goAway, http2.ErrCodeProtocol},
		{"DATA on a closed stream", raw(http2.FrameData, 0, 3, "x"), reset, http2.ErrCodeStreamClosed},
		{"padding longer than the frame", raw(http2.FrameData, http2.FlagDataPadded, 1, "\x09x"), goAway, http2.ErrCodeProtocol},
		{"HEADERS on an even stream", func(p *peer) { _ = p.request(6) }, goAway, http2.ErrCodeProtocol},
		{"HEADERS on a closed stream", func(p *peer) { _ = p.request(3) }, goAway, http2.ErrCodeStreamClosed},
		{"HEADERS again", func(p *peer) { _ = p.request(1) }, reset, http2.ErrCodeProtocol},
		{"broken HPACK", raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 5, "\xff\xff\xff\xff\xff\xff"), goAway, http2.ErrCodeCompression},
		{"no CONTINUATION", func(p *peer) { raw(http2.FrameHeaders, 0, 5, "")(p); _ = p.WritePing(false, [8]byte{}) }, goAway, http2.ErrCodeProtocol},
		{"CONTINUATION alone", raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, 1, ""), goAway, http2.ErrCodeProtocol},
		{"WINDOW_UPDATE of 0", raw(http2.FrameWindowUpdate, 0, 1, "\x00\x00\x00\x00"), reset, http2.ErrCodeProtocol},
		{"WINDOW_UPDATE of 0 for all", raw(http2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x00"), goAway, http2.ErrCodeProtocol},
		{"WINDOW_UPDATE too large", raw(http2.FrameWindowUpdate, 0, 1, "\x7f\xff\xff\xff"), reset, http2.ErrCodeFlowControl},
		{"WINDOW_UPDATE too large for all", raw(http2.FrameWindowUpdate, 0, 0, "\x7f\xff\xff\xff"), goAway, http2.ErrCodeFlowControl},
		{"WINDOW_UPDATE on an idle stream", raw(http2.FrameWindowUpdate, 0, 9, "\x00\x00\x00\x01"), goAway, http2.ErrCodeProtocol},
		{"RST_STREAM on an idle stream", raw(http2.FrameRSTStream, 0, 9, "\x00\x00\x00\x08"), goAway, http2.ErrCodeProtocol},
		{"PUSH_PROMISE", raw(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, 1, "\x00\x00\x00\x02"), goAway, http2.ErrCodeProtocol},
		{"SETTINGS of 5 bytes", raw(http2.FrameSettings, 0, 0, "\x00\x01\x00\x00\x00"), goAway, http2.ErrCodeFrameSize},
		{"SETTINGS with an illegal value", func(p *peer) { _ = p.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1}) }, goAway, http2.ErrCodeProtocol},
		{"window too large by SETTINGS", func(p *peer) {
			_ = p.WriteWindowUpdate(1, maxWindow-defaultWindow)
			_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: maxWindow})
		}, goAway, http2.ErrCodeFlowControl},
		{"setting taken back", func(p *peer) {
			_ = p.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 1})
			_ = p.WriteSettings(http2.Setting{ID: http2.SettingEnableConnectProtocol, Val: 0})
		}, goAway, http2.ErrCodeProtocol},
		{"frame too long", func(p *peer) { _ = p.WriteRawFrame(http2.FrameData, 0, 1, make([]byte, maxFrame+1)) }, goAway, http2.ErrCodeFrameSize},
		{"more DATA than the stream's window", func(p *peer) {
			for range streamWindow/maxFrame + 1 {
				_ = p.WriteData(1, false, make([]byte, maxFrame))
			}
		}, reset, http2.ErrCodeFlowControl},
	} {
		t.Run(test.name, func(t *testing.T) {
			serve(t, func(s *Stream) { // reads nothing
				defer s.Close()
				s.c.mu.Lock()
				defer s.c.mu.Unlock()
				for s.err == nil && !s.remoteEnd {
					s.readable.Wait()
				}
			}, func(t *testing.T, _ *Conn, p *peer) {
				_ = p.request(1)
				_ = p.request(3)
				_ = p.WriteRSTStream(3, http2.ErrCodeCancel)
				test.do(p)
				got := p.next(goAway, reset)
				if got.typ != test.typ || got.code != test.code {
					t.Errorf("got %v with %v, want %v with %v", got.typ, got.code, test.typ, test.code)
				}
			})
		})
	}
	t.Run("no preface", func(t *testing.T) {
		serve(t, hold, func(_ *testing.T, _ *Conn, p *peer) {
			_ = p.request(1)
			p.next(http2.FrameHeaders)
		})
		near, far := net.Pipe()
		go NewServer(far, []byte(strings.Repeat("x", 24)), Config{MaxHeaderBytes: 1 << 10, Handler: func(*Stream) func() { return nil }}).Serve()
		fr := http2.NewFramer(nil, near)
		for {
			f, err := fr.ReadFrame()
			if err != nil {
				t.Fatalf("no GOAWAY: %v", err)
			}
			if g, ok := f.(*http2.GoAwayFrame); ok {
				if g.ErrCode != http2.ErrCodeProtocol {
					t.Errorf("GOAWAY with %v", g.ErrCode)
				}
				break
			}
		}
		near.Close()
	})
	t.Run("no SETTINGS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			c := NewServer(far, nil, Config{MaxHeaderBytes: 1 << 10, Handler: func(*Stream) func() { return nil }})
			go c.Serve()
			p := &peer{t: t, nc: near, frames: make(chan frame, 100), Framer: http2.NewFramer(near, near)}
			go p.read()
			_, _ = io.WriteString(near, http2.ClientPreface)
			_ = p.WritePing(false, [8]byte{})
			if got := p.next(goAway); got.code != http2.ErrCodeProtocol {
				t.Errorf("GOAWAY with %v", got.code)
			}
			near.Close()
		})
	})
}

// Floods end the connection, and never hold much memory.
func TestFloods(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(p *peer, i int) error
	}{
		{"rapid reset", func(p *peer, i int) error {
			_ = p.request(uint32(2*i + 3))
			return p.WriteRSTStream(uint32(2*i+3), http2.ErrCodeCancel)
		}},
		{"PING", func(p *peer, _ int) error { return p.WritePing(false, [8]byte{}) }},
		{"SETTINGS", func(p *peer, _ int) error { return p.WriteSettings() }},
		{"PRIORITY", func(p *peer, _ int) error { return p.WritePriority(1, http2.PriorityParam{}) }},
		{"unknown frames", func(p *peer, _ int) error { return p.WriteRawFrame(0xBE, 0, 1, nil) }},
		{"empty DATA", func(p *peer, _ int) error { return p.WriteData(1, false, nil) }},
		{"empty DATA, padded", func(p *peer, _ int) error { return p.WriteDataPadded(1, false, nil, make([]byte, 200)) }},
		{"malformed requests", func(p *peer, i int) error {
			return p.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 3), EndHeaders: true, BlockFragment: block("X", "")})
		}},
		{"too many streams", func(p *peer, i int) error { return p.request(uint32(2*i + 3)) }},
		{"CONTINUATION", func(p *peer, i int) error {
			if i == 0 {
				return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block("x", strings.Repeat("y", 1000))})
			}
			return p.WriteContinuation(3, false, block("x", strings.Repeat("y", 1000)))
		}},
		{"empty CONTINUATION", func(p *peer, i int) error {
			if i == 0 {
				return p.WriteHeaders(http2.HeadersFrameParam{StreamID: 3, BlockFragment: block("x", "y")})
			}
			return p.WriteContinuation(3, false, nil)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			serve(t, hold, func(t *testing.T, c *Conn, p *peer) {
				_ = p.request(1)
				p.next(http2.FrameHeaders)
				const many = 20_000
				var most, handlers int
				_ = p.nc.SetWriteDeadline(time.Now().Add(time.Minute))
				for i := range many {
					if test.do(p, i) != nil {
						break
					}
					if i%100 == 0 {
						c.mu.Lock()
						most, handlers = max(most, len(c.streams), cap(c.out)), max(handlers, c.handlers)
						c.mu.Unlock()
					}
					if i == many-1 {
						t.Error("the flood was taken to its end")
					}
				}
				if most > outBuffer+1<<10 || handlers > MaxStreams {
					t.Errorf("up to %d bytes or streams, %d handlers", most, handlers)
				}
			})
		})
	}
}

// A peer that does not read what it asks for is cut off.
func TestPeerDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		c := NewServer(far, nil, Config{MaxHeaderBytes: 1 << 10, WriteTimeout: 20 * time.Second, Handler: func(*Stream) func() { return nil }})
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			fr := http2.NewFramer(near, nil)
			_, _ = io.WriteString(near, http2.ClientPreface)
			_ = fr.WriteSettings()
			for fr.WritePing(false, [8]byte{}) == nil {
				time.Sleep(10 * time.Millisecond) // of the bubble: no flood
			}
		}()
		start := time.Now()
		c.Serve()
		if took := time.Since(start); took > 25*time.Second {
			t.Errorf("took %v", took)
		}
		near.Close()
		<-asked
	})
}

// A stream whose windows open byte by byte carries everything, and never too much.
func TestSmallWindows(t *testing.T) {
	serve(t, echo, func(t *testing.T, _ *Conn, p *peer) {
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		_ = p.request(1)
		p.next(http2.FrameHeaders)
		var want []byte
		for i := range 300 { // one byte a frame, padded, with empty ones in between
			want = append(want, byte(i))
			_ = p.WriteDataPadded(1, false, want[i:], make([]byte, i%256))
			if i%10 == 0 {
				_ = p.WriteData(1, false, nil)
			}
		}
		synctest.Wait()
		var got []byte
		for len(got) < len(want) {
			n := min(len(want)-len(got), 1+len(got)%3)
			_ = p.WriteWindowUpdate(1, uint32(n))
			synctest.Wait()
			for sum := 0; sum < n; {
				f := p.next(http2.FrameData)
				if sum += len(f.data); sum > n {
					t.Fatalf("%d bytes in a window of %d", sum, n)
				}
				got = append(got, f.data...)
			}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("got %x, want %x", got, want)
		}
		// SETTINGS may take a window below zero (RFC 9113 §6.9.2).
		_ = p.WriteWindowUpdate(1, 100)
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 50})
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		_ = p.WriteData(1, true, make([]byte, 100))
		for n := 0; n < 100; {
			n += len(p.next(http2.FrameData).data)
		}
		if !p.next(http2.FrameData).end {
			t.Error("no END_STREAM")
		}
	})
}

// Streams that nobody reads do not hold up others, and memory stays bounded.
func TestUnread(t *testing.T) {
	serve(t, func(s *Stream) {
		if s.id != 1 {
			defer s.Close()
			s.c.mu.Lock()
			defer s.c.mu.Unlock()
			for s.err == nil {
				s.readable.Wait()
			}
			return
		}
		echo(s)
	}, func(t *testing.T, c *Conn, p *peer) {
		_ = p.request(1)
		window := int64(connWindow)
		send := func(id uint32) bool {
			if window < maxFrame {
				return false
			}
			window -= maxFrame
			_ = p.WriteData(id, false, make([]byte, maxFrame))
			synctest.Wait()
			for len(p.frames) > 0 {
				if f := <-p.frames; f.typ == http2.FrameWindowUpdate && f.id == 0 {
					window += int64(f.incr)
				}
			}
			return true
		}
		widened := false // by the first update
		for !widened {
			widened = (<-p.frames).typ == http2.FrameWindowUpdate
		}
		for i := range uint32(20) {
			_ = p.request(2*i + 3)
			for range streamWindow / maxFrame {
				if !send(2*i + 3) {
					t.Fatalf("no window left after %d streams that nobody reads", i)
				}
			}
		}
		if !send(1) {
			t.Error("no window left for a stream that is read")
		}
		for i := uint32(20); send(2*i + 3); i++ {
			_ = p.request(2*i + 3)
			if i > MaxStreams {
				t.Fatal("the window stays open whatever is unread")
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.unread > maxUnread+connWindow+streamWindow {
			t.Errorf("%d bytes unread", c.unread)
		}
	})
}

// Deadlines end calls, and can be taken back.
func TestDeadlines(t *testing.T) {
	results := make(chan error, 10)
	serve(t, func(s *Stream) {
		defer s.Close()
		b := make([]byte, 10)
		_ = s.SetReadDeadline(time.Now().Add(time.Second))
		_, err := s.Read(b)
		results <- err
		_ = s.SetReadDeadline(time.Time{})
		_, err = s.Read(b)
		results <- err
		_ = s.SetWriteDeadline(time.Now().Add(time.Second))
		_, err = s.Write(make([]byte, defaultWindow+1))
		results <- err
		_ = s.SetWriteDeadline(time.Now().Add(-time.Second))
		_, err = s.Write(b)
		results <- err
		_ = s.Close()
		_, err = s.Read(b)
		results <- err
		results <- s.SetDeadline(time.Time{})
	}, func(t *testing.T, _ *Conn, p *peer) {
		_ = p.request(1)
		time.Sleep(2 * time.Second) // of the bubble
		_ = p.WriteData(1, false, []byte("x"))
		if got := p.next(http2.FrameRSTStream); got.code != http2.ErrCodeCancel {
			t.Errorf("reset with %v", got.code)
		}
		synctest.Wait()
		for i, want := range []string{"timeout", "", "timeout", "timeout", "closed", "closed"} {
			err := <-results
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("call %d: %v, want %q", i, err, want)
			}
		}
	})
}

// A server that shuts down takes no more streams, and ends after the last.
func TestShutdown(t *testing.T) {
	serve(t, echo, func(t *testing.T, c *Conn, p *peer) {
		_ = p.request(1)
		p.next(http2.FrameHeaders)
		c.Shutdown()
		if f := p.next(http2.FrameGoAway); f.code != http2.ErrCodeNo {
			t.Errorf("GOAWAY with %v", f.code)
		}
		_ = p.request(3)
		_ = p.WriteData(1, true, []byte("x"))
		if f := p.next(http2.FrameData, http2.FrameHeaders); f.id != 1 || string(f.data) != "x" {
			t.Errorf("after GOAWAY: %+v", f)
		}
		p.next(http2.FrameGoAway)
	})
}

// A connection without a stream ends.
func TestIdle(t *testing.T) {
	serve(t, echo, func(t *testing.T, _ *Conn, p *peer) {
		start := time.Now()
		p.next(http2.FrameGoAway)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("ended after %v, want 1m", took)
		}
	})
}

// Errors of a connection reach its streams.
func TestConnectionLost(t *testing.T) {
	var got error
	serve(t, func(s *Stream) {
		defer s.Close()
		_, got = s.Read(make([]byte, 1))
	}, func(_ *testing.T, _ *Conn, p *peer) {
		_ = p.request(1)
		p.next(http2.FrameHeaders)
	})
	if got == nil || !errors.Is(got, io.ErrUnexpectedEOF) {
		t.Errorf("read: %v, want an unexpected EOF", got)
	}
}
