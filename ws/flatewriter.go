package ws

import (
	"sync"

	"github.com/wsconform/wsconform/ws/internal/flate"
)

// flateWriter compresses the messages of a Conn. Its holder has the message slot.
type flateWriter struct {
	on         bool
	fresh      bool // no context takeover: each message on its own
	used       bool // since the last call of idle
	windowBits uint8
	threshold  int32
	d          *flate.Deflater // with context takeover
}

// deflaters are for messages on their own, by window bits.
var deflaters [16]sync.Pool

// flateBuffers hold compressed messages.
var flateBuffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the capacity beyond which a buffer is left to the collector.
const maxPooled = 1 << 20

func (w *flateWriter) worth(n int) bool { return w.on && n >= int(w.threshold) && n > 0 }

// begin readies the compressor for a message.
func (w *flateWriter) begin() {
	w.used = true
	if w.d == nil {
		d, _ := deflaters[w.windowBits].Get().(*flate.Deflater)
		if d == nil {
			d = flate.NewDeflater(int(w.windowBits))
		}
		d.Reset()
		w.d = d
	}
}

// message compresses a whole message, without the tail.
func (w *flateWriter) message(p []byte) *[]byte {
	w.begin()
	z := flateBuffers.Get().(*[]byte)
	*z = w.d.Compress((*z)[:0], p)
	*z = (*z)[:len(*z)-len(flate.Tail)]
	w.finish()
	return z
}

// finish gives the compressor back if no history is to be kept.
func (w *flateWriter) finish() {
	if w.fresh && w.d != nil {
		deflaters[w.windowBits].Put(w.d)
		w.d = nil
	}
}

// piece compresses a part of a message. The tail of each part is held back: it
// comes before the next one or, at the end of the message, never.
func (w *flateWriter) piece(p []byte, tailOwed bool) *[]byte {
	z := flateBuffers.Get().(*[]byte)
	*z = (*z)[:0]
	if tailOwed {
		*z = append(*z, flate.Tail...)
	}
	*z = w.d.Compress(*z, p)
	*z = (*z)[:len(*z)-len(flate.Tail)]
	return z
}

// done takes a buffer back.
func (w *flateWriter) done(z *[]byte) {
	if cap(*z) <= maxPooled {
		flateBuffers.Put(z)
	}
}

// idle gives up the compressor if it was not used since it was called before. The
// next message starts without history, which is always legal.
func (w *flateWriter) idle() {
	if !w.used {
		w.d = nil
	}
	w.used = false
}

// forget drops the history, which is always legal.
func (w *flateWriter) forget() {
	if w.d != nil {
		w.d.Reset()
	}
}
