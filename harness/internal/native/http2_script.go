package native

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/h2"
	"github.com/wsconform/wsconform/internal/h3"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A rehearsed connection is played frame by frame of HTTP/2 or HTTP/3: one goroutine does the steps, and
// answers pings and close frames while it waits; another one reads.
type rehearsed struct {
	l       layer
	it      cases.Conn
	n       int // the number of the connection in its case
	ops     []cases.Op
	keys    keys
	streams []*rehearsedStream // by their numbers in the case, from 1
	fields  func(edits cases.Head) []hpack.HeaderField
	start   time.Time
	expired time.Time // when a wait first brought nothing
	fault   error

	mu      sync.Mutex // guards the rest
	t       transcript.Transcript
	ids     map[int64]*rehearsedStream // by the ids of the layer
	changed chan struct{}              // closed and renewed when something happens
	replies []func()                   // to be sent by the goroutine of the steps
	seen    int                        // events of the connection that a wait has seen
	over    bool                       // nothing more is recorded
}

// A rehearsedStream is a stream of such a connection. Its transcript is guarded by the mutex of
// the connection.
type rehearsedStream struct {
	s      layerStream
	id     int64
	t      transcript.Transcript
	in     inbound
	seen   int
	opened bool // a 2xx has come, so DATA is frames
	closed bool // we have sent a close frame
	torn   bool // we have reset it
	ended  bool // the peer has ended its direction
	body   int
}

// most events and entries of a log of a rehearsed connection. H2.1.13 alone has 42
// acknowledgements, and as many windows that are used up.
const mostEvents, mostEntries = 256, 150

// stepBound bounds what a step may wait for a window.
const stepBound = 5 * time.Second

// script plays connection n of a case frame by frame of HTTP/2 or HTTP/3, and closes nc.
func (t *Target) script(ctx context.Context, nc net.Conn, c cases.Case, n int) (transcript.Transcript, error) {
	it := c.Conns[n]
	s := rehearse(c, n, cases.Server)
	trap, release := s.trap(ctx)
	defer release()
	s.fields = func(edits cases.Head) []hpack.HeaderField {
		own := it
		own.Head = edits.Fill("{trap}", trap)
		return block(t.fieldsHTTP2(own))
	}
	if it.HTTP3 {
		return s.run(ctx, nc, func() (layer, error) { return openLayer3(nc, s.frameHTTP3) })
	}
	o := h2.Options{Settings: settingsOf(it.HTTP2, false), Manual: it.HTTP2.Manual, Frame: s.frame}
	return s.run(ctx, nc, func() (layer, error) { return openLayer2(nc, o) })
}

// trap listens where a case needs another host, and records who connects there.
func (s *rehearsed) trap(ctx context.Context) (addr string, release func()) {
	used := slices.ContainsFunc(s.ops, func(op cases.Op) bool {
		o, ok := op.(cases.HTTP2Op)
		return ok && slices.ContainsFunc(o.Head, func(e cases.Edit) bool { return strings.Contains(e.String(), "{trap}") })
	})
	if !used {
		return "", func() {}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		s.fault = err
		return "", func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			nc.Close()
			s.mu.Lock()
			s.record(nil, transcript.Event{Kind: transcript.GotRequest, Data: transcript.Octet("a connection to the host of :authority")})
			s.mu.Unlock()
		}
	}()
	return l.Addr().String(), func() {
		l.Close()
		<-done
	}
}

func rehearse(c cases.Case, n int, role cases.Role) *rehearsed {
	it := c.Conns[n]
	s := &rehearsed{it: it, n: n, ops: it.Ops(), keys: newKeys(c.ID, n), ids: map[int64]*rehearsedStream{}, changed: make(chan struct{}), start: time.Now()}
	s.t = transcript.Transcript{Role: role, Started: s.start.UTC(), Stream: true}
	for range it.Streams() {
		one := &rehearsedStream{t: transcript.Transcript{Role: role, Started: s.start.UTC()}}
		one.in.Framing = wire.Framing{Client: role == cases.Client}
		s.streams = append(s.streams, one)
	}
	return s
}

