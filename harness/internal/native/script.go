package native

import (
	"fmt"
	"slices"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// An openFrame is a frame whose header is out and whose payload follows in pieces.
type openFrame struct {
	key    [4]byte
	offset int
}

// A wait is a [cases.WaitOp] under way.
type wait struct {
	cases.WaitOp
	timer *alarm
}

// script does the ops from the next one on, up to a wait or the end. It does
// nothing where the connection was closed before it began.
func (p *player) script() {
	if p.state != stateOpen && p.next == 0 {
		p.next = len(p.ops)
	}
	for p.pause == nil && p.next < len(p.ops) {
		op := p.ops[p.next]
		p.next++
		p.do(op)
	}
	if p.pause == nil && !p.timed && p.loop == nil {
		p.part()
	}
}

// part ends a connection whose script is through and has armed no timer.
func (p *player) part() {
	switch {
	case p.state == stateOpen && p.unanswered:
		p.drop(false)
	case p.state == stateOpen && !p.halved:
		p.sendClose(normalClose)
	case p.state == stateOpen:
		p.drop(false)
	case p.closeTimer == nil && p.dropTimer == nil: // the peer began, and was answered
		p.dropTimer = p.after(p.standard(dropTimeout), func() { p.drop(true) })
	}
}

func (p *player) do(op cases.Op) {
	switch op := op.(type) {
	case cases.WriteOp:
		p.writeOp(op)
	case cases.CloseOp:
		p.sendClose(op.Close)
	case cases.WaitOp:
		p.startPause(op, op.Taken)
	case cases.WatchOp:
		p.startPause(cases.WaitOp{For: op.For, Taken: true, Until: []transcript.EventKind{transcript.GotClose}}, false)
	case cases.TimerOp:
		p.timed = true
		p.arm(op)
	case cases.LoopOp:
		p.startLoop(cases.EchoLoop(op))
	case cases.EndOp:
		p.halved = true
		p.left()
		p.out.send(outgoing{end: true, abrupt: op.Abrupt})
		p.note("we end our direction of TCP")
	case cases.ResetOp:
		p.torn = true
		p.note("we reset TCP")
		p.drop(false)
	case cases.ReadOp:
		p.readAs(op)
	case cases.HTTP2Op:
		p.out.send(outgoing{http2: &op})
	}
}

func (p *player) arm(op cases.TimerOp) {
	if op.Fail {
		p.timer(transcript.KillArmed, fmt.Sprintf("we fail the connection in %v", op.After))
		p.after(op.After, func() {
			p.timer(transcript.KillFired, fmt.Sprintf("the case's limit of %v has passed: we fail the connection", op.After))
			p.fail(wsproto.StatusGoingAway, "Going Away")
		})
		return
	}
	p.timer(transcript.CloseArmed, fmt.Sprintf("we close in %v", op.After))
	p.after(op.After, func() {
		if p.state == stateOpen {
			p.timer(transcript.CloseFired, fmt.Sprintf("the case's limit of %v has passed: we close", op.After))
		}
		p.sendClose(cases.Close{})
	})
}

func (p *player) writeOp(op cases.WriteOp) {
	switch op.Part {
	case cases.WholeFrame:
		if op.IfOpen && p.state != stateOpen {
			return
		}
		o := frames(op)
		if op.Beyond > 0 {
			o.times = (held()+op.Beyond)/(op.Payload.Len+2) + 1 // 2 is the least of a header
		}
		p.t.Flooded += o.times
		p.send(o)
	case cases.FrameStart:
		p.open = openFrame{key: p.keys.frame()}
		p.sent(op.Header.Opcode, cases.Payload{})
		p.sendHeader(op.Header)
	case cases.FrameRest, cases.PlainOctets, cases.BelowTLS:
		if p.state == stateClosed {
			return
		}
		o := outgoing{
			bare: true, plain: op.Part != cases.FrameRest, below: op.Part == cases.BelowTLS,
			payload: op.Payload, key: p.open.key, offset: p.open.offset, alone: true,
		}
		p.out.send(o)
		if op.Part == cases.FrameRest {
			p.sent(wsproto.OpContinuation, op.Payload)
		}
		p.log(transcript.Entry{Kind: transcript.LogOctets, Dir: transcript.Out, Len: op.Payload.Len, Data: firstOctets(op.Payload)})
		p.open.offset += op.Payload.Len
	}
}

// frames is what a [cases.WriteOp] of whole frames queues.
func frames(op cases.WriteOp) outgoing {
	o := outgoing{
		header: op.Header, payload: op.Payload, fragment: op.Fragment, chop: op.Chop, cut: op.Cut, alone: op.Alone, masking: op.Masking,
		times: op.Times,
	}
	o.fixed = copy(o.key[:], op.Key) == len(o.key)
	return o
}

// startPause begins a wait. With resets, TCP is reset where it takes no more.
func (p *player) startPause(op cases.WaitOp, resets bool) {
	p.pause = &wait{WaitOp: op}
	d := op.For
	if !p.faithful && op.Mark != "" {
		switch first := len(p.t.Received()) == 0; {
		case first && p.brief:
			d = min(d, runner.BriefPause)
		case first, p.brief:
			d = min(d, runner.ShortPause)
		}
	}
	p.timer(transcript.PauseBegins, fmt.Sprintf("we wait %v", op.For))
	p.pause.timer = p.after(d, func() {
		p.t.Expired = p.t.Expired || p.c.Suite.OneGrade()
		p.endPause()
	})
	if resets {
		p.watchTaken()
	}
	if op.Taken && p.out.idle() {
		p.pause.timer.stop()
		p.record(transcript.Event{Kind: transcript.GotTaken})
		p.endPause()
		return
	}
	p.shortenPause("")
}

// TCP counts as held back when it has taken nothing in takenTicks intervals of takenTick, one
// after the other. On a busy machine each of them takes longer.
const (
	takenTick  = 100 * time.Millisecond
	takenTicks = 25
)

// watchTaken ends the wait when TCP has taken nothing for a while.
func (p *player) watchTaken() { p.watchTicks(p.pause, p.sentBytes, takenTicks) }

func (p *player) watchTicks(pause *wait, before, left int) {
	p.after(takenTick, func() {
		switch {
		case p.pause != pause:
		case p.sentBytes > before:
			p.watchTicks(pause, p.sentBytes, takenTicks)
		case left > 1:
			p.watchTicks(pause, before, left-1)
		default:
			p.note("the peer takes no more of it: we reset TCP")
			p.torn = true
			p.drop(false)
		}
	})
}

// shortenPause ends a wait that an event of this kind, come now, ends, or whose
// events have all come: the verdict looks only at their order.
func (p *player) shortenPause(kind transcript.EventKind) {
	if p.pause == nil {
		return
	}
	enough := !p.faithful && p.pause.Events > 0 && len(p.t.Received()) >= p.pause.Events
	if enough || slices.Contains(p.pause.Until, kind) {
		p.pause.timer.stop()
		p.endPause()
	}
}

func (p *player) endPause() {
	if p.pause == nil || p.state == stateClosed {
		return
	}
	pause := p.pause
	if p.state != stateOpen {
		if p.timed || pause.Mark != "" {
			return // a timer ends the connection
		}
		p.next = len(p.ops) // nothing more is sent on a connection that is closing
	}
	p.pause = nil
	p.timer(transcript.PauseEnds, "we go on")
	if pause.Mark != "" {
		p.record(transcript.TimedOut(pause.Mark))
	}
	p.script()
}

// send queues a frame or message, whatever the state but closed.
func (p *player) send(o outgoing) {
	if p.state == stateClosed {
		return
	}
	if key := p.keys.frame(); !o.fixed {
		o.key = key
	}
	if p.loop == nil {
		p.sent(o.header.Opcode, o.payload)
	}
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
	e := transcript.Entry{Kind: transcript.LogFrame, Dir: transcript.Out, Len: size(h.Length), Opcode: h.Opcode, Fin: h.Fin, RSV: h.RSV}
	if p.out.masked {
		h.Masked, h.MaskKey = true, p.open.key
		e.Mask = hexKey(p.open.key)
	}
	if !h.Minimal() || h.Length > maxSize {
		e.Head = wsproto.AppendHeader(nil, h)
	}
	p.out.send(outgoing{bare: true, plain: true, payload: cases.Data(wsproto.AppendHeader(nil, h)), alone: true})
	p.log(e)
}

func firstOctets(p cases.Payload) transcript.Octet {
	return p.AppendRange(nil, 0, min(p.Len, transcript.HeadSize))
}

func hexKey(key [4]byte) string { return fmt.Sprintf("%x", key) }
