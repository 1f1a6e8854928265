package rawscript

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A Step is one line of a script: an [Edit], [Open], [Frame], [Bytes], [Wait],
// [Await] or [End]. String returns the line in its canonical form.
//
//sumtype:decl
type Step interface {
	fmt.Stringer
	step()
}

// An Edit changes the head that [Open] sends: the request of a client, the response
// of a server. Edits come before the first step of another kind.
type Edit struct {
	Verb  string // start, set, add, without, line or segment
	Name  string // of set, add and without
	Value string // of the others too; unescaped
}

// Open sends the head with its edits. It is implied by the first step that is not
// an Edit.
type Open struct {
	NoWait bool // do not wait for the answer
	Never  bool // send no head at all
}

// A Frame is sent as it is, legal or not.
type Frame struct {
	Opcode  wsproto.Opcode
	NoFin   bool
	RSV     uint8 // wsproto.RSV1, wsproto.RSV2 and wsproto.RSV3, added up
	Mask    Masking
	Key     [4]byte            // of MaskKey
	Length  *uint64            // claimed; nil means that of the payload
	Form    wsproto.LengthForm // of the length; zero means the shortest
	Deflate bool               // compress the payload and set RSV1 (RFC 7692 §7.2.1)
	Chop    int                // bytes a write; zero means one write
	Cut     int                // send only so many bytes; zero means all
	Payload []byte
}

// Masking says how a frame is masked.
type Masking uint8

// The ways to mask a frame.
const (
	MaskByRole Masking = iota // clients with a random key, servers not (RFC 6455 §5.1)
	MaskNone
	MaskRandom
	MaskKey
)

// Bytes are written as they are.
type Bytes struct {
	Data []byte
	Chop int // bytes a write; zero means one write
}

// Wait listens for some time.
type Wait struct{ For time.Duration }

// Await listens until the peer has sent something, and fails when it does not come
// in time. It looks at what came since the last Await was met.
type Await struct {
	What string // head, frame, end, or the name of an opcode
	For  time.Duration
}

// End ends the connection in one of three ways.
type End struct {
	Verb string // half-close sends FIN and listens on, reset sends RST, quit closes
}

func (Edit) step()  {}
func (Open) step()  {}
func (Frame) step() {}
func (Bytes) step() {}
func (Wait) step()  {}
func (Await) step() {}
func (End) step()   {}

func (e Edit) String() string {
	switch e.Verb {
	case "set", "add":
		return e.Verb + " " + e.Name + ": " + escape([]byte(e.Value))
	case "without":
		return e.Verb + " " + e.Name
	}
	return e.Verb + " " + escape([]byte(e.Value))
}

func (o Open) String() string {
	switch {
	case o.Never:
		return "open never"
	case o.NoWait:
		return "open nowait"
	}
	return "open"
}

func (f Frame) String() string {
	var b strings.Builder
	b.WriteString("frame " + opcodeName(f.Opcode))
	flag := func(set bool, name string) {
		if set {
			b.WriteString(" " + name)
		}
	}
	flag(f.NoFin, "nofin")
	flag(f.RSV&wsproto.RSV1 != 0, "rsv1")
	flag(f.RSV&wsproto.RSV2 != 0, "rsv2")
	flag(f.RSV&wsproto.RSV3 != 0, "rsv3")
	flag(f.Mask == MaskNone, "nomask")
	flag(f.Mask == MaskRandom, "mask")
	flag(f.Mask == MaskKey, "mask="+hex.EncodeToString(f.Key[:]))
	if f.Length != nil {
		fmt.Fprintf(&b, " length=%d", *f.Length)
	}
	flag(f.Form != 0, fmt.Sprintf("form=%d", f.Form))
	flag(f.Deflate, "deflate")
	flag(f.Chop > 0, fmt.Sprintf("chop=%d", f.Chop))
	flag(f.Cut > 0, fmt.Sprintf("cut=%d", f.Cut))
	flag(len(f.Payload) > 0, "text:"+escape(f.Payload))
	return b.String()
}

func (b Bytes) String() string {
	s := "bytes "
	if b.Chop > 0 {
		s += fmt.Sprintf("chop=%d ", b.Chop)
	}
	return s + "text:" + escape(b.Data)
}

func (w Wait) String() string  { return "wait " + w.For.String() }
func (a Await) String() string { return "await " + a.What + " " + a.For.String() }
func (e End) String() string   { return e.Verb }

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
