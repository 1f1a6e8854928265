package native

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/internal/wire"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// controlBound is how much of a control frame's payload is kept. Legal ones
// have 125 bytes at the most (RFC 6455 §5.5); longer ones have failed already.
const controlBound = 1 << 10

// inbound is what is kept of the frame and the message under way.
type inbound struct {
	wire.Decoder
	header   wsproto.Header // of the frame
	logged   bool           // the header that is not complete is in the log as it is
	head     []byte         // of the frame's payload, for the log
	invalid  *int           // the first byte that is not UTF-8, or nil
	entry    int            // of the frame in the log, counted from 1; 0 if it is not there yet
	control  []byte
	underway bool // a message
	body     body
}

// A body measures a message as it arrives, without keeping it.
type body struct {
	length int
	head   []byte    // its first bytes
	hash   hash.Hash // nil while all of it is in head, and beyond [transcript.HashLimit]
	all    []byte    // the whole of it, where it is compressed or compared
	with   *comparison
}

// receive takes bytes of the peer. It changes them: they are unmasked in place.
func (p *player) receive(data []byte) {
	for p.state != stateClosed {
		t, n := p.in.Next(data)
		data = data[n:]
		switch t.Kind {
		case wire.NeedMore:
			if len(t.Offences) > 0 {
				p.logPartial()
				p.offends(t.Offences)
			}
			return
		case wire.FrameBegin:
			p.frameBegin(t)
		case wire.FrameData:
			p.frameData(t)
		case wire.FrameEnd:
			p.frameEnd(t)
		}
	}
}

// offends takes what is wrong with a header. It does not end the frame, so a second
// offence finds the connection closing.
func (p *player) offends(list []wire.Offence) {
	for _, o := range list {
		p.violation(o)
	}
}

func (p *player) frameBegin(t wire.Token) {
	in := &p.in
	in.header, in.logged = t.Header, false
	in.head, in.invalid, in.entry = in.head[:0], nil, 0
	if t.Header.Masked && len(p.t.Keys) < 4*p.c.Keys {
		p.t.Keys = append(p.t.Keys, t.Header.MaskKey[:]...)
	}
	switch {
	case t.Header.Opcode.Control():
		in.control = in.control[:0]
	case !in.underway:
		in.underway = true
		in.body.reset()
		p.compare()
	}
	if len(t.Offences) > 0 {
		p.logReceived() // so that it comes before what we answer
		p.offends(t.Offences)
	}
}

// frameData takes a piece of a payload.
func (p *player) frameData(t wire.Token) {
	in := &p.in
	in.head = appendBound(in.head, t.Data, p.headBound())
	if t.Header.Opcode.Control() {
		in.control = appendBound(in.control, t.Data, controlBound)
		return
	}
	if t.InvalidAt >= 0 {
		at := t.InvalidAt
		in.invalid = &at
		p.logReceived()
	}
	if t.BadText {
		p.badPayload(badText)
	}
	p.bodyData(t.Data)
	if p.begins && t.Header.Length >= bigFrame {
		p.begins = false
		p.record(transcript.Event{Kind: transcript.GotBegin})
		p.shortenPause(transcript.GotBegin)
	}
}

// bigFrame is the least payload, in bytes, of a frame whose beginning is an event.
const bigFrame = 1 << 20

// What is wrong with text.
var (
	badText = wire.Offence{Place: wire.InPayload, Section: "RFC 6455 8.1", Words: "text is not valid UTF-8"}
	cutText = wire.Offence{Place: wire.InPayload, Section: "RFC 6455 8.1", Words: "text ends inside a code point"}
)

// badPadding is no reason to fail: what was sent is clear.
var badPadding = wire.Offence{Place: wire.InPayload, Section: "RFC 7692 7.2.1", Words: "a final block is filled up with bits that are not 0"}

func (p *player) bodyData(data []byte) {
	b := &p.in.body
	b.length += len(data)
	switch {
	case p.loop != nil && p.loop.checker != nil, p.in.Compressed:
		if b.length > messageBound {
			p.tearDown("a compressed message is longer than is looked at")
			return
		}
		b.all = append(b.all, data...)
	case p.loop == nil:
		b.digest(data)
		b.with.take(data)
	default:
		b.with.take(data)
	}
}

