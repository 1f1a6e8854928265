package native

import (
	"fmt"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An openFrame is a frame whose header is out and whose payload follows in pieces.
type openFrame struct {
	key    [4]byte
	offset int
}

// script plays the steps from the next one on, up to a pause or the end.
func (p *player) script() {
	if p.c.Want.Rule == cases.EchoDeflated && p.deflate == nil && p.next == 0 {
		p.next = len(p.c.Steps)
		p.sendClose(normalClose)
		return
	}
	for p.pause == nil && p.next < len(p.c.Steps) {
		step := p.c.Steps[p.next]
		p.next++
		p.play(step)
	}
}

func (p *player) play(step cases.Step) {
	switch s := step.(type) {
	case cases.Frame:
		p.send(outgoing{
			header:  wsproto.Header{Fin: !s.NotFin, RSV: s.RSV, Opcode: s.Opcode},
			payload: s.Payload, chop: s.Chop, alone: s.Alone,
		})
	case cases.FrameHeader:
		p.open = openFrame{key: p.keys.frame()}
		h := wsproto.Header{Fin: !s.NotFin, RSV: s.RSV, Opcode: s.Opcode, Length: uint64(s.Length)}
		p.sendHeader(h)
	case cases.Octets:
		if p.state != stateClosed {
			p.out.send(outgoing{bare: true, payload: s.Payload, key: p.open.key, offset: p.open.offset, alone: true})
			p.log(cases.Entry{Kind: cases.LogOctets, Dir: cases.Out, Len: s.Payload.Len, Data: firstOctets(s.Payload)})
			p.open.offset += s.Payload.Len
		}
	case cases.Message:
		if p.state == stateOpen {
			p.send(outgoing{
				header:  wsproto.Header{Fin: true, Opcode: s.Opcode},
				payload: s.Payload, fragment: s.Fragment,
			})
		}
	case cases.Close:
		p.sendClose(s)
	case cases.Pause:
		p.startPause(s)
	case cases.KillAfter:
		p.timer(cases.KillArmed, fmt.Sprintf("we fail the connection in %v", s.After))
		p.after(s.After, func() {
			p.timer(cases.KillFired, fmt.Sprintf("the case's limit of %v has passed: we fail the connection", s.After))
			p.fail(wsproto.StatusGoingAway, "Going Away")
		})
	case cases.CloseAfter:
		p.timer(cases.CloseArmed, fmt.Sprintf("we close in %v", s.After))
		p.after(s.After, func() {
			if p.state == stateOpen {
				p.timer(cases.CloseFired, fmt.Sprintf("the case's limit of %v has passed: we close", s.After))
			}
			p.sendClose(cases.Close{})
		})
	case cases.EchoLoop:
		p.startLoop(s)
	}
}

func (p *player) startPause(s cases.Pause) {
	p.pause = &s
	wait := s.For
	if !p.faithful && s.Mark != "" && (p.brief || len(p.t.Events) == 0) {
		wait = min(wait, shortPause)
	}
	p.timer(cases.PauseBegins, fmt.Sprintf("we wait %v", s.For))
	p.pauseTimer = p.after(wait, p.endPause)
	p.shortenPause()
}

// shortenPause ends a pause whose events have all come: the verdict looks only
// at their order.
func (p *player) shortenPause() {
	if p.pause != nil && !p.faithful && p.pause.Until > 0 && len(p.t.Events) >= p.pause.Until {
		p.pauseTimer.stop()
		p.endPause()
	}
}

func (p *player) endPause() {
	if p.pause == nil || p.state != stateOpen {
		return
	}
	mark := p.pause.Mark
	p.pause = nil
	p.timer(cases.PauseEnds, "we go on")
	if mark != "" {
		p.t.Events = append(p.t.Events, cases.TimedOut(mark))
	}
	p.script()
}

// send queues a frame or message, whatever the state but closed.
func (p *player) send(o outgoing) {
	if p.state == stateClosed {
		return
	}
	o.key = p.keys.frame()
	if p.loop != nil && !o.header.Opcode.Control() {
		p.noteWrite(p.out.sendNow(o))
	} else {
		p.out.send(o)
	}
	p.logSent(o)
}

func (p *player) sendHeader(h wsproto.Header) {
	if p.state == stateClosed {
		return
	}
	e := cases.Entry{Kind: cases.LogFrame, Dir: cases.Out, Len: int(h.Length), Opcode: h.Opcode, Fin: h.Fin, RSV: h.RSV}
	if p.out.masked {
		h.Masked, h.MaskKey = true, p.open.key
		e.Mask = hexKey(p.open.key)
	}
	p.out.send(outgoing{bare: true, plain: true, payload: cases.Data(wsproto.AppendHeader(nil, h)), alone: true})
	p.log(e)
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
	if p.logFull() {
		p.t.LogLost += frames
		return
	}
	size := o.payload.Len
	if frames > 1 {
		size = o.fragment
	}
	e := cases.Entry{Kind: cases.LogFrame, Dir: cases.Out, Opcode: o.header.Opcode, RSV: o.header.RSV, Chop: o.chop, Alone: o.alone}
	if p.out.masked && frames == 1 {
		e.Mask = hexKey(o.key)
	}
	for i := range frames {
		if p.logFull() {
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

func firstOctets(p cases.Payload) cases.Octet {
	return p.AppendRange(nil, 0, min(p.Len, cases.HeadSize))
}

func hexKey(key [4]byte) string { return fmt.Sprintf("%x", key) }
