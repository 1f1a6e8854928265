package wire

import (
	"errors"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// An Inflater inflates the messages of one direction (RFC 7692 §7.2.2).
type Inflater struct {
	Bits       uint8 // of the window, 8 to 15
	NoTakeover bool  // every message begins with an empty window

	z     wsproto.Inflater
	ready bool
}

// ZeroPadded reports whether the peer filled up its final blocks with bits of 0, since
// its window was empty.
func (i *Inflater) ZeroPadded() bool { return i.z.ZeroPadded() }

var errInflatedTooLong = errors.New("a message inflates to more than is looked at")

// Message appends the message that data inflates to, at most limit bytes.
func (i *Inflater) Message(dst, data []byte, limit int) ([]byte, error) {
	if !i.ready || i.NoTakeover {
		i.z.Reset(1<<i.Bits, nil)
		i.ready = true
	}
	start := len(dst)
	take := func(piece []byte) bool {
		dst = append(dst, piece...)
		return len(dst)-start <= limit
	}
	err := i.z.Inflate(data, take)
	if err == nil {
		_, err = i.z.InflateTail(take)
	}
	if err == nil && len(dst)-start > limit {
		err = errInflatedTooLong
	}
	return dst, err
}