// compare begins the comparison of a message with the one that it should repeat.
func (p *player) compare() {
	if ours, ok := p.repeated(); ok {
		p.in.body.with = &comparison{ours: ours}
	}
	p.received++
}

// digest keeps the head and the hash of the message.
func (b *body) digest(data []byte) {
	switch {
	case b.length > transcript.HashLimit:
		b.hash = nil
	case b.length > transcript.HeadSize && b.hash == nil:
		b.hash = sha256.New()
		b.hash.Write(b.head)
		b.hash.Write(data)
	case b.hash != nil:
		b.hash.Write(data)
	}
	b.head = appendBound(b.head, data, transcript.HeadSize)
}

func (b *body) reset() { *b = body{head: b.head[:0], all: b.all[:0]} }

func (b *body) event(binary bool) transcript.Event {
	e := transcript.Event{Kind: transcript.GotMessage, Binary: binary, Len: b.length, Data: slices.Clone(b.head)}
	if b.hash != nil {
		e.SHA256 = hex.EncodeToString(b.hash.Sum(nil))
	}
	if b.with != nil {
		e.Differs = b.with.difference(binary, b.length)
	}
	return e
}

func (p *player) frameEnd(t wire.Token) {
	in, h := &p.in, t.Header
	p.t.Stats.RxFrames[int(h.Opcode)]++
	p.logReceived()
	switch {
	case h.Opcode == wsproto.OpClose:
		p.closeFrame(in.control)
	case h.Opcode == wsproto.OpPing:
		p.record(transcript.Event{Kind: transcript.GotPing, Len: len(in.control), Data: slices.Clone(in.control)})
		p.ping(in.control)
	case h.Opcode == wsproto.OpPong:
		p.t.Pongs++
		p.event(transcript.Event{Kind: transcript.GotPong, Len: len(in.control), Data: slices.Clone(in.control)})
	case h.Opcode.Control():
	default:
		if p.t.Traffic != nil && p.state == stateOpen {
			p.t.Traffic.In.Frames++
		}
		if t.MessageEnd {
			in.underway = false
			p.messageEnd(t.BadText)
		}
	}
}

// ping answers while the connection is open.
func (p *player) ping(payload []byte) {
	if p.state != stateOpen {
		return
	}
	o := outgoing{
		header:  wsproto.Header{Fin: true, Opcode: wsproto.OpPong},
		payload: cases.Data(slices.Clone(payload)), key: p.keys.reply(),
	}
	if p.out.reply(o) {
		p.logSent(o)
	}
}

func (p *player) messageEnd(bad bool) {
	in := &p.in
	if bad {
		p.badPayload(cutText)
	}
	if p.t.FailedByUs || p.state == stateClosed {
		return
	}
	p.t.Messages++
	if p.loop != nil {
		p.echo()
		return
	}
	if in.Compressed {
		p.inflated()
		return
	}
	p.event(in.body.event(in.Binary))
}

// inflated takes a compressed message outside an echo loop.
func (p *player) inflated() {
	in := &p.in
	plain, err := p.inflater.Message(nil, in.body.all, messageBound)
	if err != nil {
		p.tearDown("a message cannot be inflated: " + err.Error())
		return
	}
	if !p.inflater.ZeroPadded() {
		p.offence(badPadding)
	}
	if !in.Binary && !utf8.Valid(plain) {
		p.badPayload(badText)
		return
	}
	with := in.body.with
	in.body.reset()
	in.body.length, in.body.with = len(plain), with
	in.body.digest(plain)
	with.take(plain)
	p.event(in.body.event(in.Binary))
}

// eventBound is how many events of a connection are kept, beside those that end
// it. No case of Autobahn wants more than ten.
const eventBound = 64

// record keeps an event.
func (p *player) record(e transcript.Event) {
	last := e.Kind == transcript.GotClose || e.Kind == transcript.GotEnd || e.Kind == transcript.GotReset || e.Kind == transcript.GotAnswer
	if len(p.t.Events) >= eventBound && !last || len(p.t.Events) >= 2*eventBound {
		return
	}
	e.At = time.Since(p.start)
	p.t.Events = append(p.t.Events, e)
}

