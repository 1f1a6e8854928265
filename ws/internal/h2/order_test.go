package h2

import (
	"bytes"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A short write goes out ahead of what other streams have queued, once the connection
// below takes more, and in order with what its own stream has queued.
func TestShortWriteOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		start := make(chan struct{})
		c := NewServer(far, nil, Config{MaxHeaderBytes: 1 << 10, Handler: func(s *Stream) func() {
			_ = s.Respond([]hpack.HeaderField{{Name: ":status", Value: "200"}}, nil, false)
			return func() {
				<-start
				switch s.id {
				case 7:
					time.Sleep(time.Second) // of the bubble: the others wait by then
					_, _ = s.Write([]byte("short"))
				case 9:
					_, _ = s.Write(bytes.Repeat([]byte("9"), 1000))
					_, _ = s.Write([]byte("behind"))
				default:
					_, _ = s.Write(make([]byte, 300<<10))
				}
			}
		}})
		served := make(chan struct{})
		go func() {
			defer close(served)
			c.Serve()
		}()
		fr := http2.NewFramer(near, near)
		_, _ = io.WriteString(near, http2.ClientPreface)
		frames := make(chan http2.Frame)
		read := make(chan struct{}, 1) // a token for each frame
		go func() {
			defer close(frames)
			for range read {
				f, err := fr.ReadFrame()
				if err != nil {
					return
				}
				frames <- f
			}
		}()
		next := func() http2.Frame {
			read <- struct{}{}
			return <-frames
		}
		next() // SETTINGS
		next() // WINDOW_UPDATE
		go func() {
			_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20}, http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 16})
			_ = fr.WriteWindowUpdate(0, 10<<20)
			enc := new(bytes.Buffer)
			h := hpack.NewEncoder(enc)
			for id := uint32(1); id <= 9; id += 2 {
				enc.Reset()
				_ = h.WriteField(hpack.HeaderField{Name: ":method", Value: "GET"})
				_ = h.WriteField(hpack.HeaderField{Name: ":scheme", Value: "http"})
				_ = h.WriteField(hpack.HeaderField{Name: ":path", Value: "/"})
				_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, BlockFragment: enc.Bytes()})
			}
		}()
		for answered := 0; answered < 5; {
			if _, ok := next().(*http2.HeadersFrame); ok {
				answered++
			}
		}
		close(start)
		time.Sleep(time.Minute) // all of them wait for us
		before, nine := 0, 0
		for seen := 0; seen < 2; {
			f, ok := next().(*http2.DataFrame)
			if !ok {
				continue
			}
			switch {
			case f.StreamID == 7:
				seen++
				// What had been handed to the connection below before is ahead.
				if before > maxPending {
					t.Errorf("the short write came after %d bytes of others", before)
				}
			case f.StreamID == 9 && f.Length == 6:
				seen++
				if nine != 1000 {
					t.Errorf("a short write came after %d bytes of its own stream, want 1000", nine)
				}
			case f.StreamID == 9:
				nine += int(f.Length)
			default:
				before += int(f.Length)
			}
		}
		c.Close()
		near.Close()
		close(read)
		for range frames {
		}
		<-served
	})
}

// A short write takes what the peer opens of the connection's window before long ones do.
func TestShortWriteTakesTheWindow(t *testing.T) {
	const long = 8
	serve(t, func(s *Stream) {
		if s.id <= 2*long {
			_, _ = s.Write(make([]byte, 100<<10))
			return
		}
		_, _ = s.Write([]byte("short"))
	}, func(t *testing.T, c *Conn, p *peer) {
		_ = p.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 20})
		for i := range uint32(long) {
			_ = p.request(2*i + 1)
		}
		synctest.Wait()
		for got := 0; got < defaultWindow; {
			got += len(p.next(http2.FrameData).data)
		}
		for i := range uint32(5) {
			id := 2*(long+i) + 1
			_ = p.request(id)
			synctest.Wait()
			_ = p.WriteWindowUpdate(0, 1000)
			if f := p.next(http2.FrameData); f.id != id || string(f.data) != "short" {
				t.Errorf("got %d bytes of stream %d, want the short write of %d first", len(f.data), f.id, id)
				break
			}
			for got := 5; got < 1000; {
				got += len(p.next(http2.FrameData).data)
			}
		}
		c.Close()
	})
}
