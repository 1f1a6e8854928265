package ws

import (
	"context"
	"errors"
	"iter"
)

var errIterator = errors.New("iterator of a message did not end")

// WriteSeq sends one message whose fragments come from an iterator, each in a frame
// of its own as soon as it is there, and an empty one at the end (RFC 6455 §5.4).
// Other messages wait until then; control frames do not. A text may be cut
// anywhere. The error is as in Write; the iterator is not asked for more. A
// message that has begun cannot be taken back, so an error, or a panic of the
// iterator, ends the connection then.
func (c *Conn) WriteSeq(ctx context.Context, typ MessageType, fragments iter.Seq[[]byte]) error {
	w, err := c.newWriter(ctx, typ)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended { // by a panic of the iterator, or by runtime.Goexit
			w.abandon(errIterator)
		}
	}()
	for p := range fragments {
		if _, err = w.Write(p); err != nil {
			break
		}
	}
	ended = true
	if cerr := w.Close(); err == nil { // which gives way to others, and repeats an error
		err = cerr
	}
	return err
}
