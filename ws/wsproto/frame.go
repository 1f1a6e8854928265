package wsproto

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/internal/mask"
)

// An Opcode is the frame type of RFC 6455 §5.2. Reserved values are valid
// Opcodes: sending them is half the point of a conformance test.
type Opcode uint8

// The opcodes of RFC 6455 §11.8. 3..7 and 11..15 are reserved.
const (
	OpContinuation Opcode = 0
	OpText         Opcode = 1
	OpBinary       Opcode = 2
	OpClose        Opcode = 8
	OpPing         Opcode = 9
	OpPong         Opcode = 10
)

// Control reports whether the opcode is one of a control frame, also if reserved.
func (op Opcode) Control() bool { return op&8 != 0 }

func (op Opcode) String() string {
	switch op {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	default:
		return fmt.Sprintf("opcode %d", uint8(op))
	}
}

// The bits of Header.RSV. RSV1 marks a compressed message (RFC 7692 §6).
const (
	RSV1 uint8 = 4
	RSV2 uint8 = 2
	RSV3 uint8 = 1
)

// A LengthForm says how wide the length of a frame is on the wire.
type LengthForm uint8

// The forms of RFC 6455 §5.2. Only the shortest that fits is legal.
const (
	FormMinimal LengthForm = 0 // for writing: the shortest that fits
	Form7       LengthForm = 7
	Form16      LengthForm = 16
	Form64      LengthForm = 64
)

// MaxHeaderLen is the size of the longest frame header in bytes.
const MaxHeaderLen = 14

// MaxControlPayload is the most a control frame may carry (RFC 6455 §5.5).
const MaxControlPayload = 125

// A Header is everything of a frame in front of its payload (RFC 6455 §5.2).
type Header struct {
	Fin     bool
	RSV     uint8 // 0..7, RSV1 is 4
	Opcode  Opcode
	Masked  bool
	MaskKey [4]byte // if Masked
	Length  uint64  // of the payload, as claimed on the wire
	// Form is the width of the length. A parsed header has the form that was on
	// the wire. In writing, a form too narrow for Length gives the shortest that
	// fits.
	Form LengthForm
}

// Minimal reports whether the length has the shortest form that holds it.
func (h Header) Minimal() bool {
	return h.Form == FormMinimal || h.Form == minimalForm(h.Length)
}

func minimalForm(n uint64) LengthForm {
	switch {
	case n <= 125:
		return Form7
	case n <= 0xFFFF:
		return Form16
	default:
		return Form64
	}
}

// A Frame is a header and its payload, unmasked.
type Frame struct {
	Header
	Payload []byte
}

// AppendHeader appends the header as it goes on the wire. It never refuses.
func AppendHeader(dst []byte, h Header) []byte {
	b0 := h.RSV&7<<4 | byte(h.Opcode)&15
	if h.Fin {
		b0 |= 0x80
	}
	var masked byte
	if h.Masked {
		masked = 0x80
	}
	switch max(h.Form, minimalForm(h.Length)) {
	case Form7:
		dst = append(dst, b0, masked|byte(h.Length))
	case Form16:
		dst = binary.BigEndian.AppendUint16(append(dst, b0, masked|126), uint16(h.Length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, b0, masked|127), h.Length)
	}
	if h.Masked {
		dst = append(dst, h.MaskKey[:]...)
	}
	return dst
}

// AppendFrame appends the frame as it goes on the wire, with a copy of the
// payload that is masked with MaskKey if Masked. A Length of zero means the
// length of the payload; any other is claimed as it is, true or not. It never
// refuses.
func AppendFrame(dst []byte, f Frame) []byte {
	if f.Length == 0 {
		f.Length = uint64(len(f.Payload))
	}
	dst = AppendHeader(dst, f.Header)
	start := len(dst)
	dst = append(dst, f.Payload...)
	if f.Masked {
		Mask(f.MaskKey, 0, dst[start:])
	}
	return dst
}

// ParseHeader reads a header from the front of p and says in n how long it is.
// n is zero if p is too short to tell; up to [MaxHeaderLen] bytes may be
// needed. It checks no rule but one: an error comes, with header and n, for a
// length beyond 2^63-1. For the rest see [CheckHeader].
func ParseHeader(p []byte) (h Header, n int, err error) {
	if len(p) < 2 {
		return Header{}, 0, nil
	}
	h = parseStart(p[0], p[1])
	n = 2
	switch h.Form {
	case Form16:
		if len(p) < 4 {
			return Header{}, 0, nil
		}
		h.Length = uint64(binary.BigEndian.Uint16(p[2:]))
		n = 4
	case Form64:
		if len(p) < 10 {
			return Header{}, 0, nil
		}
		h.Length = binary.BigEndian.Uint64(p[2:])
		n = 10
	default: // the length is in the second byte
	}
	if h.Masked {
		if len(p) < n+4 {
			return Header{}, 0, nil
		}
		h.MaskKey = [4]byte(p[n:])
		n += 4
	}
	if h.Length > MaxLength {
		err = errLengthMSB
	}
	return h, n, err
}

// MaxLength is the longest payload that a header can claim (RFC 6455 §5.2).
const MaxLength = 1<<63 - 1

var errLengthMSB = violation("5.2", "most significant bit of a 64-bit length is set")

// parseStart reads the first two bytes. Length is known only with Form7.
func parseStart(b0, b1 byte) Header {
	h := Header{Fin: b0&0x80 != 0, RSV: b0 >> 4 & 7, Opcode: Opcode(b0 & 15), Masked: b1&0x80 != 0}
	switch b1 &= 0x7F; b1 {
	case 126:
		h.Form = Form16
	case 127:
		h.Form = Form64
	default:
		h.Form, h.Length = Form7, uint64(b1)
	}
	return h
}