// event records an event that a case may have waited for, and asks what to do.
func (p *player) event(e transcript.Event) {
	if p.c.NoEcho && e.Kind == transcript.GotMessage {
		return
	}
	p.record(e)
	p.steer()
	if e.Kind == transcript.GotPong && p.c.Suite.OneGrade() && !p.t.Answers(e) {
		return // of its own accord, which ends no wait
	}
	p.shortenPause(e.Kind)
}

// steer does what the case wants next.
func (p *player) steer() {
	if p.want == nil {
		return
	}
	for _, op := range p.want.Next(p.c, &p.t) {
		p.do(op)
	}
}

// closeFrame takes the peer's close frame (RFC 6455 §5.5.1).
func (p *player) closeFrame(payload []byte) {
	p.t.RemoteClose = true
	p.t.RemoteCode, p.t.RemoteZero, p.t.RemoteReason = 0, false, nil
	event := transcript.Event{Kind: transcript.GotClose, Len: len(payload)}
	if len(payload) >= 2 {
		event.Code = wsproto.StatusCode(uint16(payload[0])<<8 | uint16(payload[1]))
		event.Data = slices.Clone(payload[2:])
	}
	p.record(event)
	defer p.shortenPause(transcript.GotClose)
	if len(payload) >= 2 {
		code, reason := event.Code, payload[2:]
		p.t.RemoteCode, p.t.RemoteZero = code, code == 0
		if !closeCodeKnown(code) {
			p.violation(wire.Offence{Section: "RFC 6455 7.4", Words: "a close frame has an invalid code"})
		}
		if !utf8.Valid(reason) {
			p.badPayload(wire.Offence{Section: "RFC 6455 5.5.1", Words: "a close reason is not valid UTF-8"})
			p.tearDown("a close reason is not valid UTF-8")
			return
		}
		p.t.RemoteReason = slices.Clone(reason)
	}
	switch p.state {
	case stateClosing:
		p.closeAnswered()
	case stateOpen:
		p.peerClosed()
	case stateClosed:
		p.t.Clean = false
	}
}

// closeAnswered completes the closing handshake that we began.
func (p *player) closeAnswered() {
	p.closeTimer.stop()
	p.t.Clean = true
	if p.t.Role == cases.Client {
		p.leave()
		return
	}
	if d, ok := limit(p.protocol.DropTimeout, p.standard(dropTimeout)); ok && p.dropTimer == nil {
		p.dropTimer = p.after(d, func() {
			p.t.Clean = false
			p.t.ServerDropExpiry = true
			p.unclean("the server did not end TCP in time")
			p.drop(true)
		})
	}
}

// peerClosed answers a closing handshake that the peer began.
func (p *player) peerClosed() {
	if p.unanswered {
		return
	}
	p.t.Clean = true
	p.replyClose()
	switch {
	case p.t.Role == cases.Client:
		p.leave()
	case !p.settled():
	case p.faithful:
		p.after(dropTimeout, func() { p.drop(true) })
	default:
		p.drop(false)
	}
}

// leave ends the connection to a client after the closing handshake, as a server is to.
// In a case of the RFC suite it ends our direction only, so that what the client
// still sends is seen.
func (p *player) leave() {
	if !p.c.Suite.OneGrade() {
		p.drop(false)
		return
	}
	if !p.halved {
		p.do(cases.EndOp{})
	}
	if p.dropTimer == nil {
		p.dropTimer = p.after(dropTimeout, func() { p.drop(true) })
	}
}

func (p *player) settled() bool { return p.want != nil && p.want.Settled(p.c, &p.t) }

// closeCodeKnown reports whether Autobahn takes the code for valid. It knows
// nothing of 1012..1014, which IANA has registered since.
func closeCodeKnown(code wsproto.StatusCode) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code >= 1000 && code <= 1003, code >= 1007 && code <= 1011:
		return true
	}
	return false
}

// appendBound appends as much of data as keeps dst within bound.
func appendBound(dst, data []byte, bound int) []byte {
	return append(dst, data[:min(len(data), bound-len(dst))]...)
}
