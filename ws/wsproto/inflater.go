package wsproto

import (
	"errors"

	"github.com/wsconform/wsconform/ws/internal/flate"
)

// An Inflater decodes compressed messages outside a connection, for tools that judge
// a peer: the messages of a connection as one DEFLATE stream (RFC 7692 §7.2.2).
// It knows the distance of every match, so none beyond the window goes unseen.
type Inflater struct{ f flate.Inflater }

// Reset begins a stream in which a match may reach back window bytes, 2^8 to
// 2^15, of what stands before it: the end of history.
func (z *Inflater) Reset(window int, history []byte) {
	z.f.Reset(window)
	z.f.Preload(history[max(0, len(history)-window):])
}

// Inflate decodes p and hands the output to take in pieces, each of which is
// good until take returns. It ends early when take returns false. An error is
// a [*ProtocolError], behind which the stream must be reset.
func (z *Inflater) Inflate(p []byte, take func(piece []byte) bool) error {
	for len(p) > 0 || z.f.Full() {
		used, err := z.f.Inflate(p, 1<<30)
		p = p[used:]
		if out := z.f.Out(); len(out) > 0 {
			z.f.Take(len(out))
			if !take(out) {
				return nil
			}
		}
		if err != nil {
			return DeflateError(err)
		}
	}
	return nil
}

// ZeroPadded reports whether the bits that fill up the last byte of each final block
// were 0, since the last reset (RFC 7692 §7.2.1).
func (z *Inflater) ZeroPadded() bool { return z.f.ZeroPadded() }

// InflateTail decodes what a sender drops from the end of each message (RFC 7692
// §7.2.1), unless the message ended with a block marked as final, behind which
// nothing need come. It reports whether the message then ends between two blocks.
func (z *Inflater) InflateTail(take func(piece []byte) bool) (complete bool, err error) {
	if z.f.AtBoundary() && z.f.EndsStream() {
		return true, nil
	}
	err = z.Inflate(flate.Tail, take)
	return err == nil && z.f.AtBoundary(), err
}

// DeflateError is the rule that a peer broke with data that does not decompress.
func DeflateError(err error) *ProtocolError {
	if errors.Is(err, flate.ErrWindow) {
		return &ProtocolError{7692, "7.1.2", StatusProtocolError, err.Error()}
	}
	return &ProtocolError{7692, "7.2.2", StatusInvalidFramePayloadData, err.Error()}
}
