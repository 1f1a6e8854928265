package native

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/h2"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// frame takes a frame of HTTP/2 of either end.
func (s *rehearsed) frame(f h2.Frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Type != http2.FrameData || f.Padded || f.EndStream() || f.Data == 0 || s.it.HTTP2.Manual {
		s.log(entryOf(f))
	}
	if f.Out {
		return
	}
	for _, e := range offencesOf(f) {
		s.record(nil, e)
	}
	one := s.ids[int64(f.Stream)]
	switch {
	case f.Type == http2.FrameSettings && !f.Ack():
		words := make([]string, len(f.Settings))
		for i, set := range f.Settings {
			words[i] = fmt.Sprintf("%s = %d", set.ID, set.Val)
		}
		s.record(nil, transcript.Event{Kind: transcript.GotSettings, Data: transcript.Octet(strings.Join(words, ", "))})
	case f.Type == http2.FramePing && f.Ack():
		s.record(nil, transcript.Event{Kind: transcript.GotAck})
	case f.Type == http2.FrameData && f.Left <= 0 && s.it.HTTP2.Manual:
		s.record(nil, transcript.Event{Kind: transcript.GotFull})
	case f.Type == http2.FrameGoAway:
		s.record(nil, transcript.Event{Kind: transcript.GotGoAway, Data: transcript.Octet(f.Code.String())})
	case one == nil:
	case f.Type == http2.FrameRSTStream:
		s.record(one, transcript.Event{Kind: transcript.GotReset, Data: transcript.Octet(f.Code.String())})
	case f.Fields != nil:
		s.head(one, f.Fields)
	}
	if one != nil && f.EndStream() {
		s.end(one)
	}
}

// end records the end of the peer's direction of a stream.
func (s *rehearsed) end(one *rehearsedStream) {
	if one.ended {
		return
	}
	one.ended = true
	if !one.opened && one.body > 0 {
		s.record(one, transcript.Event{Kind: transcript.GotBody, Len: one.body})
	}
	s.record(one, transcript.Event{Kind: transcript.GotEnd})
}

// head takes the head of a response.
func (s *rehearsed) head(one *rehearsedStream, fields []hpack.HeaderField) {
	status, err := strconv.Atoi(h2.Value(fields, ":status"))
	switch {
	case err != nil, one.opened: // trailers
		return
	case interim(status):
		return
	}
	one.t.Response = bounded(responseText(s.l.version(), fields))
	asked := wire.ParseHead(one.t.Request)
	if one.opened = status >= 200 && status <= 299 && strings.HasPrefix(asked.Start(), "CONNECT "); one.opened {
		one.t.Opened = true
		s.extended(one)
	}
	s.record(one, transcript.Event{Kind: transcript.GotAnswer, Status: status})
}

// extended takes over the extension that was agreed on, if any.
func (s *rehearsed) extended(one *rehearsedStream) {
	value, ok := wire.ParseHead(one.t.Response).One("sec-websocket-extensions")
	if ok && strings.HasPrefix(strings.TrimSpace(value), "permessage-deflate") {
		one.in.Framing.Deflate = true
		one.t.Deflate = true
	}
}

// data takes bytes of a stream.
func (s *rehearsed) data(one *rehearsedStream, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !one.opened {
		one.body += len(p)
		return
	}
	p = bytes.Clone(p) // it is unmasked in place
	for {
		t, n := one.in.Next(p)
		p = p[n:]
		for _, o := range t.Offences {
			s.record(one, transcript.Event{Kind: transcript.GotOffence, Section: o.Section, Len: len(o.Words), Data: transcript.Octet(o.Words)})
		}
		switch t.Kind {
		case wire.NeedMore:
			return
		case wire.FrameBegin:
			one.in.header, one.in.head = t.Header, one.in.head[:0]
			if t.Header.Opcode.Control() {
				one.in.control = one.in.control[:0]
			} else if !one.in.underway {
				one.in.underway = true
				one.in.body.reset()
			}
		case wire.FrameData:
			one.in.head = appendBound(one.in.head, t.Data, transcript.HeadSize)
			if t.Header.Opcode.Control() {
				one.in.control = appendBound(one.in.control, t.Data, controlBound)
				break
			}
			one.in.body.length += len(t.Data)
			one.in.body.digest(t.Data)
			if one.in.Compressed && len(one.in.body.all)+len(t.Data) <= messageBound {
				one.in.body.all = append(one.in.body.all, t.Data...)
			}
		case wire.FrameEnd:
			s.frameEnd(one, t)
		}
	}
}

// frameEnd takes a whole frame of WebSocket.
func (s *rehearsed) frameEnd(one *rehearsedStream, t wire.Token) {
	e := received(t.Header)
	e.Data = bytes.Clone(one.in.head)
	s.log(e)
	e.At = time.Since(s.start)
	if len(one.t.Log) < mostEntries {
		one.t.Log = append(one.t.Log, e)
	}
	control := bytes.Clone(one.in.control)
	switch op := t.Header.Opcode; {
	case op == wsproto.OpClose:
		one.t.RemoteClose = true
		e := transcript.Event{Kind: transcript.GotClose, Len: len(control)}
		if len(control) >= 2 {
			e.Code, e.Data = wsproto.StatusCode(uint16(control[0])<<8|uint16(control[1])), control[2:]
		}
		one.t.RemoteCode, one.t.Clean = e.Code, one.closed
		s.record(one, e)
		if !one.closed && !s.it.Unanswered {
			s.replies = append(s.replies, func() { s.answer(one, wsproto.OpClose, normalClose.Body()) })
		}
	case op == wsproto.OpPing:
		s.record(one, transcript.Event{Kind: transcript.GotPing, Len: len(control), Data: control})
		if len(s.replies) < mostEvents {
			s.replies = append(s.replies, func() { s.answer(one, wsproto.OpPong, control) })
		}
	case op == wsproto.OpPong:
		one.t.Pongs++
		s.record(one, transcript.Event{Kind: transcript.GotPong, Len: len(control), Data: control})
	case op.Control():
	case t.MessageEnd:
		one.in.underway = false
		one.t.Messages++
		if one.in.Compressed {
			inflater := wire.Inflater{Bits: 15}
			plain, err := inflater.Message(nil, one.in.body.all, messageBound)
			if err != nil {
				s.record(one, transcript.Event{Kind: transcript.GotOffence, Section: "RFC 7692 7.2.2", Data: transcript.Octet("a message cannot be inflated")})
				return
			}
			one.in.body.reset()
			one.in.body.length = len(plain)
			one.in.body.digest(plain)
		}
		s.record(one, one.in.body.event(one.in.Binary))
	}
}

// answer sends a control frame of our own accord.
func (s *rehearsed) answer(one *rehearsedStream, op wsproto.Opcode, payload []byte) {
	s.mu.Lock()
	done := one.closed
	s.mu.Unlock()
	if done {
		return
	}
	w := cases.WriteOp{Header: wsproto.Header{Fin: true, Opcode: op}, Payload: cases.Data(payload)}
	s.carry(one, cases.HTTP2Op{Frames: []cases.WriteOp{w}, End: op == wsproto.OpClose && s.t.Role == cases.Server})
}
