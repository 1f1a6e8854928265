package cases

import (
	"fmt"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Place is a part of a transcript that octets stand in.
type Place uint8

// The places where octets can break a rule.
const (
	InHeader   Place = iota // of a frame
	InPayload               // of a frame, unmasked
	InRequest               // a line of the opening handshake
	InResponse              // likewise
)

func (p Place) String() string {
	return [...]string{"header", "payload", "request", "response"}[p]
}

// An Offence is a rule of the protocol that octets of a transcript break.
type Offence struct {
	Place Place
	// Index is that of the entry in the wire log, or that of the line in the
	// handshake, counted from 0. It is Absent where a line is missing.
	Index int
	// From and To are the octets within the header, the payload or the line: From
	// is the first, To lies one behind the last.
	From, To int
	Section  string // that asks for the rule, such as "RFC 6455 5.2"
	Words    string // what is wrong
}

func (o Offence) String() string {
	where := fmt.Sprintf("%d [%d:%d]", o.Index, o.From, o.To)
	if o.Index == Absent {
		where = "missing"
	}
	return fmt.Sprintf("%v %s %s %s", o.Place, where, o.Section, o.Words)
}

// Absent is the Index of an offence that is the lack of a line.
const Absent = -1

// Offences finds the octets of a transcript that break a rule: those of the
// handshake first, then those of frames in the order of the log. In the
// handshake only the peer is looked at. Of frames the harness's own are, too:
// many cases break a rule on purpose, so the direction of the entry tells whose
// fault it is. Text in a compressed message is not looked at.
//
// It depends on the transcript alone, so stored runs of any engine can be marked.
func Offences(t *Transcript) []Offence {
	list := handshakeOffences(t)
	in := sender{framing: Framing{Client: t.Role == Client, Deflate: t.Deflate}}
	out := sender{framing: Framing{Client: t.Role == Server, Deflate: t.Deflate}, ours: true}
	for i, e := range t.Log {
		if e.Kind != LogFrame {
			continue
		}
		s := &in
		if e.Dir == Out {
			s = &out
		}
		for _, o := range s.frame(e) {
			o.Index = i
			list = append(list, o)
		}
	}
	return list
}

// A Framing is what the rules for the next frame header depend on.
type Framing struct {
	Client    bool // the sender is the client, so it must mask
	Deflate   bool // permessage-deflate was agreed
	InMessage bool // a fragmented message has begun and not ended
}

// HeaderOffences lists what is wrong with a frame header: [StartOffences], then
// [LengthOffences].
func HeaderOffences(h wsproto.Header, f Framing) []Offence {
	return append(StartOffences(h, f), LengthOffences(h)...)
}

// StartOffences lists what the first two bytes of a frame header show to be
// wrong, in the order in which Autobahn looks. They say how the length is
// written, so a control frame whose length is not in 7 bits is too long,
// whatever number follows (RFC 6455 §5.5).
func StartOffences(h wsproto.Header, f Framing) []Offence {
	var list []Offence
	add := func(broken bool, from, to int, section, words string) {
		if broken {
			list = append(list, Offence{From: from, To: to, Section: section, Words: words})
		}
	}
	add(h.RSV != 0 && (!f.Deflate || h.RSV != wsproto.RSV1), 0, 1, "RFC 6455 5.2", "reserved bits set without an extension that defines them")
	add(f.Client && !h.Masked, 1, 2, "RFC 6455 5.1", "a client's frame is not masked")
	add(!f.Client && h.Masked, 1, 2, "RFC 6455 5.1", "a server's frame is masked")
	if h.Opcode.Control() {
		add(!h.Fin, 0, 1, "RFC 6455 5.5", "a control frame is fragmented")
		add(h.Form != wsproto.Form7, 1, endOfLength(h), "RFC 6455 5.5", "the length field of a control frame is over 125")
		add(h.Opcode > wsproto.OpPong, 0, 1, "RFC 6455 5.2", "a reserved control opcode is used")
		add(h.Opcode == wsproto.OpClose && h.Form == wsproto.Form7 && h.Length == 1, 1, 2, "RFC 6455 5.5.1", "a close frame has a payload of one octet")
		add(f.Deflate && h.RSV == wsproto.RSV1, 0, 1, "RFC 7692 6", "a control frame is compressed")
	} else {
		add(h.Opcode > wsproto.OpBinary, 0, 1, "RFC 6455 5.2", "a reserved data opcode is used")
		add(!f.InMessage && h.Opcode == wsproto.OpContinuation, 0, 1, "RFC 6455 5.4", "a continuation frame comes outside a message")
		add(f.InMessage && h.Opcode != wsproto.OpContinuation, 0, 1, "RFC 6455 5.4", "a new message begins inside a fragmented one")
		add(f.Deflate && f.InMessage && h.RSV == wsproto.RSV1, 0, 1, "RFC 7692 6", "a continuation frame is marked as compressed")
	}
	return list
}

// LengthOffences lists what is wrong with the length of a frame, once all of it
// is there (RFC 6455 §5.2).
func LengthOffences(h wsproto.Header) []Offence {
	var list []Offence
	if !h.Minimal() {
		list = append(list, Offence{From: 1, To: endOfLength(h), Section: "RFC 6455 5.2", Words: "a payload length is not minimally encoded"})
	}
	if h.Length > 1<<63-1 {
		list = append(list, Offence{From: 2, To: endOfLength(h), Section: "RFC 6455 5.2", Words: "a payload length has its most significant bit set"})
	}
	return list
}

// endOfLength is the first byte behind the length in a frame header.
func endOfLength(h wsproto.Header) int {
	switch h.Form {
	case wsproto.Form16:
		return 4
	case wsproto.Form64:
		return 10
	}
	return 2
}

// A sender follows the frames of one direction.
type sender struct {
	framing Framing
	ours    bool
	closed  bool // it has sent a close frame
	text    text
}

// A text is the payload of a text message, as far as the log holds it.
type text struct {
	known bool // all of it so far; nothing is known of a compressed one
	bad   bool
	utf8  wsproto.UTF8Validator
}

func (s *sender) frame(e Entry) []Offence {
	h := e.Header()
	if s.ours {
		h.Masked = s.framing.Client // the keys of fragments are not in every log; we never err there
	}
	list := HeaderOffences(h, s.framing)
	switch {
	case h.Opcode == wsproto.OpClose:
		s.closed = true
		return append(list, closeOffences(e)...)
	case h.Opcode.Control():
		return list
	}
	if s.closed {
		list = append(list, Offence{To: 1, Section: "RFC 6455 5.5.1", Words: "a data frame comes after a close frame"})
	}
	if h.Opcode != wsproto.OpContinuation {
		s.framing.InMessage = true
		s.text = text{known: h.Opcode == wsproto.OpText && (!s.framing.Deflate || h.RSV&wsproto.RSV1 == 0)}
	}
	if o, bad := s.text.frame(e); bad && s.framing.InMessage {
		list = append(list, o)
	}
	if h.Fin {
		s.framing.InMessage = false
		s.text = text{}
	}
	return list
}

// frame looks for octets that are not UTF-8 (RFC 6455 §8.1).
func (t *text) frame(e Entry) (Offence, bool) {
	const section, words = "RFC 6455 8.1", "text is not valid UTF-8"
	if t.bad {
		return Offence{}, false
	}
	if e.InvalidAt != nil {
		t.bad = true
		return Offence{Place: InPayload, From: *e.InvalidAt, To: *e.InvalidAt + 1, Section: section, Words: words}, true
	}
	if !t.known {
		return Offence{}, false
	}
	n, ok := t.utf8.Feed(e.Data)
	if !ok {
		t.bad = true
		return Offence{Place: InPayload, From: n, To: n + 1, Section: section, Words: words}, true
	}
	t.known = len(e.Data) == e.Len
	if !t.known || !e.Fin || t.utf8.Complete() {
		return Offence{}, false
	}
	t.bad = true
	return Offence{Place: InPayload, From: lastRune(e.Data), To: len(e.Data), Section: section, Words: "text ends inside a code point"}, true
}

// lastRune is where the last code point begins, 0 if that is in an earlier frame.
func lastRune(p []byte) int {
	for i := len(p) - 1; i > len(p)-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(p[i]) {
			return i
		}
	}
	return 0
}

