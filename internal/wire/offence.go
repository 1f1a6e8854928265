package wire

import (
	"fmt"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Place is where bytes stand.
type Place uint8

// The places where bytes can break a rule.
const (
	InHeader   Place = iota // of a frame
	InPayload               // of a frame, unmasked
	InRequest               // a line of the opening handshake
	InResponse              // a line of the response
)

func (p Place) String() string {
	return [...]string{"header", "payload", "request", "response"}[p]
}

// An Offence is a rule of the protocol that bytes break.
type Offence struct {
	Place Place
	// Index is that of the entry in the wire log, or that of the line in the
	// handshake, counted from 0. It is Absent where a line is missing.
	Index int
	// From and To are the bytes within the header, the payload or the line: From
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

// Absent is the Index of an offence for a missing line.
const Absent = -1

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
		add(h.Opcode == wsproto.OpClose && h.Form == wsproto.Form7 && h.Length == 1, 1, 2, "RFC 6455 5.5.1", "a close frame has a payload of one byte")
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
	case wsproto.Form7, wsproto.FormMinimal:
	}
	return 2
}

// CloseOffences lists what is wrong with the payload of a close frame (RFC 6455 §5.5.1).
// Whole says whether payload is all of it, or only its beginning.
func CloseOffences(payload []byte, whole bool) []Offence {
	if len(payload) < 2 {
		return nil
	}
	var list []Offence
	code, reason := wsproto.StatusCode(uint16(payload[0])<<8|uint16(payload[1])), payload[2:]
	if !code.Valid() {
		list = append(list, Offence{Place: InPayload, To: 2, Section: "RFC 6455 7.4", Words: fmt.Sprintf("close code %d must not be sent", uint16(code))})
	}
	var v wsproto.UTF8Validator
	const section = "RFC 6455 5.5.1"
	n, ok := v.Feed(reason)
	switch {
	case !ok:
		list = append(list, Offence{Place: InPayload, From: 2 + n, To: 3 + n, Section: section, Words: "a close reason is not valid UTF-8"})
	case whole && !v.Complete():
		list = append(list, Offence{Place: InPayload, From: 2 + LastRune(reason), To: len(payload), Section: section, Words: "a close reason ends inside a code point"})
	}
	return list
}

// LastRune is where the last code point begins, 0 if that is in an earlier frame.
func LastRune(p []byte) int {
	for i := len(p) - 1; i > len(p)-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(p[i]) {
			return i
		}
	}
	return 0
}
