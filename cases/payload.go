package cases

import (
	"bytes"
	"fmt"
)

// A Payload is what a frame carries: Unit repeated and cut to Len octets. A
// literal payload is one whose Len is that of its Unit.
type Payload struct {
	Unit []byte
	Len  int
}

// Data returns the literal payload p.
func Data(p []byte) Payload { return Payload{Unit: p, Len: len(p)} }

// Repeat returns unit repeated and cut to n octets.
func Repeat(unit string, n int) Payload { return Payload{Unit: []byte(unit), Len: n} }

// Bytes returns the payload as a fresh slice of Len octets.
func (p Payload) Bytes() []byte { return p.AppendRange(make([]byte, 0, p.Len), 0, p.Len) }

// AppendRange appends the octets from up to but not including to.
func (p Payload) AppendRange(dst []byte, from, to int) []byte {
	for from < to {
		unit := p.Unit[from%len(p.Unit):]
		unit = unit[:min(len(unit), to-from)]
		dst = append(dst, unit...)
		from += len(unit)
	}
	return dst
}

// Literal reports whether the payload is its Unit, once.
func (p Payload) Literal() bool { return p.Len == len(p.Unit) }

// Equal reports whether both payloads have the same octets.
func (p Payload) Equal(q Payload) bool {
	if p.Len != q.Len {
		return false
	}
	return bytes.Equal(p.Unit, q.Unit) || bytes.Equal(p.Bytes(), q.Bytes())
}

func (p Payload) String() string {
	switch {
	case p.Len == 0:
		return "empty"
	case p.Literal():
		return Octet(p.Unit).quote()
	}
	return fmt.Sprintf("%d octets of %s", p.Len, Octet(p.Unit).quote())
}
