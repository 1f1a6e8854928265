package ws_test

import (
	"bytes"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// An http2Peer is the far end of an HTTP/2 connection, frame by frame.
type http2Peer struct {
	*http2.Framer
	t      testing.TB
	nc     net.Conn
	frames chan http2Frame // closed with the connection
	block  bytes.Buffer
	enc    *hpack.Encoder
}

// An http2Frame is what a frame said.
type http2Frame struct {
	typ      http2.FrameType
	id       uint32
	end      bool // END_STREAM
	ack      bool
	fields   map[string]string
	settings map[http2.SettingID]uint32
	data     []byte
	code     http2.ErrCode // of RST_STREAM and GOAWAY
	last     uint32        // of GOAWAY
	incr     uint32
}

// newHTTP2Peer takes up a connection. As a client it sends the preface.
func newHTTP2Peer(t testing.TB, nc net.Conn, client bool) *http2Peer {
	t.Helper()
	p := &http2Peer{t: t, nc: nc, frames: make(chan http2Frame, 10_000), Framer: http2.NewFramer(nc, nc)}
	p.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	p.AllowIllegalWrites = true
	p.enc = hpack.NewEncoder(&p.block)
	go func() {
		defer close(p.frames)
		if !client {
			if _, err := io.ReadFull(nc, make([]byte, len(http2.ClientPreface))); err != nil {
				return
			}
		}
		for {
			f, err := p.ReadFrame()
			if err != nil {
				return
			}
			p.frames <- copyHTTP2(f)
		}
	}()
	t.Cleanup(func() {
		nc.Close()
		for range p.frames { // which its reader closes
		}
	})
	if client {
		p.write(func() error { _, err := io.WriteString(nc, http2.ClientPreface); return err })
	}
	return p
}

func copyHTTP2(f http2.Frame) http2Frame {
	got := http2Frame{typ: f.Header().Type, id: f.Header().StreamID}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		got.ack, got.settings = f.IsAck(), make(map[http2.SettingID]uint32)
		_ = f.ForeachSetting(func(s http2.Setting) error { got.settings[s.ID] = s.Val; return nil })
	case *http2.MetaHeadersFrame:
		got.end, got.fields = f.StreamEnded(), make(map[string]string)
		for _, h := range f.Fields {
			got.fields[h.Name] = h.Value
		}
	case *http2.DataFrame:
		got.end, got.data = f.StreamEnded(), bytes.Clone(f.Data())
	case *http2.RSTStreamFrame:
		got.code = f.ErrCode
	case *http2.GoAwayFrame:
		got.code, got.last = f.ErrCode, f.LastStreamID
	case *http2.PingFrame:
		got.ack = f.IsAck()
	case *http2.WindowUpdateFrame:
		got.incr = f.Increment
	}
	return got
}

func (p *http2Peer) write(f func() error) {
	p.t.Helper()
	if err := f(); err != nil {
		p.t.Errorf("write: %v", err)
	}
}

// headers sends a header block of names and values.
func (p *http2Peer) headers(id uint32, end bool, fields ...string) {
	p.t.Helper()
	p.write(func() error {
		return p.WriteHeaders(http2.HeadersFrameParam{StreamID: id, EndHeaders: true, EndStream: end, BlockFragment: p.encode(fields...)})
	})
}

func (p *http2Peer) encode(fields ...string) []byte {
	p.block.Reset()
	for i := 0; i < len(fields); i += 2 {
		_ = p.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return p.block.Bytes()
}

// connect asks for a WebSocket, with further fields.
func (p *http2Peer) connect(id uint32, more ...string) {
	p.t.Helper()
	p.headers(id, false, append([]string{
		":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/chat", ":authority", "pipe",
		"sec-websocket-version", "13",
	}, more...)...)
}

// send sends a frame of WebSocket in one DATA frame.
func (p *http2Peer) send(id uint32, f wsproto.Frame) {
	p.t.Helper()
	f.Masked, f.MaskKey = true, [4]byte{1, 2, 3, 4}
	p.write(func() error { return p.WriteData(id, false, wsproto.AppendFrame(nil, f)) })
}

// next is the next frame of a kind.
func (p *http2Peer) next(want ...http2.FrameType) http2Frame {
	p.t.Helper()
	bound := time.After(20 * time.Second)
	for {
		select {
		case f, ok := <-p.frames:
			if !ok {
				p.t.Fatalf("connection ended before %v", want)
			}
			if slices.Contains(want, f.typ) {
				return f
			}
		case <-bound:
			p.t.Fatalf("no %v", want)
		}
	}
}

// data reads DATA of a stream until n bytes have come, or its end.
func (p *http2Peer) data(id uint32, n int) (got []byte, end bool) {
	p.t.Helper()
	for len(got) < n || n < 0 {
		f := p.next(http2.FrameData, http2.FrameRSTStream)
		if f.typ == http2.FrameRSTStream {
			p.t.Fatalf("stream %d reset with %v", f.id, f.code)
		}
		if f.id != id {
			p.t.Fatalf("DATA for stream %d, want %d", f.id, id)
		}
		got = append(got, f.data...)
		if f.end {
			return got, true
		}
	}
	return got, false
}
