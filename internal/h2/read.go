package h2

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// protocolError says that the peer's bytes are no HTTP/2 that can be read on.
type protocolError string

func (e protocolError) Error() string { return "HTTP/2: " + string(e) }

// read reads frames until the connection ends.
func (c *Conn) read() {
	defer close(c.done)
	br := bufio.NewReaderSize(c.nc, 64<<10)
	err := c.preface(br)
	if err == nil {
		err = c.frames(br)
	}
	if _, ours := errors.AsType[protocolError](err); ours {
		c.nc.Close()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.cond.Broadcast()
}

// preface reads the one of a client.
func (c *Conn) preface(br *bufio.Reader) error {
	if !c.o.Server {
		return nil
	}
	var got [len(http2.ClientPreface)]byte
	if _, err := io.ReadFull(br, got[:]); err != nil {
		return err
	}
	if string(got[:]) != http2.ClientPreface {
		return protocolError("the preface is not that of HTTP/2")
	}
	return nil
}

func (c *Conn) frames(br *bufio.Reader) error {
	fr := http2.NewFramer(nil, br)
	fr.AllowIllegalReads = true
	fr.SetMaxReadFrameSize(1 << 20)
	fr.SetReuseFrames()
	head := &headers{dec: hpack.NewDecoder(4096, nil)}
	head.dec.SetMaxStringLength(blockBound)
	for {
		f, err := fr.ReadFrame()
		if err != nil {
			if detail := fr.ErrorDetail(); detail != nil {
				return protocolError(detail.Error())
			}
			if errors.Is(err, http2.ErrFrameTooLarge) {
				return protocolError("a frame is longer than 1 MiB")
			}
			return err
		}
		if err := c.frame(f, head); err != nil {
			return err
		}
	}
}

// frame takes one frame of the peer.
func (c *Conn) frame(f http2.Frame, head *headers) error {
	h := f.Header()
	note := Frame{Type: h.Type, Flags: h.Flags, Stream: h.StreamID, Len: int(h.Length)}
	if h.Length > frameSize {
		note.Offences = append(note.Offences, Offence{"RFC 9113 4.2", "a frame is longer than SETTINGS_MAX_FRAME_SIZE"})
	}
	if head.open != 0 && (h.Type != http2.FrameContinuation || h.StreamID != head.open) {
		c.tell(note)
		return protocolError("another frame comes inside a header block")
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		c.settingsFrame(f, &note)
	case *http2.PingFrame:
		note.Payload = bytes.Clone(f.Data[:])
		c.tell(note)
		if !f.IsAck() && !c.o.Mute {
			data := f.Data
			c.answer(func() { c.fr.WritePing(true, data) }) //nolint:errcheck // flush tells
		}
		return nil
	case *http2.WindowUpdateFrame:
		note.Value = f.Increment
		c.mu.Lock()
		window := &c.sendWin
		if h.StreamID != 0 {
			window = nil
			if s := c.streams[h.StreamID]; s != nil {
				window = &s.sendWin
			}
		}
		if window != nil {
			if *window += int64(f.Increment); *window > maxWindow {
				note.Offences = append(note.Offences, Offence{WindowOverflow, "a window is beyond 2^31-1"})
			}
		}
		c.cond.Broadcast()
		c.mu.Unlock()
	case *http2.DataFrame:
		return c.data(f, note)
	case *http2.HeadersFrame:
		return c.headers(head, note, f.HeaderBlockFragment(), f.StreamEnded(), f.HeadersEnded())
	case *http2.ContinuationFrame:
		if head.open == 0 {
			c.tell(note)
			return protocolError("CONTINUATION comes without a header block")
		}
		return c.headers(head, note, f.HeaderBlockFragment(), head.end, f.HeadersEnded())
	case *http2.RSTStreamFrame:
		note.Value, note.Code = uint32(f.ErrCode), f.ErrCode
		c.mu.Lock()
		if s := c.streams[h.StreamID]; s != nil {
			code := f.ErrCode
			s.reset = &code
			c.cond.Broadcast()
		} else {
			note.Offences = append(note.Offences, Offence{"RFC 9113 6.4", "RST_STREAM is for a stream that was never opened"})
		}
		c.mu.Unlock()
	case *http2.GoAwayFrame:
		note.Value, note.Code, note.Payload = f.LastStreamID, f.ErrCode, bytes.Clone(f.DebugData())
		c.mu.Lock()
		code := f.ErrCode
		c.goAway, c.lastID = &code, f.LastStreamID
		c.cond.Broadcast()
		c.mu.Unlock()
	}
	c.tell(note)
	return nil
}

// settingsFrame takes over what the peer wishes, and answers.
func (c *Conn) settingsFrame(f *http2.SettingsFrame, note *Frame) {
	if f.IsAck() {
		return
	}
	c.mu.Lock()
	table := int64(-1)
	for i := range f.NumSettings() {
		s := f.Setting(i)
		note.Settings = append(note.Settings, s)
		switch s.ID {
		case http2.SettingInitialWindowSize:
			for _, stream := range c.streams {
				if !c.o.Fixed {
					stream.sendWin += int64(s.Val) - c.initial
				}
			}
			c.initial = int64(s.Val)
		case http2.SettingMaxFrameSize:
			c.maxSend = int(min(max(s.Val, frameSize), 1<<20))
		case http2.SettingMaxConcurrentStreams:
			c.most = int64(s.Val)
		case http2.SettingEnableConnectProtocol:
			c.connect = s.Val == 1
		case http2.SettingHeaderTableSize:
			table = int64(s.Val)
		default: // it changes nothing for us
		}
	}
	c.greeted = true
	c.cond.Broadcast()
	c.mu.Unlock()
	if !c.o.Mute {
		c.answer(func() {
			if table >= 0 {
				c.enc.SetMaxDynamicTableSize(uint32(min(table, 4096)))
			}
			c.fr.WriteSettingsAck() //nolint:errcheck // flush tells
		})
	}
}

// data takes a piece of a stream.
func (c *Conn) data(f *http2.DataFrame, note Frame) error {
	h := f.Header()
	note.Data = len(f.Data())
	note.Padded = h.Flags.Has(http2.FlagDataPadded)
	c.mu.Lock()
	s := c.streams[h.StreamID]
	c.recvWin -= int64(h.Length)
	if c.recvWin < 0 {
		note.Offences = append(note.Offences, Offence{"RFC 9113 6.9", "DATA exceeds the window of the connection"})
	}
	var refund uint32 // of the stream's window: padding is never read
	if s == nil {
		note.Offences = append(note.Offences, Offence{"RFC 9113 5.1", "DATA is for a stream that is not open"})
	} else {
		s.recvWin -= int64(h.Length)
		bytes := f.Data()
		if c.o.Incoming != nil {
			bytes = c.o.Incoming(s, bytes, int(h.Length)-len(bytes))
		}
		if s.recvWin < 0 {
			note.Offences = append(note.Offences, Offence{"RFC 9113 6.9", "DATA exceeds the window of the stream"})
		}
		if s.inEnd {
			note.Offences = append(note.Offences, Offence{"RFC 9113 5.1", "DATA comes after END_STREAM"})
		}
		if s.keep {
			s.in = append(s.in, bytes...)
			refund = h.Length - uint32(len(f.Data()))
		} else {
			refund = h.Length
		}
		if s.take != nil {
			s.take(f.Data())
		}
		s.inEnd = s.inEnd || f.StreamEnded()
		if s.inEnd {
			refund = 0
		}
		if !c.o.Manual {
			s.recvWin += int64(refund)
		}
	}
	note.Left = c.recvWin
	if s != nil {
		note.Left = min(note.Left, s.recvWin)
	}
	over := c.recvWin < -connWindow || s != nil && s.recvWin < -2*streamWindow
	c.owed += int64(h.Length)
	var give uint32
	if !c.o.Manual && c.owed > connWindow/2 {
		give = uint32(c.owed)
		c.recvWin += c.owed
		c.owed = 0
	}
	if refund > 0 && !c.o.Manual {
		if s.due > 0 { // goes with what waits to be sent
			s.due += refund
			refund = 0
		} else {
			s.due = refund
		}
	}
	c.cond.Broadcast()
	c.mu.Unlock()
	c.tell(note)
	if over {
		return protocolError("the peer does not keep to the windows")
	}
	if c.o.Manual || give == 0 && refund == 0 {
		return nil
	}
	c.answer(func() {
		if give > 0 {
			c.fr.WriteWindowUpdate(0, give) //nolint:errcheck // flush tells
		}
		if refund > 0 {
			c.mu.Lock()
			n := s.due
			s.due = 0
			c.mu.Unlock()
			c.fr.WriteWindowUpdate(s.ID, n) //nolint:errcheck // flush tells
		}
	})
	return nil
}

// headers collects a header block.
type headers struct {
	dec   *hpack.Decoder
	open  uint32 // the stream of a block that goes on
	end   bool   // its HEADERS had END_STREAM
	block []byte
}

// headers takes a piece of a header block, and hands its fields on where it is the last one.
func (c *Conn) headers(head *headers, note Frame, piece []byte, end, last bool) error {
	head.block = append(head.block, piece...)
	head.open, head.end = note.Stream, end
	if len(head.block) > blockBound {
		c.tell(note)
		return protocolError("a header block is longer than 256 KiB")
	}
	if !last {
		c.tell(note)
		return nil
	}
	head.open = 0
	fields, err := head.decode()
	head.block = nil
	if err != nil {
		c.tell(note)
		return protocolError("a header block cannot be decoded: " + err.Error())
	}
	note.Fields = fields
	c.mu.Lock()
	s, opened := c.streams[note.Stream], false
	switch {
	case s != nil:
	case c.o.Server && note.Stream%2 == 1 && note.Stream > c.last && len(c.streams) < streamBound:
		s, opened = c.newStream(note.Stream), true
		c.last = note.Stream
	default:
		note.Offences = append(note.Offences, Offence{"RFC 9113 5.1", "HEADERS are for a stream that is not open"})
	}
	if s != nil {
		switch {
		case s.head == nil || s.interim():
			s.head = fields
		default:
			s.trailers = fields
			note.Trailers = true
		}
		s.inEnd = s.inEnd || end
	}
	c.cond.Broadcast()
	c.mu.Unlock()
	c.tell(note)
	if opened && c.o.Accept != nil {
		c.o.Accept(s)
	}
	return nil
}

// decode makes fields of the block.
func (h *headers) decode() ([]hpack.HeaderField, error) {
	var fields []hpack.HeaderField
	size := uint32(0)
	h.dec.SetEmitFunc(func(f hpack.HeaderField) {
		size += f.Size()
		if size <= blockBound {
			fields = append(fields, f)
		}
	})
	defer h.dec.SetEmitFunc(func(hpack.HeaderField) {})
	if _, err := h.dec.Write(h.block); err != nil {
		return nil, err
	}
	if err := h.dec.Close(); err != nil {
		return nil, err
	}
	if size > blockBound {
		return nil, fmt.Errorf("its fields measure %d bytes", size)
	}
	return fields, nil
}