// closeOffences looks at the payload of a close frame (RFC 6455 §5.5.1).
func closeOffences(e Entry) []Offence {
	if len(e.Data) < 2 {
		return nil
	}
	var list []Offence
	code, reason := wsproto.StatusCode(uint16(e.Data[0])<<8|uint16(e.Data[1])), e.Data[2:]
	if !code.Valid() {
		list = append(list, Offence{Place: InPayload, To: 2, Section: "RFC 6455 7.4", Words: fmt.Sprintf("close code %d must not be sent", uint16(code))})
	}
	var v wsproto.UTF8Validator
	const section = "RFC 6455 5.5.1"
	n, ok := v.Feed(reason)
	switch {
	case !ok:
		list = append(list, Offence{Place: InPayload, From: 2 + n, To: 3 + n, Section: section, Words: "a close reason is not valid UTF-8"})
	case len(e.Data) == e.Len && !v.Complete():
		list = append(list, Offence{Place: InPayload, From: 2 + lastRune(reason), To: e.Len, Section: section, Words: "a close reason ends inside a code point"})
	}
	return list
}

// Header is that of the frame on the wire.
func (e Entry) Header() wsproto.Header {
	if h, n, _ := wsproto.ParseHeader(e.Head); n > 0 { // a length that is too long is part of it
		return h
	}
	h := wsproto.Header{Fin: e.Fin, RSV: e.RSV, Opcode: e.Opcode, Length: uint64(max(e.Len, e.Repeat, 0))}
	var key Octet
	if key.UnmarshalText([]byte("0x"+e.Mask)) == nil && len(key) == len(h.MaskKey) {
		h.Masked, h.MaskKey = true, [4]byte(key)
	}
	h, _, _ = wsproto.ParseHeader(wsproto.AppendHeader(nil, h)) // this fills in Form
	return h
}
