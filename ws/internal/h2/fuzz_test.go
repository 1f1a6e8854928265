package h2

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// A stub is a connection that has sent all it will, and takes everything.
type stub struct {
	net.Conn
	in *bytes.Reader
}

func (s *stub) Read(p []byte) (int, error)       { return s.in.Read(p) }
func (s *stub) Write(p []byte) (int, error)      { return len(p), nil }
func (s *stub) Close() error                     { return nil }
func (s *stub) SetReadDeadline(time.Time) error  { return nil }
func (s *stub) SetWriteDeadline(time.Time) error { return nil }

// Whatever a client sends, the connection ends with it, its handlers too, and no byte is
// counted that is not there.
func FuzzServe(f *testing.F) {
	seed := func(write func(fr *http2.Framer)) {
		var b bytes.Buffer
		write(http2.NewFramer(&b, nil))
		f.Add(b.Bytes())
	}
	seed(func(fr *http2.Framer) {
		_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1})
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndHeaders: true, BlockFragment: block(":method", "CONNECT", ":protocol", "websocket")})
		_ = fr.WriteDataPadded(1, false, []byte("hello"), make([]byte, 3))
		_ = fr.WriteWindowUpdate(1, 100)
		_ = fr.WriteData(1, true, nil)
	})
	seed(func(fr *http2.Framer) {
		_ = fr.WriteSettings()
		_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block("a", "b")})
		_ = fr.WriteContinuation(1, true, block("c", "d"))
		_ = fr.WriteRSTStream(1, http2.ErrCodeCancel)
		_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
		_ = fr.WritePing(false, [8]byte{})
	})
	f.Fuzz(func(t *testing.T, p []byte) {
		c := NewServer(&stub{in: bytes.NewReader(p)}, []byte(http2.ClientPreface), Config{
			MaxHeaderBytes: 1 << 10,
			Handler: func(s *Stream) func() {
				defer s.Close()
				if s.Respond([]hpack.HeaderField{{Name: ":status", Value: "200"}}, nil, false) == nil {
					_, _ = io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{s})
				}
				return nil
			},
		})
		c.Serve()
		if c.unread != 0 || c.handlers != 0 || len(c.streams) != 0 {
			t.Errorf("%d bytes, %d handlers, %d streams left", c.unread, c.handlers, len(c.streams))
		}
	})
}
