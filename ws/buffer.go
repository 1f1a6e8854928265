package ws

import (
	"sync"

	"github.com/wsconform/wsconform/ws/wsproto"
)

const (
	// readBuffer is how much is read at a time while there is something to read.
	// Connections share these buffers: one that waits has none.
	readBuffer = 32 << 10
	// smallBuffer is the buffer of a connection that has to have one to wait.
	smallBuffer = 4 << 10
	// bulk is the length from which the payload of a frame is read straight to
	// where it belongs. Up to there, a copy costs less than a call.
	bulk = 16 << 10
	// peek is how much is read at a time between frames of that length. It gets
	// their headers, and little that has to be copied.
	peek = 4 << 10
)

var readBuffers = sync.Pool{New: func() any { return new([readBuffer]byte) }}

// space is room behind buf[:w], enough for a whole control frame.
func (r *reader) space() []byte {
	const least = wsproto.MaxHeaderLen + wsproto.MaxControlPayload
	switch {
	case r.poll != nil && len(r.buf) < readBuffer:
		r.borrow()
	case r.buf == nil:
		r.buf = make([]byte, smallBuffer)
	case r.r == r.w:
		r.r, r.w = 0, 0
	case len(r.buf)-r.r < least || r.w == len(r.buf):
		r.r, r.w = 0, copy(r.buf, r.buf[r.r:r.w])
	}
	if r.bulky && r.left == 0 {
		return r.buf[r.w:min(r.w+peek, len(r.buf))]
	}
	return r.buf[r.w:]
}

// borrow takes one of the shared buffers.
func (r *reader) borrow() {
	b := readBuffers.Get().(*[readBuffer]byte)[:]
	r.r, r.w = 0, copy(b, r.buf[r.r:r.w])
	r.buf = b
}

// rest gives the buffer back for as long as nothing arrives. What waits in it,
// the start of a header or of a control frame, moves to a place of its size.
func (r *reader) rest() {
	if len(r.buf) < readBuffer {
		return
	}
	var left []byte
	if r.r < r.w {
		left = append(left, r.buf[r.r:r.w]...)
	}
	readBuffers.Put((*[readBuffer]byte)(r.buf))
	r.buf, r.r, r.w = left, 0, len(left)
}
