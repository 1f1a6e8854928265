package native

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"slices"
	"unicode/utf8"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// controlBound is how much of a control frame's payload is kept. Legal ones
// have 125 octets at the most (RFC 6455 §5.5); longer ones have failed already.
const controlBound = 1 << 10

// eventBound is how many events beyond those wanted are kept: once the list is
// longer than any reading, the verdict cannot change any more.
const eventBound = 16

// inbound is where the parsing of the peer's octets stands.
type inbound struct {
	partial [wsproto.MaxHeaderLen]byte // a header that came in pieces
	have    int                        // octets of it
	judged  bool                       // its first two octets were looked at
	logged  bool                       // it is in the log as it is

	inFrame bool
	header  wsproto.Header
	left    uint64 // octets of the payload still to come
	pos     int    // offset for the mask
	head    []byte // of the frame's payload, for the log
	invalid *int   // the first octet that is not UTF-8, likewise
	entry   int    // of the frame in the log, counted from 1; 0 if it is not there yet
	control []byte

	inMessage  bool
	binary     bool
	checkUTF8  bool
	badUTF8    bool
	compressed bool
	utf8       wsproto.UTF8Validator
	body       body
}

// A body measures a message as it arrives, without keeping it.
type body struct {
	length int
	head   []byte    // its first octets
	hash   hash.Hash // nil while all of it is in head, or where only the length counts
	all    []byte    // the whole of it, where the case needs it
}

// receive takes octets of the peer. It changes them: they are unmasked in place.
func (p *player) receive(data []byte) {
	for p.state != stateClosed {
		if !p.in.inFrame {
			n := p.takeHeader(data)
			data = data[n:]
			if !p.in.inFrame {
				return
			}
			if p.state == stateClosed {
				return
			}
		}
		n := int(min(uint64(len(data)), p.in.left))
		if n > 0 {
			p.in.left -= uint64(n)
			p.frameData(data[:n])
			data = data[n:]
		}
		if p.state == stateClosed {
			return
		}
		if p.in.left > 0 {
			return
		}
		p.in.inFrame = false
		p.frameEnd()
	}
}

// takeHeader reads a frame header from the front of data, which may hold only a
// part of it, and returns how many octets it took.
func (p *player) takeHeader(data []byte) int {
	in := &p.in
	if len(data) == 0 {
		return 0
	}
	kept := in.have
	in.have += copy(in.partial[in.have:], data)
	h, n, err := wsproto.ParseHeader(in.partial[:in.have])
	if n == 0 && err == nil {
		if in.have >= 2 && !in.judged {
			in.judged = true
			p.headerBegin()
		}
		return in.have - kept
	}
	judged := in.judged
	in.have, in.judged, in.logged = 0, false, false
	in.header, in.left, in.pos = h, h.Length, 0
	in.inFrame = true
	in.head, in.invalid, in.entry = in.head[:0], nil, 0
	in.control = in.control[:0]
	p.frameBegin(h, judged)
	return n - kept
}

func (p *player) framing() cases.Framing {
	return cases.Framing{Client: p.t.Role == cases.Client, Deflate: p.deflate != nil, InMessage: p.in.inMessage}
}

// headerBegin checks the first two octets of a header that has come no further.
func (p *player) headerBegin() {
	h, _, _ := wsproto.ParseHeader(append(p.in.partial[:2:2], make([]byte, wsproto.MaxHeaderLen-2)...))
	broken := cases.StartOffences(h, p.framing())
	if len(broken) > 0 {
		p.logPartial()
	}
	for _, o := range broken {
		p.violation(o.Words)
	}
}

// frameBegin checks a header, whose first two octets may have been judged
// already. A violation does not end the frame: it is consumed as if it were
// legal, so a second one finds the connection closing.
func (p *player) frameBegin(h wsproto.Header, judged bool) {
	broken := cases.LengthOffences(h)
	if !judged {
		broken = cases.HeaderOffences(h, p.framing())
	}
	if len(broken) > 0 {
		p.logReceived() // so that it comes before what we answer
	}
	for _, o := range broken {
		p.violation(o.Words)
	}
	if p.state == stateClosed || h.Opcode.Control() {
		return
	}
	in := &p.in
	if !in.inMessage {
		in.inMessage = true
		in.binary = h.Opcode == wsproto.OpBinary
		in.compressed = p.deflate != nil && h.RSV == wsproto.RSV1
		in.checkUTF8 = h.Opcode == wsproto.OpText && !in.compressed
		in.badUTF8 = false
		in.utf8.Reset()
		in.body.reset()
	}
}

