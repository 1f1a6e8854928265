package cases

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"

	"github.com/wsconform/wsconform/internal/transcript"
)

// A Payload is what a frame carries: Unit repeated and cut to Len bytes. A
// literal payload is one whose Len is that of its Unit.
type Payload struct {
	Unit []byte
	Len  int
}

// Data returns the literal payload p.
func Data(p []byte) Payload { return Payload{Unit: p, Len: len(p)} }

// Repeat returns unit repeated and cut to n bytes.
func Repeat(unit string, n int) Payload { return Payload{Unit: []byte(unit), Len: n} }

// Bytes returns the payload as a fresh slice of Len bytes.
func (p Payload) Bytes() []byte { return p.AppendRange(make([]byte, 0, p.Len), 0, p.Len) }

// AppendRange appends the bytes from up to but not including to.
func (p Payload) AppendRange(dst []byte, from, to int) []byte {
	if from >= to {
		return dst
	}
	start := len(dst)
	dst = slices.Grow(dst, to-from)[:start+to-from]
	out := dst[start:]
	at := from % len(p.Unit)
	done := copy(out, p.Unit[at:])
	done += copy(out[done:], p.Unit[:at])
	for done < len(out) { // whole units are there: each copy doubles them
		done += copy(out[done:], out[:done])
	}
	return dst
}

// Literal reports whether the payload is its Unit, once.
func (p Payload) Literal() bool { return p.Len == len(p.Unit) }

func (p Payload) String() string {
	switch {
	case p.Len == 0:
		return "empty"
	case p.Literal():
		return transcript.Octet(p.Unit).Quote()
	}
	return fmt.Sprintf("%d bytes of %s", p.Len, transcript.Octet(p.Unit).Quote())
}

// Hash adds the first n bytes of the payload to h, without ever having all of them in
// memory.
func (p Payload) Hash(h hash.Hash, n int) {
	if p.Literal() {
		h.Write(p.Unit[:n])
		return
	}
	buf := make([]byte, 0, min(n, 4<<10))
	for at := 0; at < n; at += cap(buf) {
		h.Write(p.AppendRange(buf, at, min(n, at+cap(buf))))
	}
}

// GotText returns the event of a text message with this payload.
func GotText(p Payload) transcript.Event { return event(transcript.GotMessage, false, p) }

// GotBinary returns the event of a binary message with this payload.
func GotBinary(p Payload) transcript.Event { return event(transcript.GotMessage, true, p) }

// Ponged returns the event of a pong with this payload.
func Ponged(p Payload) transcript.Event { return event(transcript.GotPong, false, p) }

func event(kind transcript.EventKind, binary bool, p Payload) transcript.Event {
	e := transcript.Event{Kind: kind, Binary: binary, Len: p.Len}
	e.Data = p.AppendRange(nil, 0, min(p.Len, transcript.HeadSize))
	if p.Len > transcript.HeadSize {
		h := sha256.New()
		p.Hash(h, p.Len)
		e.SHA256 = hex.EncodeToString(h.Sum(nil))
	}
	return e
}
