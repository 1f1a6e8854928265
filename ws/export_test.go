package ws

import (
	"io"
	"unsafe"
)

// ConnSize is what a Conn takes of memory by itself.
const ConnSize = unsafe.Sizeof(Conn{})

// Compressor gives tests the compressor of a connection.
type Compressor struct{ d *deflater }

func NewCompressor(windowBits int) *Compressor { return &Compressor{newDeflater(windowBits)} }

func (c *Compressor) Compress(p []byte) []byte { return c.d.compress(nil, p) }
func (c *Compressor) Reset()                   { c.d.reset() }

// Inflate pushes data through an inflater in pieces of a size, with room for so
// much output at a time, and stops when it has more than most octets.
func Inflate(data []byte, window, piece, limit, most int) (out []byte, boundary bool, err error) {
	var f inflater
	f.reset(window)
	var in []byte
	for {
		if len(in) == 0 && !f.full {
			if len(data) == 0 {
				return out, f.atBoundary(), nil
			}
			n := min(piece, len(data))
			in, data = data[:n], data[n:]
		}
		used, err := f.inflate(in, limit)
		in = in[used:]
		out = append(out, f.out()...)
		f.take(len(f.out()))
		if err != nil {
			return out, false, err
		}
		if len(out) > most {
			return out, false, io.ErrShortBuffer
		}
	}
}

var (
	ErrCorrupt = errCorrupt
	ErrWindow  = errWindow
)

// PackInfo is what [Conn.Handshake] says of what a handshake agreed on.
func PackInfo(info *HandshakeInfo) *HandshakeInfo { return packInfo(info).unpack() }

// Inflates is how much memory the connection has for what it inflated.
func Inflates(c *Conn) int {
	if c.rd.inf == nil {
		return 0
	}
	return cap(c.rd.inf.buf)
}