// ReadHeader reads one header and not a byte more. The error is io.EOF if
// there was nothing to read, and io.ErrUnexpectedEOF if a part of it was
// missing; else it is as in [ParseHeader].
func ReadHeader(r io.Reader) (Header, error) {
	var buf [MaxHeaderLen]byte
	if _, err := io.ReadFull(r, buf[:2]); err != nil {
		return Header{}, err
	}
	n := 2
	start := parseStart(buf[0], buf[1])
	switch start.Form {
	case Form16:
		n += 2
	case Form64:
		n += 8
	default: // the length is in the second byte
	}
	if start.Masked {
		n += 4
	}
	if _, err := io.ReadFull(r, buf[2:n]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Header{}, err
	}
	h, _, err := ParseHeader(buf[:n])
	return h, err
}

// AppendClose appends the payload of a close frame (RFC 6455 §5.5.1). A code of
// zero or StatusNoStatusRcvd appends nothing. It never refuses.
func AppendClose(dst []byte, code StatusCode, reason string) []byte {
	if code == 0 || code == StatusNoStatusRcvd {
		return dst
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(code)), reason...)
}

// ParseClose takes the payload of a close frame apart. Empty, it has
// StatusNoStatusRcvd. The error is a [*ProtocolError] for a single byte, a code
// that must not be on the wire, and a reason that is not UTF-8; code and reason
// are set all the same, as far as they are there.
func ParseClose(payload []byte) (code StatusCode, reason string, err error) {
	switch len(payload) {
	case 0:
		return StatusNoStatusRcvd, "", nil
	case 1:
		return StatusNoStatusRcvd, "", violation("5.5.1", "close frame with a payload of one byte")
	}
	code = StatusCode(binary.BigEndian.Uint16(payload))
	reason = string(payload[2:])
	if !code.Valid() {
		return code, reason, violation("7.4", fmt.Sprintf("close code %d must not be on the wire", uint16(code)))
	}
	if !utf8.ValidString(reason) {
		return code, reason, &ProtocolError{
			RFC: 6455, Section: "5.5.1", Code: StatusInvalidFramePayloadData, Reason: "close reason is not UTF-8",
		}
	}
	return code, reason, nil
}

// A State is what the rules for the next header depend on.
type State struct {
	Server  bool // the receiver is the server, so frames must be masked
	Open    bool // a fragmented message has begun and not ended
	Deflate bool // permessage-deflate was agreed

	RSV     uint8  // bits that another extension uses, as in Header
	Opcodes uint16 // reserved opcodes that one uses, a bit for each: opcode 3 is 8
}

// CheckHeader says whether the receiver may take the header (RFC 6455 §5). The
// error is a [*ProtocolError].
func CheckHeader(h Header, s State) error {
	if err := checkStart(h, s); err != nil {
		return err
	}
	if !h.Minimal() {
		return violation("5.2", "length is not in the shortest form")
	}
	if h.Length > MaxLength {
		return errLengthMSB
	}
	return nil
}

// CheckStart checks what the first two bytes of a frame tell, when the rest of the
// header has not arrived. The error is as in [CheckHeader].
func CheckStart(b0, b1 byte, s State) error { return checkStart(parseStart(b0, b1), s) }

func checkStart(h Header, s State) error {
	control := h.Opcode.Control()
	if rsv := h.RSV &^ s.RSV; rsv != 0 {
		switch {
		case rsv&(RSV2|RSV3) != 0 || !s.Deflate:
			return violation("5.2", "reserved bit set that no extension uses")
		case control:
			return &ProtocolError{7692, "6.1", StatusProtocolError, "control frame marked as compressed"}
		case h.Opcode == OpContinuation:
			return &ProtocolError{7692, "6.1", StatusProtocolError, "continuation frame marked as compressed"}
		case h.Opcode > OpBinary && s.Opcodes != 0:
			return &ProtocolError{7692, "6.1", StatusProtocolError, "reserved opcode marked as compressed"}
		}
	}
	switch h.Opcode {
	case OpContinuation, OpText, OpBinary, OpClose, OpPing, OpPong:
	default:
		if s.Opcodes&(1<<h.Opcode) == 0 {
			return violation("5.2", "reserved "+h.Opcode.String())
		}
	}
	switch {
	case s.Server && !h.Masked:
		return violation("5.1", "frame from a client is not masked")
	case !s.Server && h.Masked:
		return violation("5.1", "frame from a server is masked")
	case control && !h.Fin:
		return violation("5.5", h.Opcode.String()+" frame is fragmented")
	case control && h.Form > Form7 || control && h.Length > MaxControlPayload:
		return violation("5.5", h.Opcode.String()+" frame of more than 125 bytes")
	case h.Opcode == OpClose && h.Length == 1:
		return violation("5.5.1", "close frame with a payload of one byte")
	case !control && s.Open && h.Opcode != OpContinuation:
		return violation("5.4", h.Opcode.String()+" frame inside a fragmented message")
	case !control && !s.Open && h.Opcode == OpContinuation:
		return violation("5.4", "continuation frame without a message to continue")
	}
	return nil
}

// Mask masks or unmasks p in place (RFC 6455 §5.3). pos is the offset of p in the
// payload of the frame; the result is the offset after p, modulo 4.
func Mask(key [4]byte, pos int, p []byte) (newpos int) { return mask.InPlace(key, pos, p) }
