package rawscript

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Step is one line of a script: an [Edit], [Open], [Frame], [Bytes], wait,
// await, [Connection] or [End]. String returns the line in its canonical form.
//
//sumtype:decl
type Step interface {
	fmt.Stringer
	step()
}

// An Edit changes the head that [Open] sends: the request of a client, the response
// of a server. Edits come before the first step of another kind.
type Edit struct {
	verb  string // start, set, add, without, line or segment
	name  string // of set, add and without
	value string // of the others too; unescaped
}

// Open sends the head with its edits. It is implied by the first step that is not
// an Edit.
type Open struct {
	noWait bool // do not wait for the answer
	Never  bool // send no head at all
}

// A Frame is sent as it is, legal or not.
type Frame struct {
	opcode  wsproto.Opcode
	noFin   bool
	rsv     uint8 // wsproto.RSV1, wsproto.RSV2 and wsproto.RSV3, added up
	mask    masking
	key     [4]byte            // of MaskKey
	length  *uint64            // claimed; nil means that of the payload
	form    wsproto.LengthForm // of the length; zero means the shortest
	deflate bool               // compress the payload and set RSV1 (RFC 7692 §7.2.1)
	chop    int                // bytes a write; zero means one write
	cut     int                // send only so many bytes; zero means all
	Payload []byte
}

// masking says how a frame is masked.
type masking uint8

// The ways to mask a frame.
const (
	maskByRole masking = iota // clients with a random key, servers not (RFC 6455 §5.1)
	maskNone
	maskRandom
	maskKey
)

// Bytes are written as they are.
type Bytes struct {
	Data []byte
	chop int // bytes a write; zero means one write
}

// wait listens for some time.
type wait struct{ For time.Duration }

// await listens until the peer has sent something, and fails when it does not come
// in time. It looks at what came since the last Await was met.
type await struct {
	what string // head, frame, end, or the name of an opcode
	For  time.Duration
}

// Connection goes on with another connection, which is opened if it is new. A script begins
// on connection 1.
type Connection struct{ N int }

// End ends the connection in one of three ways.
type End struct {
	Verb string // half-close sends FIN and listens on, reset sends RST, quit closes
}

func (Edit) step()       {}
func (Open) step()       {}
func (Frame) step()      {}
func (Bytes) step()      {}
func (wait) step()       {}
func (await) step()      {}
func (Connection) step() {}
func (End) step()        {}

func (e Edit) String() string {
	switch e.verb {
	case "set", "add":
		return e.verb + " " + e.name + ": " + escape([]byte(e.value))
	case "without":
		return e.verb + " " + e.name
	}
	return e.verb + " " + escape([]byte(e.value))
}

func (o Open) String() string {
	switch {
	case o.Never:
		return "open never"
	case o.noWait:
		return "open nowait"
	}
	return "open"
}

func (f Frame) String() string {
	var b strings.Builder
	b.WriteString("frame " + opcodeName(f.opcode))
	flag := func(set bool, name string) {
		if set {
			b.WriteString(" " + name)
		}
	}
	flag(f.noFin, "nofin")
	flag(f.rsv&wsproto.RSV1 != 0, "rsv1")
	flag(f.rsv&wsproto.RSV2 != 0, "rsv2")
	flag(f.rsv&wsproto.RSV3 != 0, "rsv3")
	flag(f.mask == maskNone, "nomask")
	flag(f.mask == maskRandom, "mask")
	flag(f.mask == maskKey, "mask="+hex.EncodeToString(f.key[:]))
	if f.length != nil {
		fmt.Fprintf(&b, " length=%d", *f.length)
	}
	flag(f.form != 0, fmt.Sprintf("form=%d", f.form))
	flag(f.deflate, "deflate")
	flag(f.chop > 0, fmt.Sprintf("chop=%d", f.chop))
	flag(f.cut > 0, fmt.Sprintf("cut=%d", f.cut))
	flag(len(f.Payload) > 0, "text:"+escape(f.Payload))
	return b.String()
}

func (b Bytes) String() string {
	s := "bytes "
	if b.chop > 0 {
		s += fmt.Sprintf("chop=%d ", b.chop)
	}
	return s + "text:" + escape(b.Data)
}

