package ws

import "errors"

// An Inflater decodes compressed messages outside a [Conn], for tools that judge
// a peer: the messages of a connection as one DEFLATE stream (RFC 7692 §7.2.2).
// It knows the distance of every match, so none beyond the window goes unseen.
type Inflater struct{ f inflater }

// Reset begins a stream in which a match may reach back window octets, 2^8 to
// 2^15, of what stands before it: the end of history.
func (z *Inflater) Reset(window int, history []byte) {
	z.f.reset(window)
	z.f.preload(history[max(0, len(history)-window):])
}

// Inflate decodes p and hands the output to take in pieces, each of which is
// good until take returns. It ends early when take returns false. An error is
// a [*ProtocolError], behind which the stream must be reset.
func (z *Inflater) Inflate(p []byte, take func(piece []byte) bool) error {
	for len(p) > 0 || z.f.full {
		used, err := z.f.inflate(p, 1<<30)
		p = p[used:]
		if out := z.f.out(); len(out) > 0 {
			z.f.take(len(out))
			if !take(out) {
				return nil
			}
		}
		if err != nil {
			return inflateError(err)
		}
	}
	return nil
}

// InflateTail decodes what a sender drops from the end of each message (RFC 7692
// §7.2.1), unless the message ended with a block marked as final, behind which
// nothing need come. It reports whether the message then ends between two blocks.
func (z *Inflater) InflateTail(take func(piece []byte) bool) (complete bool, err error) {
	if z.f.atBoundary() && z.f.wasFinal {
		return true, nil
	}
	err = z.Inflate(deflateTail, take)
	return err == nil && z.f.atBoundary(), err
}

// inflateError is what a peer is told of an error of the inflater.
func inflateError(err error) *ProtocolError {
	if errors.Is(err, errWindow) {
		return &ProtocolError{7692, "7.1.2", StatusProtocolError, err.Error()}
	}
	return &ProtocolError{7692, "7.2.2", StatusInvalidFramePayloadData, err.Error()}
}
