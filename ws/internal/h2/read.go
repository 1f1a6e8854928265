package h2

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// read is the loop that reads frames, until the connection has ended.
func (c *Conn) read() {
	defer close(c.done)
	c.framer = http2.NewFramer(nil, (*frameReader)(c))
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(maxFrame)
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.framer.MaxHeaderListSize = c.config.MaxHeaderBytes
	for {
		c.begun = 0
		f, err := c.framer.ReadFrame()
		c.mu.Lock()
		c.frames++
		if c.err != nil {
			c.mu.Unlock()
			return
		}
		var se http2.StreamError
		switch {
		case errors.As(err, &se):
			err = c.streamError(se)
		case err == nil:
			err = c.frame(f)
		}
		if err != nil {
			c.end(readError(err))
		}
		c.unlock()
	}
}

// A frameReader is what the Framer reads from. It bounds the frames of one header block,
// of which those without content cost nothing that the Framer would count.
type frameReader Conn

func (c *frameReader) Read(p []byte) (int, error) {
	if len(p) == frameHeader {
		if c.begun++; c.begun > maxContinuations {
			return 0, http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
		}
	}
	return c.in.Read(p)
}

const (
	frameHeader      = 9
	maxContinuations = 1000
)

// readError is for what ends a connection.
func readError(err error) error {
	var ce http2.ConnectionError
	if errors.As(err, &ce) || errors.Is(err, http2.ErrFrameTooLarge) {
		return err
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read: %w", err)
}

// streamError resets a stream that broke a rule. One that is unknown counts as begun.
func (c *Conn) streamError(e http2.StreamError) error {
	if err := c.spend(1); err != nil {
		return err
	}
	if s := c.streams[e.StreamID]; s != nil {
		s.reset(e.Code)
		return nil
	}
	if !c.client() && e.StreamID%2 == 1 && e.StreamID > c.lastID {
		c.lastID = e.StreamID
	}
	c.resetID(e.StreamID, e.Code)
	return nil
}

// frame is what a frame does. An error ends the connection. It needs mu.
func (c *Conn) frame(f http2.Frame) error {
	if _, ok := f.(*http2.SettingsFrame); !ok && !c.settled {
		return http2.ConnectionError(http2.ErrCodeProtocol) // RFC 9113 §3.4
	}
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.MetaHeadersFrame:
		return c.headers(f)
	case *http2.SettingsFrame:
		return c.gotSettings(f)
	case *http2.WindowUpdateFrame:
		return c.windowUpdate(f)
	case *http2.RSTStreamFrame:
		return c.rstStream(f)
	case *http2.PingFrame:
		if !f.IsAck() {
			data := f.Data
			c.control(func(w *http2.Framer) error { return w.WritePing(true, data) })
		}
	case *http2.GoAwayFrame:
		c.goAway(f)
	case *http2.PushPromiseFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol) // a client's is illegal, a server's was declined
	}
	return c.spend(1) // ping, priority, unknown ones
}

// idleStream reports whether no stream of this number has begun.
func (c *Conn) idleStream(id uint32) bool {
	if id%2 == 1 != c.client() {
		return id > c.lastID
	}
	return id >= c.nextID
}