// frameData takes a piece of a payload.
func (p *player) frameData(data []byte) {
	in := &p.in
	before := in.header.Length - in.left - uint64(len(data))
	if in.header.Masked {
		in.pos = wsproto.Mask(in.header.MaskKey, in.pos, data)
	}
	in.head = appendBound(in.head, data, p.headBound())
	if in.header.Opcode.Control() {
		in.control = appendBound(in.control, data, controlBound)
		return
	}
	if in.checkUTF8 {
		if !in.badUTF8 {
			n, ok := in.utf8.Feed(data)
			if in.badUTF8 = !ok; in.badUTF8 {
				at := int(before) + n
				in.invalid = &at
				p.logReceived()
			}
		}
		if in.badUTF8 {
			p.badPayload("text is not valid UTF-8")
		}
	}
	p.bodyData(data)
}

func (p *player) bodyData(data []byte) {
	b := &p.in.body
	b.length += len(data)
	switch p.c.Want.Rule {
	case cases.EchoLength, cases.EchoAll:
	case cases.EchoDeflated:
		if b.length > messageBound {
			p.tearDown("an echo is far longer than the message it should repeat")
			return
		}
		b.all = append(b.all, data...)
	case cases.CompareEvents, cases.WrongCodeFails, cases.Observe:
		b.digest(data)
	}
}

// digest keeps the head and the hash of the message.
func (b *body) digest(data []byte) {
	if b.hash == nil && b.length > cases.HeadSize {
		b.hash = sha256.New()
		b.hash.Write(b.head)
	}
	if b.hash != nil {
		b.hash.Write(data)
	}
	b.head = appendBound(b.head, data, cases.HeadSize)
}

func (b *body) reset() { *b = body{head: b.head[:0], all: b.all[:0]} }

func (b *body) event(binary bool) cases.Event {
	e := cases.Event{Kind: cases.GotMessage, Binary: binary, Len: b.length, Data: slices.Clone(b.head)}
	if b.hash != nil {
		e.SHA256 = hex.EncodeToString(b.hash.Sum(nil))
	}
	return e
}

func (p *player) frameEnd() {
	in := &p.in
	h := in.header
	p.t.Stats.RxFrames[int(h.Opcode)]++
	p.logReceived()
	switch {
	case h.Opcode == wsproto.OpClose:
		p.closeFrame(in.control)
	case h.Opcode == wsproto.OpPing:
		p.ping(in.control)
	case h.Opcode == wsproto.OpPong:
		p.event(cases.Event{Kind: cases.GotPong, Len: len(in.control), Data: slices.Clone(in.control)})
		p.pong()
	case h.Opcode.Control():
	default:
		if p.t.Traffic != nil && p.state == stateOpen {
			p.t.Traffic.In.Frames++
		}
		if h.Fin {
			p.messageEnd()
		}
	}
}

// logReceived logs the frame under way, or completes its entry. A frame is
// logged when it ends, or as soon as it breaks a rule, or when the connection
// ends.
func (p *player) logReceived() {
	in := &p.in
	if in.entry == 0 {
		if p.logFull() {
			if !in.inFrame {
				p.t.LogLost++
			}
			return
		}
		p.log(received(in.header))
		in.entry = len(p.t.Log)
	}
	e := &p.t.Log[in.entry-1]
	e.Data, e.InvalidAt, e.Missing = slices.Clone(in.head), in.invalid, 0
	if in.inFrame {
		e.Missing = e.Len - int(in.header.Length-in.left)
	}
}

// received is the entry of a frame with this header.
func received(h wsproto.Header) cases.Entry {
	e := cases.Entry{Kind: cases.LogFrame, Dir: cases.In, Opcode: h.Opcode, Fin: h.Fin, RSV: h.RSV, Len: size(h.Length)}
	if h.Masked {
		e.Mask = hexKey(h.MaskKey)
	}
	if !h.Minimal() || h.Length > maxSize {
		e.Head = wsproto.AppendHeader(nil, h)
	}
	return e
}

