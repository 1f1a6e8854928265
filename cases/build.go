package cases

import "github.com/wsconform/wsconform/ws/wsproto"

// Text returns a text frame that is a whole message, unless More says otherwise.
func Text(payload string) Frame { return Frame{Opcode: wsproto.OpText, Payload: Data([]byte(payload))} }

// Binary returns a binary frame.
func Binary(payload string) Frame {
	return Frame{Opcode: wsproto.OpBinary, Payload: Data([]byte(payload))}
}

// Cont returns the continuation frame that ends a message, unless More says otherwise.
func Cont(payload string) Frame {
	return Frame{Opcode: wsproto.OpContinuation, Payload: Data([]byte(payload))}
}

// Ping returns a ping frame.
func Ping(payload string) Frame { return Frame{Opcode: wsproto.OpPing, Payload: Data([]byte(payload))} }

// Pong returns a pong frame.
func Pong(payload string) Frame { return Frame{Opcode: wsproto.OpPong, Payload: Data([]byte(payload))} }

// Reserved returns a frame of an opcode that RFC 6455 leaves undefined.
func Reserved(op wsproto.Opcode, payload string) Frame {
	return Frame{Opcode: op, Payload: Data([]byte(payload))}
}

// More returns f without FIN: further fragments follow.
func (f Frame) More() Frame { f.NotFin = true; return f }

// WithRSV returns f with these reserved bits.
func (f Frame) WithRSV(bits uint8) Frame { f.RSV = bits; return f }

// Chopped returns f written n bytes at a time.
func (f Frame) Chopped(n int) Frame { f.Chop = n; return f }

// InForm returns f with its length written so.
func (f Frame) InForm(form wsproto.LengthForm) Frame { f.Form = form; return f }

// KeyedBy returns f masked with this key of four bytes.
func (f Frame) KeyedBy(key string) Frame { f.key = key; return f }

// CutAt returns f with its first n bytes, header and all, in a write of their own.
func (f Frame) CutAt(n int) Frame { f.Cut = n; return f }

// Apart returns f as a TCP write of its own.
func (f Frame) Apart() Frame { f.Alone = true; return f }