func (w wait) String() string  { return "wait " + w.For.String() }
func (a await) String() string { return "await " + a.what + " " + a.For.String() }
func (e End) String() string   { return e.Verb }

func (c Connection) String() string { return "connection " + strconv.Itoa(c.N) }

// opcodeNames are those of RFC 6455 §11.8; others are numbers.
var opcodeNames = map[wsproto.Opcode]string{
	wsproto.OpContinuation: "continuation", wsproto.OpText: "text", wsproto.OpBinary: "binary",
	wsproto.OpClose: "close", wsproto.OpPing: "ping", wsproto.OpPong: "pong",
}

func opcodeName(op wsproto.Opcode) string {
	if name, ok := opcodeNames[op]; ok {
		return name
	}
	return "0x" + strconv.FormatUint(uint64(op), 16)
}

func parseOpcode(s string) (wsproto.Opcode, bool) {
	for op, name := range opcodeNames {
		if name == s {
			return op, true
		}
	}
	n, err := strconv.ParseUint(s, 0, 4)
	return wsproto.Opcode(n), err == nil
}

// FrameParts are the parts of a [Frame], as its line gives them.
type FrameParts struct {
	Opcode   wsproto.Opcode
	NoFin    bool
	RSV      uint8
	Unmasked bool    // nomask
	Masked   bool    // mask, or mask=HEX
	Key      []byte  // of mask=HEX; nil means a random one
	Length   *uint64 // claimed; nil means that of the payload
	Form     wsproto.LengthForm
	Deflate  bool
	Chop     int // 0 means one write
	Cut      int // 0 means all
}

// Parts returns the parts of the frame.
func (f Frame) Parts() FrameParts {
	p := FrameParts{
		Opcode: f.opcode, NoFin: f.noFin, RSV: f.rsv, Unmasked: f.mask == maskNone, Masked: f.mask == maskRandom || f.mask == maskKey,
		Length: f.length, Form: f.form, Deflate: f.deflate, Chop: f.chop, Cut: f.cut,
	}
	if f.mask == maskKey {
		p.Key = f.key[:]
	}
	return p
}

// Chop is how many bytes go into each write; 0 means all.
func (b Bytes) Chop() int { return b.chop }

// Compressed is the payload as the part deflate sends it (RFC 7692 §7.2.1).
func (f Frame) Compressed() []byte { return deflate(f.Payload) }

// Encoded is the frame as it goes on the wire, with its header. It is masked if it says so,
// or if a client sends it (RFC 6455 §5.1): with its own key, or with the one given.
func (f Frame) Encoded(server bool, key [4]byte) (wsproto.Header, []byte) {
	payload := f.Payload
	h := wsproto.Header{Fin: !f.noFin, RSV: f.rsv, Opcode: f.opcode, Form: f.form}
	if f.deflate {
		payload = f.Compressed()
		h.RSV |= wsproto.RSV1
	}
	h.Length = uint64(len(payload))
	if f.length != nil {
		h.Length = *f.length
	}
	switch h.Masked = f.mask != maskNone && (f.mask != maskByRole || !server); {
	case f.mask == maskKey:
		h.MaskKey = f.key
	case h.Masked:
		h.MaskKey = key
	}
	b := wsproto.AppendHeader(nil, h)
	start := len(b)
	b = append(b, payload...)
	if h.Masked {
		wsproto.Mask(h.MaskKey, 0, b[start:])
	}
	if f.cut > 0 {
		b = b[:min(f.cut, len(b))]
	}
	return h, b
}

// Parts returns the verb of the edit, and what it has of a name and a value.
func (e Edit) Parts() (verb, name, value string) { return e.verb, e.name, e.value }

// NoWait reports whether frames follow before the answer comes.
func (o Open) NoWait() bool { return o.noWait }

// Waits tells what a wait or an await waits for, which is "" for a wait, and how long.
func Waits(s Step) (what string, d time.Duration, ok bool) {
	switch s := s.(type) {
	case wait:
		return "", s.For, true
	case await:
		return s.what, s.For, true
	default:
		return "", 0, false
	}
}