// maxSize is the longest payload that a log tells the length of.
const maxSize = 1 << 62

func size(n uint64) int { return int(min(n, maxSize)) }

// logRest logs what the end of the connection cuts off: a frame, or a header.
func (p *player) logRest() {
	in := &p.in
	switch {
	case in.inFrame:
		p.logReceived()
	case in.have > 0:
		p.logPartial()
	}
}

// logPartial logs the octets of a header that is not complete, once.
func (p *player) logPartial() {
	in := &p.in
	if in.logged || p.logFull() {
		return
	}
	in.logged = true
	p.log(cases.Entry{Kind: cases.LogOctets, Dir: cases.In, Len: in.have, Data: slices.Clone(in.partial[:in.have])})
}

// ping answers while the connection is open; it is never an event.
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

// pong closes in the sections that want no events: there, as in the original,
// having nothing to wait for is met by any pong.
func (p *player) pong() {
	switch p.c.Want.Rule {
	case cases.EchoLength, cases.EchoAll, cases.EchoDeflated:
		p.sendClose(normalClose)
	case cases.CompareEvents, cases.WrongCodeFails, cases.Observe:
	}
}

func (p *player) messageEnd() {
	in := &p.in
	in.inMessage = false
	if in.checkUTF8 && (in.badUTF8 || !in.utf8.Complete()) {
		p.badPayload("text ends inside a code point")
	}
	if p.t.FailedByUs || p.state == stateClosed {
		return
	}
	switch p.c.Want.Rule {
	case cases.EchoLength:
		op, length := p.c.Wanted()
		if in.binary == (op == wsproto.OpBinary) && in.body.length == length {
			p.t.Echoes++
		} else {
			p.t.WrongEcho = true
		}
		p.sendClose(normalClose)
	case cases.EchoAll, cases.EchoDeflated:
		p.echo()
	case cases.CompareEvents, cases.WrongCodeFails, cases.Observe:
		p.event(in.body.event(in.binary))
	}
}

// event records an event and closes when every reading of the case is met.
func (p *player) event(e cases.Event) {
	longest := 0
	for _, r := range p.c.Want.Events {
		longest = max(longest, len(r.Events))
	}
	if len(p.t.Events) < longest+eventBound {
		p.t.Events = append(p.t.Events, e)
	}
	w := p.c.Want
	if len(w.Events) > 0 && w.ClosedByUs && !w.NoAutoClose && p.allMatch() {
		p.sendClose(cases.Close{Code: w.Codes[0]})
	}
	p.shortenPause()
}

func (p *player) allMatch() bool {
	for _, r := range p.c.Want.Events {
		if !slices.EqualFunc(r.Events, p.t.Events, cases.Event.Equal) {
			return false
		}
	}
	return true
}

// closeFrame takes the peer's close frame (RFC 6455 §5.5.1).
func (p *player) closeFrame(payload []byte) {
	p.t.RemoteClose = true
	p.t.RemoteCode, p.t.RemoteZero, p.t.RemoteReason = 0, false, nil
	if len(payload) >= 2 {
		code := wsproto.StatusCode(uint16(payload[0])<<8 | uint16(payload[1]))
		reason := payload[2:]
		p.t.RemoteCode, p.t.RemoteZero = code, code == 0
		if !closeCodeKnown(code) {
			p.violation("a close frame has an invalid code")
		}
		if !utf8.Valid(reason) {
			p.badPayload("a close reason is not valid UTF-8")
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
		p.drop(false)
		return
	}
	if d, ok := limit(p.protocol.DropTimeout, dropTimeout); ok && p.dropTimer == nil {
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
	p.t.Clean = true
	p.replyClose()
	if p.t.Role == cases.Client {
		p.drop(false)
		return
	}
	// Where we should have closed, the verdict stands: the original would wait
	// for the server to end TCP, for ever if need be.
	if p.c.Want.ClosedByUs {
		if p.faithful {
			p.after(dropTimeout, func() { p.drop(true) })
		} else {
			p.drop(false)
		}
	}
}

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
