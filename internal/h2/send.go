package h2

import (
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// write calls f, which writes frames, and flushes.
func (c *Conn) write(f func()) error {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	f()
	return c.flush()
}

func (c *Conn) flush() error {
	c.nc.SetWriteDeadline(time.Now().Add(writeBound)) //nolint:errcheck // a broken connection shows at once
	return c.bw.Flush()
}

// settings writes a SETTINGS frame and heeds it.
func (c *Conn) settings(list []http2.Setting) {
	c.fr.WriteSettings(list...) //nolint:errcheck // flush tells
	c.mu.Lock()
	for _, s := range list {
		if s.ID == http2.SettingInitialWindowSize {
			for _, stream := range c.streams {
				stream.recvWin += int64(s.Val) - c.ours
			}
			c.ours = int64(s.Val)
		}
	}
	c.mu.Unlock()
	c.tell(Frame{Out: true, Type: http2.FrameSettings, Len: 6 * len(list), Settings: list})
}

// Settings sends a SETTINGS frame.
func (c *Conn) Settings(list ...http2.Setting) error {
	return c.write(func() { c.settings(list) })
}

// Grant opens the window of a stream, or of the connection where id is 0.
func (c *Conn) Grant(id, n uint32) error { return c.write(func() { c.grant(id, n) }) }

func (c *Conn) grant(id, n uint32) {
	c.mu.Lock()
	if s := c.streams[id]; s != nil {
		s.recvWin += int64(n)
	} else if id == 0 {
		c.recvWin += int64(n)
	}
	c.mu.Unlock()
	c.fr.WriteWindowUpdate(id, n) //nolint:errcheck // flush tells
	c.tell(Frame{Out: true, Type: http2.FrameWindowUpdate, Stream: id, Len: 4, Value: n})
}

// Reset sends RST_STREAM.
func (s *Stream) Reset(code http2.ErrCode) error {
	s.c.mu.Lock()
	s.outEnd = true
	s.c.mu.Unlock()
	return s.c.write(func() { s.c.rst(s.ID, code) })
}

func (c *Conn) rst(id uint32, code http2.ErrCode) {
	c.fr.WriteRSTStream(id, code) //nolint:errcheck // flush tells
	c.tell(Frame{Out: true, Type: http2.FrameRSTStream, Stream: id, Len: 4, Code: code})
}

// GoAway sends GOAWAY.
func (c *Conn) GoAway(last uint32, code http2.ErrCode) error {
	return c.write(func() {
		c.fr.WriteGoAway(last, code, nil) //nolint:errcheck // flush tells
		c.tell(Frame{Out: true, Type: http2.FrameGoAway, Len: 8, Value: last, Code: code})
	})
}

// Ping sends PING.
func (c *Conn) Ping(data [8]byte) error {
	return c.write(func() {
		c.fr.WritePing(false, data) //nolint:errcheck // flush tells
		c.tell(Frame{Out: true, Type: http2.FramePing, Len: 8, Payload: data[:]})
	})
}

// Raw sends a frame as it is.
func (c *Conn) Raw(t http2.FrameType, flags http2.Flags, id uint32, payload []byte) error {
	return c.write(func() {
		c.fr.WriteRawFrame(t, flags, id, payload) //nolint:errcheck // flush tells
		c.tell(Frame{Out: true, Type: t, Flags: flags, Stream: id, Len: len(payload), Data: len(payload), Payload: payload})
	})
}

// A HeadersForm says how a header block is sent. The zero value is one HEADERS frame.
type HeadersForm struct {
	End   bool  // END_STREAM
	Pad   uint8 // bytes of padding
	Split int   // bytes of the block in each frame; 0 means all in one
	Empty int   // so many empty CONTINUATION frames behind it
}

// Headers sends fields as they are.
func (s *Stream) Headers(fields []hpack.HeaderField, form HeadersForm) error {
	c := s.c
	if form.End {
		c.mu.Lock()
		s.outEnd = true
		c.mu.Unlock()
	}
	return c.write(func() {
		c.block.Reset()
		for _, f := range fields {
			c.enc.WriteField(f) //nolint:errcheck // a buffer takes all
		}
		block := c.block.Bytes()
		next := func() []byte {
			n := len(block)
			if form.Split > 0 {
				n = min(n, form.Split)
			}
			n = min(n, frameSize-256)
			piece := block[:n]
			block = block[n:]
			return piece
		}
		first := next()
		last := len(block) == 0 && form.Empty == 0
		c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: s.ID, BlockFragment: first, EndStream: form.End, EndHeaders: last, PadLength: form.Pad}) //nolint:errcheck // flush tells
		note := Frame{Out: true, Type: http2.FrameHeaders, Stream: s.ID, Len: len(first)}
		if form.End {
			note.Flags |= http2.FlagHeadersEndStream
		}
		for !last {
			c.tell(note)
			piece := next()
			if len(piece) == 0 {
				form.Empty--
			}
			last = len(block) == 0 && form.Empty <= 0
			c.fr.WriteContinuation(s.ID, last, piece) //nolint:errcheck // flush tells
			note = Frame{Out: true, Type: http2.FrameContinuation, Stream: s.ID, Len: len(piece)}
		}
		note.Fields = fields
		c.tell(note)
	})
}

// Data sends a DATA frame as it is, whatever the windows say. A negative pad is none.
func (s *Stream) Data(p []byte, pad int, end bool) error {
	c := s.c
	c.mu.Lock()
	size := int64(len(p))
	if pad >= 0 {
		size += int64(pad) + 1
	}
	s.sendWin -= size
	c.sendWin -= size
	s.outEnd = s.outEnd || end
	c.mu.Unlock()
	return c.write(func() {
		if pad >= 0 {
			c.fr.WriteDataPadded(s.ID, end, p, make([]byte, pad)) //nolint:errcheck // flush tells
		} else {
			c.fr.WriteData(s.ID, end, p) //nolint:errcheck // flush tells
		}
		c.sentData(s.ID, p, int(size)-len(p), end)
	})
}

// sentData tells of a DATA frame of ours.
func (c *Conn) sentData(id uint32, p []byte, pad int, end bool) {
	f := Frame{Out: true, Type: http2.FrameData, Stream: id, Data: len(p), Len: len(p) + pad, Padded: pad > 0}
	if end {
		f.Flags |= http2.FlagDataEndStream
	}
	c.tell(f)
}