// settingsOf is our first SETTINGS frame. What the case says stands in place of the usual.
func settingsOf(h *cases.HTTP2, server bool) []http2.Setting {
	list := h2.Usual(server)
	for _, set := range h.Settings {
		if i := slices.IndexFunc(list, func(u http2.Setting) bool { return u.ID == set.ID }); i >= 0 {
			list[i] = set
		} else {
			list = append(list, set)
		}
	}
	return list
}

func (s *rehearsed) run(ctx context.Context, nc net.Conn, open func() (layer, error)) (transcript.Transcript, error) {
	defer nc.Close()
	l, err := open()
	if err != nil {
		s.t.UncleanReason = netReason(err)
		return s.t, nil
	}
	s.l = l
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	go func() {
		<-l.Done()
		s.lost(l.Err())
	}()
	l.Announced(time.Now().Add(openTimeout))
	for _, op := range s.ops {
		if ctx.Err() != nil || s.fault != nil {
			break
		}
		if op, ok := op.(cases.HTTP2Op); ok {
			s.do(op)
		}
	}
	s.reply()
	l.leave()
	s.mu.Lock()
	s.over = true
	s.t.Duration = time.Since(s.start)
	s.mu.Unlock()
	_ = l.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.streams {
		one.t.Duration = s.t.Duration
		s.t.Streams = append(s.t.Streams, one.t)
	}
	s.t.TLS = secured(nc)
	s.t.Opened = slices.ContainsFunc(s.streams, func(one *rehearsedStream) bool { return one.opened })
	if len(s.streams) > 0 {
		s.t.Request, s.t.Response = s.streams[0].t.Request, s.streams[0].t.Response
	}
	return s.t, s.fault
}

func (s *rehearsed) do(op cases.HTTP2Op) {
	s.reply()
	var one *rehearsedStream
	if op.Stream > 0 {
		one = s.streams[op.Stream-1]
	}
	switch op.Do {
	case cases.DoAsk:
		s.ask(one, op)
	case cases.DoCarry:
		if one.s != nil {
			s.carry(one, op)
		}
	case cases.DoSend:
		s.send(one, op)
	case cases.DoExpect:
		s.expect(one, op)
	}
}

// ask sends a request on a new stream.
func (s *rehearsed) ask(one *rehearsedStream, op cases.HTTP2Op) {
	if most := s.l.most(); most >= 0 && int64(s.open()) >= most {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log(transcript.Entry{Kind: transcript.LogNote, Note: "the server takes no more streams at once (SETTINGS_MAX_CONCURRENT_STREAMS): this one is not asked for"})
		s.record(one, transcript.Event{Kind: transcript.GotReset, Data: transcript.Octet("REFUSED_STREAM")})
		return
	}
	fields := s.fields(op.Head)
	s.mu.Lock()
	one.t.Request = bounded(requestText(s.l.version(), fields))
	one.t.Left = 0
	s.mu.Unlock()
	if s.begin(one) {
		one.s.ask(fields, op) //nolint:errcheck // a broken connection is an event
	}
}

// begin opens a stream.
func (s *rehearsed) begin(one *rehearsedStream) bool {
	stream, id, err := s.l.open()
	if err != nil {
		return false // a broken connection is an event
	}
	s.mu.Lock()
	one.s, one.id = stream, id
	s.ids[id] = one
	s.mu.Unlock()
	stream.take(func(p []byte) { s.data(one, p) })
	return true
}

// open counts the streams that are open.
func (s *rehearsed) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, one := range s.streams {
		if one.s != nil && !one.ended && !one.torn && one.t.Count(transcript.GotReset) == 0 {
			n++
		}
	}
	return n
}

