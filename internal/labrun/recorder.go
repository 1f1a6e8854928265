// Package labrun records what a raw script does as the result of a case, so that the page, the
// reports and assistants show it like any other. Start at [Recorder].
package labrun

import (
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wsconform/wsconform/internal/rawscript"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// Bounds of a record, whatever the peer sends.
const (
	maxLog     = 2000     // entries of a connection
	maxHeads   = 64 << 10 // bytes of all heads in one direction
	maxMessage = 64 << 10 // bytes of a message, compressed or not
)

// A Recorder keeps what happens on the connections of a script. Its methods may be called
// from several goroutines.
type Recorder struct {
	// Server says that the script plays the server: the peer is a client.
	Server bool

	mu    sync.Mutex
	conns []*conn // by number
}

// A conn is the record of one connection.
type conn struct {
	t       transcript.Transcript
	opened  time.Time // zero until the handshake is through
	begun   time.Time // of the first event
	message []byte    // received so far, as far as it is kept
	length  int       // of the message so far
	binary  bool
	deflate bool // the message is compressed
	inflate *wire.Inflater
	data    map[int][]byte // of received frames, by entry of the log
	answers []transcript.Event
	ends    []transcript.Event
}

// connection returns the n-th, from 1. r.mu is held.
func (r *Recorder) connection(n int) *conn {
	for len(r.conns) < n {
		c := &conn{data: map[int][]byte{}}
		if r.Server {
			c.t.Role = transcript.Client
		}
		r.conns = append(r.conns, c)
	}
	return r.conns[n-1]
}

// Hear takes an event of the n-th connection, from 1.
func (r *Recorder) Hear(n int, e rawscript.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.connection(n)
	if c.begun.IsZero() {
		c.begun, c.t.Started = e.Time, e.Time
	}
	c.t.Duration = e.Time.Sub(cmpTime(c.opened, c.begun))
	switch e.Kind {
	case rawscript.EventHead:
		c.head(r.Server, e)
	case rawscript.EventFrame:
		c.frame(e)
	case rawscript.EventBytes:
		c.log(transcript.Entry{Kind: transcript.LogOctets, Dir: direction(e.Sent), Len: len(e.Data), Data: head(e.Data)}, e.Time)
		if !e.Sent {
			c.ends = append(c.ends, transcript.Event{Kind: transcript.GotBody, Len: len(e.Data), Data: head(e.Data), At: c.since(e.Time)})
		}
	case rawscript.EventEnd:
		c.end(e)
	}
}

// Played notes a step that sends nothing, or that failed.
func (r *Recorder) Played(n int, s rawscript.Step, err error) {
	words := ""
	switch s := s.(type) {
	case rawscript.End:
		words = s.String()
	case rawscript.Edit, rawscript.Open, rawscript.Frame, rawscript.Bytes, rawscript.Connection:
	default: // a wait
		words = s.String()
	}
	if err != nil {
		words = err.Error()
		if refused, ok := errors.AsType[*rawscript.RefusedError](err); ok {
			words = refused.Error()
		}
	}
	if words == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.connection(n)
	c.log(transcript.Entry{Kind: transcript.LogNote, Note: words}, time.Now())
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func (c *conn) since(t time.Time) time.Duration {
	return max(0, t.Sub(cmpTime(c.opened, cmpTime(c.begun, t))))
}

func (c *conn) log(e transcript.Entry, at time.Time) {
	if len(c.t.Log) >= maxLog {
		c.t.LogLost++
		return
	}
	e.At = c.since(at)
	c.t.Log = append(c.t.Log, e)
}

func direction(sent bool) transcript.Direction {
	if sent {
		return transcript.Out
	}
	return transcript.In
}

// head is what a transcript keeps of a payload.
func head(p []byte) transcript.Octet { return p[:min(len(p), transcript.HeadSize)] }

// head takes the head of a request or a response.
func (c *conn) head(server bool, e rawscript.Event) {
	to := &c.t.Request
	if e.Sent == server {
		to = &c.t.Response
	}
	if len(*to)+len(e.Data) <= maxHeads {
		*to += string(e.Data)
	}
	if e.Sent != server {
		return
	}
	_, rest, _ := strings.Cut(string(e.Data), " ")
	status, _ := strconv.Atoi(rest[:min(len(rest), 3)]) // 0 if it is no number
	if !e.Sent {
		c.answers = append(c.answers, transcript.Event{Kind: transcript.GotAnswer, Status: status, At: e.Time.Sub(c.begun)})
	}
	if status == 101 && !c.t.Opened {
		c.t.Opened, c.opened = true, e.Time
		fields := strings.ToLower(string(e.Data))
		c.t.Deflate = strings.Contains(fields, "sec-websocket-extensions") && strings.Contains(fields, "permessage-deflate")
	}
}

func (c *conn) frame(e rawscript.Event) {
	h := e.Header
	entry := transcript.Entry{
		Kind: transcript.LogFrame, Dir: direction(e.Sent), Opcode: h.Opcode, Fin: h.Fin, RSV: h.RSV, Len: int(min(h.Length, 1<<62)), Data: head(e.Data),
	}
	if h.Masked {
		entry.Mask = hex.EncodeToString(h.MaskKey[:])
	}
	if !h.Minimal() || h.Length > 1<<62 {
		entry.Head = wsproto.AppendHeader(nil, h)
	}
	if e.Partial {
		entry.Missing = max(entry.Len-len(e.Data), 0)
	}
	if h.Opcode == wsproto.OpClose && !e.Partial {
		code, reason, _ := wsproto.ParseClose(e.Data) // a bad one is an offence of its own
		if e.Sent {
			c.t.LocalCode, c.t.LocalReason = code, transcript.Octet(reason)
			c.t.ClosedByUs = c.t.ClosedByUs || !c.t.RemoteClose
		} else {
			c.t.RemoteClose, c.t.RemoteCode, c.t.RemoteReason = true, code, transcript.Octet(reason)
		}
	}
	if !e.Sent && len(c.t.Log) < maxLog {
		c.data[len(c.t.Log)] = e.Data
	}
	c.log(entry, e.Time)
}

func (c *conn) end(e rawscript.Event) {
	switch {
	case errors.Is(e.Err, net.ErrClosed), errors.Is(e.Err, io.ErrClosedPipe):
		c.t.DroppedByUs = true
	case errors.Is(e.Err, syscall.ECONNRESET):
		c.ends = append(c.ends, transcript.Event{Kind: transcript.GotReset, At: c.since(e.Time)})
	case errors.Is(e.Err, io.EOF), errors.Is(e.Err, io.ErrUnexpectedEOF):
		c.ends = append(c.ends, transcript.Event{Kind: transcript.GotEnd, At: c.since(e.Time)})
	default:
		c.log(transcript.Entry{Kind: transcript.LogNote, Note: e.Err.Error()}, e.Time)
	}
	c.t.Clean = c.t.RemoteClose && (c.t.LocalCode != 0 || c.t.ClosedByUs)
}

// events are what happened, in order: answers, then frames with the rules that they break,
// then how it ended.
func (c *conn) events() []transcript.Event {
	list := c.answers
	offences := map[int][]wire.Offence{}
	for _, o := range transcript.Offences(&c.t) {
		if o.Place != wire.InRequest && o.Place != wire.InResponse {
			offences[o.Index] = append(offences[o.Index], o)
		}
	}
	for i, e := range c.t.Log {
		if e.Kind != transcript.LogFrame || e.Dir != transcript.In {
			continue
		}
		if e.Missing == 0 {
			if ev, ok := c.event(i, e); ok {
				ev.At = e.At
				list = append(list, ev)
			}
		}
		for _, o := range offences[i] {
			list = append(list, transcript.Event{Kind: transcript.GotOffence, Section: o.Section, Data: transcript.Octet(o.Words), At: e.At})
		}
	}
	return append(list, c.ends...)
}

// event is what a frame that was received means, if it ends something.
func (c *conn) event(i int, e transcript.Entry) (transcript.Event, bool) {
	p := c.data[i]
	switch e.Opcode {
	case wsproto.OpPing:
		return transcript.Event{Kind: transcript.GotPing, Len: e.Len, Data: head(p)}, true
	case wsproto.OpPong:
		return transcript.Event{Kind: transcript.GotPong, Len: e.Len, Data: head(p)}, true
	case wsproto.OpClose:
		code, _, _ := wsproto.ParseClose(p) // a bad one is an offence
		return transcript.Event{Kind: transcript.GotClose, Code: code, Len: e.Len, Data: head(p)}, true
	case wsproto.OpText, wsproto.OpBinary:
		c.message, c.length, c.binary = nil, 0, e.Opcode == wsproto.OpBinary
		c.deflate = c.t.Deflate && e.RSV&wsproto.RSV1 != 0
	case wsproto.OpContinuation:
	default:
		return transcript.Event{}, false
	}
	if len(c.message) < maxMessage {
		c.message = append(c.message, p...)
	}
	c.length += e.Len
	if !e.Fin {
		return transcript.Event{}, false
	}
	c.t.Messages++
	if c.deflate {
		c.inflated()
	}
	return transcript.Event{Kind: transcript.GotMessage, Binary: c.binary, Len: c.length, Data: head(c.message)}, true
}

// inflated replaces the message by what it inflates to (RFC 7692 §7.2.2), as long as all of
// what came before is known.
func (c *conn) inflated() {
	if c.inflate == nil {
		c.inflate = &wire.Inflater{Bits: 15, NoTakeover: strings.Contains(strings.ToLower(c.t.Response), "server_no_context_takeover")}
	}
	if len(c.message) < c.length {
		return
	}
	if m, err := c.inflate.Message(nil, c.message, maxMessage); err == nil {
		c.message, c.length = m, len(m)
	}
}

// Transcript is what has happened, on all connections.
func (r *Recorder) Transcript() *transcript.Transcript {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connection(1)
	var all []transcript.Transcript
	for _, c := range r.conns {
		c.t.Messages, c.inflate = 0, nil
		t := c.t
		t.Events = c.events()
		t.Messages, t.Pongs = c.t.Messages, t.Count(transcript.GotPong)
		all = append(all, t)
	}
	all[0].More = all[1:]
	return &all[0]
}
