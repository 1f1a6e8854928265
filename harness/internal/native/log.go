package native

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// timer notes what becomes of a timer of the case.
func (p *player) timer(t transcript.Timer, text string) {
	p.log(transcript.Entry{Kind: transcript.LogNote, Timer: t, Note: text})
}

// note adds a remark to the wire log.
func (p *player) note(text string) {
	p.log(transcript.Entry{Kind: transcript.LogNote, Note: text})
}

// logFull reports whether frames of this kind are no longer taken. Close frames
// are, like remarks: how a connection ends matters more than what was echoed before.
func (p *player) logFull(op wsproto.Opcode) bool {
	bound := p.logBound()
	if op == wsproto.OpClose {
		bound *= 2
	}
	return len(p.t.Log) >= bound
}

// ownPing reports whether an entry is a ping of ours. A pong answers one that is in the log,
// so a few of them are taken where nothing else is.
func ownPing(kind transcript.EntryKind, dir transcript.Direction, op wsproto.Opcode) bool {
	return kind == transcript.LogFrame && dir == transcript.Out && op == wsproto.OpPing
}

func (p *player) logFullOfPings() bool { return len(p.t.Log) >= 2*p.logBound()+pingsBeyond }

func (p *player) logBound() int {
	if p.c.Heavy() {
		return logBoundHeavy
	}
	return logBound
}

// headBound is how many bytes of a payload the log keeps.
func (p *player) headBound() int {
	if p.c.Heavy() {
		return headHeavy
	}
	return transcript.HeadSize
}

func (p *player) log(e transcript.Entry) {
	own := ownPing(e.Kind, e.Dir, e.Opcode) && !p.logFullOfPings()
	if !own && (p.logFull(e.Opcode) && e.Kind != transcript.LogNote || len(p.t.Log) >= 2*p.logBound()) {
		p.t.LogLost++
		return
	}
	e.At = time.Since(p.start)
	p.t.Log = append(p.t.Log, e)
}

// logReceived logs the frame under way, or completes its entry. A frame is
// logged when it ends, or as soon as it breaks a rule, or when the connection
// ends.
func (p *player) logReceived() {
	in := &p.in
	left, inFrame := in.InFrame()
	if in.entry == 0 {
		if p.logFull(in.header.Opcode) {
			if !inFrame {
				p.t.LogLost++
			}
			return
		}
		p.log(received(in.header))
		in.entry = len(p.t.Log)
	}
	e := &p.t.Log[in.entry-1]
	e.Data, e.InvalidAt, e.Missing = slices.Clone(in.head), in.invalid, 0
	if inFrame {
		e.Missing = e.Len - int(in.header.Length-left)
	}
}

// received is the entry of a frame with this header.
func received(h wsproto.Header) transcript.Entry {
	e := transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.In, Opcode: h.Opcode, Fin: h.Fin, RSV: h.RSV, Len: size(h.Length)}
	if h.Masked {
		e.Mask = hexKey(h.MaskKey)
	}
	if !h.Minimal() || h.Length > maxSize {
		e.Head = wsproto.AppendHeader(nil, h)
	}
	return e
}

// headerOf is the header of o, a single frame, on the wire.
func (p *player) headerOf(o outgoing) wsproto.Header {
	h := o.header
	h.Length, h.Masked, h.MaskKey = uint64(o.payload.Len), p.out.masks(o), o.key
	return h
}

// maxSize is the longest payload that a log tells the length of.
const maxSize = 1 << 62

func size(n uint64) int { return int(min(n, maxSize)) }

// logRest logs what the end of the connection cuts off: a frame, or a header.
func (p *player) logRest() {
	if _, inFrame := p.in.InFrame(); inFrame {
		p.logReceived()
	} else if len(p.in.Partial()) > 0 {
		p.logPartial()
	}
}

// logPartial logs the bytes of a header that is not complete, once.
func (p *player) logPartial() {
	in := &p.in
	if in.logged || p.logFull(wsproto.OpContinuation) {
		return
	}
	in.logged = true
	p.log(transcript.Entry{Kind: transcript.LogOctets, Dir: transcript.In, Len: len(in.Partial()), Data: slices.Clone(in.Partial())})
}

// logSent logs each frame of o as it will be on the wire.
func (p *player) logSent(o outgoing) {
	frames := 1
	if o.fragment > 0 && o.payload.Len > o.fragment {
		frames = o.payload.Len/o.fragment + 1
	}
	p.t.Stats.TxFrames[int(o.header.Opcode)]++
	if frames > 1 {
		p.t.Stats.TxFrames[int(wsproto.OpContinuation)] += frames - 1
	}
	if p.t.Traffic != nil && !o.header.Opcode.Control() && p.state == stateOpen {
		p.t.Traffic.Out.Frames += int64(frames)
		p.t.Traffic.Out.Messages++
		p.t.Traffic.Out.Payload += int64(o.payload.Len)
	}
	if p.logFull(o.header.Opcode) && (o.header.Opcode != wsproto.OpPing || p.logFullOfPings()) {
		p.t.LogLost += frames
		return
	}
	if o.times > 1 {
		p.t.Stats.TxFrames[int(o.header.Opcode)] += o.times - 1
		p.note(fmt.Sprintf("%d times:", o.times))
	}
	size := o.payload.Len
	if frames > 1 {
		size = o.fragment
	}
	e := transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.Out, Opcode: o.header.Opcode, RSV: o.header.RSV, Chop: o.chop, Alone: o.alone}
	if p.out.masks(o) && frames == 1 {
		e.Mask = hexKey(o.key)
	}
	if frames == 1 {
		if h := p.headerOf(o); !h.Minimal() {
			e.Head = wsproto.AppendHeader(nil, h)
		}
	}
	for i := range frames {
		if p.logFull(o.header.Opcode) && (o.header.Opcode != wsproto.OpPing || p.logFullOfPings()) {
			p.t.LogLost += frames - i
			return
		}
		from := i * size
		to := min(from+size, o.payload.Len)
		e.Fin = i == frames-1 && o.header.Fin
		e.Len = to - from
		e.Data = o.payload.AppendRange(nil, from, min(to, from+p.headBound()))
		p.log(e)
		e.Opcode, e.RSV = wsproto.OpContinuation, 0
	}
}