// carry sends frames of WebSocket.
func (s *rehearsed) carry(one *rehearsedStream, op cases.HTTP2Op) {
	var out []byte
	for _, w := range op.Frames {
		o := frames(w)
		if key := s.keys.frame(); !o.fixed {
			o.key = key
		}
		out = encoded(out, o, s.t.Role == cases.Server)
		s.sent(one, o)
	}
	size := len(out)
	if op.Split > 0 {
		size = op.Split
	}
	one.s.SetWriteDeadline(time.Now().Add(stepBound)) //nolint:errcheck // it never fails
	plain := op.Pad == 0 && op.Times == 0
	for first := true; first || len(out) > 0; first = false {
		piece := out[:min(size, len(out))]
		out = out[len(piece):]
		end := op.End && len(out) == 0
		if op.Times > 0 {
			one.s.data(nil, -1, false) //nolint:errcheck // a broken connection is an event
		}
		var err error
		switch {
		case plain && !end && len(piece) > 0:
			_, err = one.s.Write(piece)
		case plain && end && len(piece) > 0 && len(piece) > int(one.s.window()):
			_, err = one.s.Write(piece)
			one.s.data(nil, -1, true) //nolint:errcheck // as above
		default:
			pad := op.Pad
			if pad == 0 {
				pad = -1
			}
			if !one.s.awaitWindow(len(piece)+pad+1, time.Now().Add(stepBound)) {
				return
			}
			err = one.s.data(piece, pad, end)
		}
		if op.Times > 0 && !end {
			one.s.data(nil, -1, false) //nolint:errcheck // as above
		}
		if err != nil {
			return
		}
	}
}

// encoded appends a frame.
func encoded(out []byte, o outgoing, masked bool) []byte {
	h := o.header
	h.Length = uint64(o.payload.Len)
	if o.masking == cases.MaskAlways || masked && o.masking == cases.MaskByRole {
		h.Masked, h.MaskKey = true, o.key
	}
	out = wsproto.AppendHeader(out, h)
	from := len(out)
	out = o.payload.AppendRange(out, 0, o.payload.Len)
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, out[from:])
	}
	return out
}

// sent takes a frame of ours to the log.
func (s *rehearsed) sent(one *rehearsedStream, o outgoing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := o.header
	h.Length = uint64(o.payload.Len)
	e := transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.Out, Opcode: h.Opcode, Fin: h.Fin, RSV: h.RSV, Len: o.payload.Len, Data: firstOctets(o.payload)}
	if o.masking != cases.MaskNever && s.t.Role == cases.Server {
		e.Mask = hexKey(o.key)
	}
	s.log(e)
	e.At = time.Since(s.start)
	if len(one.t.Log) < mostEntries {
		one.t.Log = append(one.t.Log, e)
	}
	if h.Opcode == wsproto.OpClose {
		one.closed = true
		if one.t.Left == 0 && !one.t.RemoteClose {
			one.t.Left = time.Since(s.start)
		}
		one.t.Clean = one.t.RemoteClose
	}
}

// send sends a frame of HTTP/2 as it is.
func (s *rehearsed) send(one *rehearsedStream, op cases.HTTP2Op) {
	if one != nil && one.s == nil && !s.begin(one) {
		return
	}
	if op.Type == http2.FrameRSTStream && one != nil && len(op.Payload) == 4 {
		s.mu.Lock()
		one.torn = true
		s.mu.Unlock()
		one.s.reset(number(op.Payload)) //nolint:errcheck // a broken connection is an event
		return
	}
	if one != nil {
		one.s.send(op) //nolint:errcheck // as above
		return
	}
	s.l.send(op) //nolint:errcheck // as above
}

// sendHTTP2 sends a frame as it is. What it says of windows holds.
func sendHTTP2(hc *h2.Conn, id uint32, op cases.HTTP2Op) error {
	switch t := op.Type; {
	case t == http2.FrameWindowUpdate && len(op.Payload) == 4:
		return hc.Grant(id, number(op.Payload))
	case t == http2.FrameSettings && op.Flags == 0 && len(op.Payload)%6 == 0:
		var list []http2.Setting
		for p := op.Payload; len(p) > 0; p = p[6:] {
			list = append(list, http2.Setting{ID: http2.SettingID(uint16(p[0])<<8 | uint16(p[1])), Val: number(p[2:6])})
		}
		return hc.Settings(list...)
	default:
		return hc.Raw(t, http2.Flags(op.Flags), id, op.Payload)
	}
}

func number(p []byte) uint32 {
	return uint32(p[0])<<24 | uint32(p[1])<<16 | uint32(p[2])<<8 | uint32(p[3])
}

