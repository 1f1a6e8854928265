package wire

import "github.com/wsconform/wsconform/ws/wsproto"

// A Decoder takes the frames of one direction apart. It goes on behind what is
// illegal, as if it were legal. Framing has to be set before the first byte; the
// decoder keeps its InMessage.
type Decoder struct {
	Framing

	// Of the message under way, or of the last one.
	Binary     bool
	Compressed bool

	partial [wsproto.MaxHeaderLen]byte // a header that came in pieces
	have    int                        // bytes of it
	judged  bool                       // its first two bytes were looked at

	inFrame bool
	header  wsproto.Header
	left    uint64 // bytes of the payload still to come
	pos     int    // offset for the mask

	checks bool // text that is not compressed
	bad    bool // it is not UTF-8
	utf8   wsproto.UTF8Validator
}

// TokenKind tells the kinds of token apart.
type TokenKind uint8

// The kinds of token.
const (
	NeedMore   TokenKind = iota // all bytes are taken; Offences are those of half a header
	FrameBegin                  // a header
	FrameData                   // a piece of the payload
	FrameEnd                    // all of the payload was there
)

// A Token is what the next bytes are.
type Token struct {
	Kind     TokenKind
	Header   wsproto.Header // of the frame; unset if Kind is NeedMore
	Offences []Offence
	Data     []byte // the piece, unmasked in place
	// BadText marks a piece or the end of a text message that is not UTF-8, as
	// known by then. InvalidAt is the first byte of the frame's payload that shows
	// it, in the piece that does, else -1.
	BadText   bool
	InvalidAt int
	// MessageEnd marks the end of the last frame of a message.
	MessageEnd bool
}

// InFrame reports whether a frame is under way, and how many bytes of its payload
// are still to come.
func (d *Decoder) InFrame() (left uint64, ok bool) { return d.left, d.inFrame }

// Partial returns the bytes of a header that is not complete yet.
func (d *Decoder) Partial() []byte { return d.partial[:d.have] }

// Next takes what comes next off the front of p, and says how many bytes that are.
// It may have something to say though p is empty, the end of a frame.
func (d *Decoder) Next(p []byte) (Token, int) {
	if !d.inFrame {
		return d.nextHeader(p)
	}
	if d.left == 0 {
		return d.end(), 0
	}
	n := int(min(uint64(len(p)), d.left))
	if n == 0 {
		return Token{Kind: NeedMore}, 0
	}
	return d.piece(p[:n]), n
}

func (d *Decoder) nextHeader(p []byte) (Token, int) {
	kept := d.have
	d.have += copy(d.partial[d.have:], p)
	h, n, err := wsproto.ParseHeader(d.partial[:d.have])
	if n == 0 && err == nil {
		t := Token{Kind: NeedMore}
		if d.have >= 2 && !d.judged {
			d.judged = true
			t.Offences = StartOffences(d.start(), d.Framing)
		}
		return t, d.have - kept
	}
	t := Token{Kind: FrameBegin, Header: h, Offences: LengthOffences(h)}
	if !d.judged {
		t.Offences = HeaderOffences(h, d.Framing)
	}
	d.have, d.judged = 0, false
	d.header, d.left, d.pos, d.inFrame = h, h.Length, 0, true
	if !h.Opcode.Control() && !d.InMessage {
		d.InMessage = true
		d.Binary = h.Opcode == wsproto.OpBinary
		d.Compressed = d.Deflate && h.RSV == wsproto.RSV1
		d.checks, d.bad = h.Opcode == wsproto.OpText && !d.Compressed, false
		d.utf8.Reset()
	}
	return t, n - kept
}

// start is the header as far as its first two bytes tell.
func (d *Decoder) start() wsproto.Header {
	h, _, _ := wsproto.ParseHeader(append(d.partial[:2:2], make([]byte, wsproto.MaxHeaderLen-2)...))
	return h
}

func (d *Decoder) piece(data []byte) Token {
	before := d.header.Length - d.left
	d.left -= uint64(len(data))
	if d.header.Masked {
		d.pos = wsproto.Mask(d.header.MaskKey, d.pos, data)
	}
	t := Token{Kind: FrameData, Header: d.header, Data: data, InvalidAt: -1}
	if d.checks && !d.header.Opcode.Control() {
		if !d.bad {
			n, ok := d.utf8.Feed(data)
			if d.bad = !ok; d.bad {
				t.InvalidAt = int(before) + n
			}
		}
		t.BadText = d.bad
	}
	return t
}

func (d *Decoder) end() Token {
	d.inFrame = false
	t := Token{Kind: FrameEnd, Header: d.header, InvalidAt: -1}
	if !d.header.Opcode.Control() && d.header.Fin {
		d.InMessage = false
		t.MessageEnd = true
		t.BadText = d.checks && (d.bad || !d.utf8.Complete())
	}
	return t
}
