package compliance_test

import (
	"fmt"
	"strings"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A frame is what a spec sends. A wire masks it as its role demands.
type frame struct{ wsproto.Frame }

func opcode(op wsproto.Opcode, payload string) frame {
	return frame{wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: op}, Payload: []byte(payload)}}
}

func text(s string) frame   { return opcode(wsproto.OpText, s) }
func binary(s string) frame { return opcode(wsproto.OpBinary, s) }
func cont(s string) frame   { return opcode(wsproto.OpContinuation, s) }
func ping(s string) frame   { return opcode(wsproto.OpPing, s) }
func pong(s string) frame   { return opcode(wsproto.OpPong, s) }

// closing is a close frame; the code 1005 leaves its body empty.
func closing(code wsproto.StatusCode, reason string) frame {
	return opcode(wsproto.OpClose, string(wsproto.AppendClose(nil, code, reason)))
}

// more says that fragments follow.
func (f frame) more() frame { f.Fin = false; return f }

// rsv sets reserved bits.
func (f frame) rsv(bits uint8) frame { f.RSV = bits; return f }

// form sets the width of the length.
func (f frame) form(form wsproto.LengthForm) frame { f.Form = form; return f }

// claim announces a payload of n bytes, whatever the length of the payload.
func (f frame) claim(n uint64) frame { f.Length = n; return f }

// describe is a line of a wire's log.
func describe(f wsproto.Frame) string {
	var b strings.Builder
	b.WriteString(f.Opcode.String())
	if !f.Fin {
		b.WriteString(" not fin")
	}
	if f.RSV != 0 {
		fmt.Fprintf(&b, " rsv %03b", f.RSV)
	}
	if f.Masked {
		fmt.Fprintf(&b, " mask %x", f.MaskKey)
	}
	fmt.Fprintf(&b, " length %d: %s", max(f.Length, uint64(len(f.Payload))), brief(f.Payload))
	return b.String()
}

// brief is the start of a payload.
func brief(p []byte) string {
	const most = 60
	if len(p) > most {
		return fmt.Sprintf("%q...", p[:most])
	}
	return fmt.Sprintf("%q", p)
}

// opcodes by use.
var (
	dataOpcodes     = []wsproto.Opcode{wsproto.OpContinuation, wsproto.OpText, wsproto.OpBinary}
	controlOpcodes  = []wsproto.Opcode{wsproto.OpClose, wsproto.OpPing, wsproto.OpPong}
	reservedOpcodes = []wsproto.Opcode{3, 4, 5, 6, 7, 11, 12, 13, 14, 15}
)