// afterExpiry is how long all waits together may take once one has brought nothing: the case has
// failed by then, or waited for silence.
const afterExpiry = 3 * time.Second

// expect waits.
func (s *rehearsed) expect(one *rehearsedStream, op cases.HTTP2Op) {
	patience := op.For
	if !s.expired.IsZero() {
		patience = min(patience, time.Until(s.expired.Add(afterExpiry)))
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		s.mu.Lock()
		hit := s.happened(one, op.Until)
		changed := s.changed
		s.mu.Unlock()
		s.reply()
		if hit {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			s.mu.Lock()
			s.t.Expired = true
			s.mu.Unlock()
			if s.expired.IsZero() {
				s.expired = time.Now()
			}
			return
		}
	}
}

// happened looks for an event that no wait before has seen.
func (s *rehearsed) happened(one *rehearsedStream, kinds []transcript.EventKind) bool {
	list, seen := s.t.Events, &s.seen
	if one != nil {
		list, seen = one.t.Events, &one.seen
	}
	for i := *seen; i < len(list); i++ {
		if slices.Contains(kinds, list[i].Kind) {
			*seen = i + 1
			return true
		}
	}
	ends := func(e transcript.Event) bool { return e.Kind.Ends() }
	return slices.ContainsFunc(s.t.Events, ends) || one != nil && slices.ContainsFunc(one.t.Events, func(e transcript.Event) bool { return e.Kind == transcript.GotReset })
}

// reply sends what is to be answered.
func (s *rehearsed) reply() {
	s.mu.Lock()
	list := s.replies
	s.replies = nil
	s.mu.Unlock()
	for _, f := range list {
		f()
	}
}

// note wakes the wait, with mu held.
func (s *rehearsed) note() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *rehearsed) log(e transcript.Entry) {
	if len(s.t.Log) >= mostEntries {
		s.t.LogLost++
		return
	}
	e.At = time.Since(s.start)
	s.t.Log = append(s.t.Log, e)
}

// record records an event of a stream, or of the connection where it is nil. mu is held.
func (s *rehearsed) record(one *rehearsedStream, e transcript.Event) {
	if s.over {
		return
	}
	list := &s.t.Events
	if one != nil {
		list = &one.t.Events
	}
	if len(*list) < mostEvents || e.Kind.Ends() && len(*list) < 2*mostEvents {
		e.At = time.Since(s.start)
		*list = append(*list, e)
	}
	s.note()
}

// lost records the end of the connection.
func (s *rehearsed) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind := transcript.GotReset
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		kind = transcript.GotEnd
	} else if !s.over && err != nil {
		s.t.UncleanReason = netReason(err)
	}
	e := transcript.Event{Kind: kind}
	if ended, ok := errors.AsType[*h3.EndedError](err); ok {
		e.Data = transcript.Octet(ended.Code.String())
	}
	s.record(nil, e)
}

// playScript plays a connection that is one of HTTP/2 or HTTP/3 frame by frame. An end is that of the
// case.
func (t *Target) playScript(ctx context.Context, c cases.Case, n int) (tr transcript.Transcript, note string, end *harness.Result) {
	over := *t
	over.HTTP2, over.HTTP3 = !c.Conns[n].HTTP3, c.Conns[n].HTTP3
	nc, err := over.dialBelow(ctx, nil)
	if err != nil {
		return transcript.Transcript{Role: cases.Server, Started: time.Now().UTC(), UncleanReason: netReason(err)}, "", unopened(c, n, err)
	}
	tr, err = over.script(ctx, nc, c, n)
	if err != nil {
		unplayed := concluded(ctx, c, tr, err)
		return tr, "", &unplayed
	}
	return tr, "", nil
}

// unopened is what a connection that cannot be opened means for the case.
func unopened(c cases.Case, n int, err error) *harness.Result {
	switch {
	case harness.OutOfResources(err):
		return &harness.Result{Case: c.ID, Outcome: harness.HarnessError, Note: err.Error()}
	case n > 0:
		return nil
	}
	return &harness.Result{Case: c.ID, Outcome: harness.Blocked, Note: netReason(err)}
}
