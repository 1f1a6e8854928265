package native

import (
	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// messageBound is the most that an echo of sections 12 and 13 may measure on
// the wire. The longest message has 131072 characters.
const messageBound = 2 << 20

// A loop is an echo loop under way: one message is outstanding at any time.
type loop struct {
	cases.EchoLoop
	sent     int
	finished bool
	stream   *stream // what we send, compressed
	// sending holds the message under way and the one before, whose bytes the
	// writer may still hold for a moment after its echo.
	sending [2][]byte
	checker *checker // of what comes back
}

func (p *player) startLoop(s cases.EchoLoop) {
	if s.Corpus != "" && p.deflate == nil {
		return
	}
	p.loop = &loop{EchoLoop: s}
	if s.Corpus != "" {
		var err error
		if p.loop.stream, err = p.streams.open(s, *p.deflate); err != nil {
			p.harnessFault(err)
			return
		}
		p.loop.checker = p.streams.checker(s, *p.deflate)
	}
	p.sendNext()
}

// sendNext sends the next message of the loop.
func (p *player) sendNext() {
	l := p.loop
	o := outgoing{header: wsproto.Header{Fin: true, Opcode: l.Opcode}, payload: l.Payload, fragment: l.Fragment}
	if l.stream != nil {
		if p.state != stateOpen {
			return
		}
		buf := &l.sending[l.sent%2]
		z, err := l.stream.message((*buf)[:0], l.sent)
		if err != nil {
			p.harnessFault(err)
			return
		}
		*buf = z
		o.header.RSV = wsproto.RSV1
		o.payload = cases.Data(z)
		p.t.Traffic.Out.App += int64(l.checker.size(l.sent))
	}
	l.sent++
	p.send(o)
}

// echo takes a message for the echo of the one outstanding.
func (p *player) echo() {
	l, in := p.loop, &p.in
	if l == nil {
		return
	}
	if l.finished {
		p.late()
		return
	}
	if p.t.Traffic != nil && p.state == stateOpen {
		p.t.Traffic.In.Messages++
		p.t.Traffic.In.Payload += int64(in.body.length)
	}
	right := in.Binary == (l.Opcode == wsproto.OpBinary)
	size, differs := in.body.length, (*transcript.Difference)(nil)
	if l.checker == nil {
		right = right && in.body.length == l.Payload.Len
	} else if right || in.Compressed {
		verdict := l.checker.check(p.t.Echoes, in.body.all, in.Compressed, !in.Binary)
		if verdict.fault != "" {
			p.tearDown(verdict.fault)
			return
		}
		if verdict.badText {
			p.badPayload(badText)
			p.badPayload(badText)
			return
		}
		if verdict.cutText {
			p.badPayload(cutText)
			return
		}
		right = right && verdict.same
		size, differs = verdict.size, verdict.differs
		p.t.Traffic.In.App += int64(verdict.size)
	}
	if !right {
		if in.body.with != nil {
			differs = in.body.with.difference(in.Binary, size)
		}
		p.t.WrongEcho = true
		p.t.Wrong = &transcript.Event{Kind: transcript.GotMessage, Binary: in.Binary, Len: size, Differs: differs}
		l.finished = true
		p.steer()
		return
	}
	p.t.Echoes++
	if p.t.Echoes == l.Count {
		l.finished = true
		p.steer()
		return
	}
	p.sendNext()
}

// late takes a message that comes when all echoes are in. As in the original it
// spoils them unless it could be one of them (RFC 6455 §5.5.1 forbids it either way).
func (p *player) late() {
	l, in := p.loop, &p.in
	if l.checker != nil || in.Binary != (l.Opcode == wsproto.OpBinary) || in.body.length != l.Payload.Len {
		p.t.WrongEcho = true
	}
}

// harnessFault ends the case because we cannot go on; the result says so.
func (p *player) harnessFault(err error) {
	p.fault = err
	p.tearDown("the harness failed: " + err.Error())
}