func (c *Conn) data(f *http2.DataFrame) error {
	n := int64(f.Length)
	if c.recvWindow -= n; c.recvWindow < 0 {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	c.credit += n
	p := f.Data()
	s := c.streams[f.StreamID]
	if s == nil {
		c.giveBack()
		if c.idleStream(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		if !c.hasReset(f.StreamID) {
			c.resetID(f.StreamID, http2.ErrCodeStreamClosed)
		}
		return c.spend(1)
	}
	switch {
	case s.remoteEnd:
		s.reset(http2.ErrCodeStreamClosed)
	case c.client() && !s.answered:
		s.reset(http2.ErrCodeProtocol) // RFC 9113 §8.1
	case s.recvWindow < n:
		s.reset(http2.ErrCodeFlowControl)
	default:
		s.recvWindow -= n
		s.received(p, n-int64(len(p)))
		if f.StreamEnded() {
			s.endRemote()
		}
	}
	c.giveBack()
	if len(p) > 0 {
		c.calm.refund()
		return nil
	}
	if f.StreamEnded() {
		return nil
	}
	return c.spend(1)
}

// giveBack returns what arrived to the connection's window, unless too much of it is
// unread.
func (c *Conn) giveBack() {
	if c.credit < connWindow/2 || c.unread > maxUnread {
		return
	}
	n := c.credit
	c.credit = 0
	c.recvWindow += n
	c.control(func(w *http2.Framer) error { return w.WriteWindowUpdate(0, uint32(n)) })
}

func (c *Conn) headers(f *http2.MetaHeadersFrame) error {
	id := f.StreamID
	s := c.streams[id]
	switch {
	case s != nil:
		return s.headers(f)
	case id%2 == 1 == c.client() || c.client():
		if c.idleStream(id) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return c.spend(1) // of a stream that is over
	case id <= c.lastID:
		if c.hasReset(id) {
			return c.spend(1)
		}
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	case c.leaving:
		return c.spend(1) // the GOAWAY says that we did not look at it
	}
	c.lastID = id
	if f.Truncated || len(c.streams) >= MaxStreams || c.handlers >= MaxStreams {
		code := http2.ErrCodeRefusedStream
		if f.Truncated {
			code = http2.ErrCodeEnhanceYourCalm
		}
		c.resetID(id, code)
		return c.spend(1)
	}
	s = c.newStream(id)
	s.fields = append([]hpack.HeaderField(nil), f.Fields...)
	s.connect = f.PseudoValue("method") == "CONNECT"
	if f.StreamEnded() {
		s.endRemote()
	}
	c.handlers++
	go c.handle(s)
	return nil
}

func (c *Conn) handle(s *Stream) {
	then := c.config.Handler(s)
	if then == nil {
		c.handled()
		return
	}
	go func() {
		defer c.handled()
		then()
	}()
}

func (c *Conn) handled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.handlers--
	c.changed.Broadcast()
}

func (c *Conn) gotSettings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return c.spend(1)
	}
	err := f.ForeachSetting(func(s http2.Setting) error {
		if err := s.Valid(); err != nil {
			return err
		}
		switch s.ID { //nolint:exhaustive // others say nothing to us
		case http2.SettingHeaderTableSize:
			c.encoder.SetMaxDynamicTableSizeLimit(min(s.Val, 4096))
		case http2.SettingEnablePush:
			if c.client() && s.Val != 0 {
				return http2.ConnectionError(http2.ErrCodeProtocol)
			}
		case http2.SettingMaxConcurrentStreams:
			c.peer.maxStreams = s.Val
		case http2.SettingInitialWindowSize:
			by := int64(s.Val) - c.peer.window
			c.peer.window = int64(s.Val)
			for _, st := range c.streams {
				if st.sendWindow += by; st.sendWindow > maxWindow {
					return http2.ConnectionError(http2.ErrCodeFlowControl)
				}
			}
		case http2.SettingMaxFrameSize:
			c.peer.maxFrame = s.Val
		case http2.SettingMaxHeaderListSize:
			c.peer.maxHeaders = s.Val
		case http2.SettingEnableConnectProtocol:
			if c.peer.connect && s.Val == 0 {
				return http2.ConnectionError(http2.ErrCodeProtocol) // RFC 8441 §3
			}
			c.peer.connect = s.Val == 1
		}
		return nil
	})
	if err != nil {
		return err
	}
	first := !c.settled
	c.settled = true
	c.control(func(w *http2.Framer) error { return w.WriteSettingsAck() })
	c.changed.Broadcast()
	if first {
		return nil
	}
	return c.spend(1)
}

// maxWindow is the largest there is (RFC 9113 §6.9.1).
const maxWindow = 1<<31 - 1

func (c *Conn) windowUpdate(f *http2.WindowUpdateFrame) error {
	if f.StreamID == 0 {
		if c.sendWindow += int64(f.Increment); c.sendWindow > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		c.changed.Broadcast()
		return nil
	}
	s := c.streams[f.StreamID]
	if s == nil {
		if c.idleStream(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return c.spend(1)
	}
	if s.sendWindow += int64(f.Increment); s.sendWindow > maxWindow {
		s.reset(http2.ErrCodeFlowControl)
	}
	c.changed.Broadcast()
	return nil
}

func (c *Conn) rstStream(f *http2.RSTStreamFrame) error {
	s := c.streams[f.StreamID]
	if s == nil {
		if c.idleStream(f.StreamID) {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		return c.spend(1)
	}
	err := error(&ResetError{Code: f.ErrCode})
	s.abort(err)
	c.forget(s)
	return c.spend(resetCost)
}

// goAway is for a client. A client's says nothing about its own streams.
func (c *Conn) goAway(f *http2.GoAwayFrame) {
	if !c.client() {
		return
	}
	c.leaving = true
	for id, s := range c.streams {
		if id > f.LastStreamID {
			s.abort(&ResetError{Code: http2.ErrCodeRefusedStream})
			c.forget(s)
		}
	}
	if len(c.streams) == 0 {
		c.end(errLeaving)
	}
	c.changed.Broadcast()
}

// A bucket bounds what a peer may do that costs us work and brings nothing: it holds
// burst tokens, and each refillTime another.
type bucket struct {
	used  int
	since time.Time
}

const (
	burst      = 2000
	refillTime = 5 * time.Millisecond
	resetCost  = 5 // a request, its handler and its end
)

// spend takes tokens for such a thing.
func (c *Conn) spend(n int) error {
	b := &c.calm
	now := time.Now()
	if b.used == 0 {
		b.since = now
	}
	if back := int(now.Sub(b.since) / refillTime); back > 0 {
		b.used = max(b.used-back, 0)
		b.since = now
	}
	if b.used += n; b.used > burst {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	return nil
}

// refund is for something that brings data.
func (b *bucket) refund() { b.used = max(b.used-1, 0) }
