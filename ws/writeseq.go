package ws

import (
	"context"
	"iter"
)

// WriteSeq sends one message whose fragments come from an iterator, each in a frame
// of its own as soon as it is there, and an empty one at the end (RFC 6455 §5.4).
// Other messages wait until then; control frames do not. A text may be cut
// anywhere. The error is as in Write; the iterator is asked for no more then, and
// as a message begun cannot be taken back, the connection ends.
func (c *Conn) WriteSeq(ctx context.Context, typ MessageType, fragments iter.Seq[[]byte]) error {
	w, err := c.Writer(ctx, typ)
	if err != nil {
		return err
	}
	for p := range fragments {
		if _, err = w.Write(p); err != nil {
			break
		}
	}
	if cerr := w.Close(); err == nil { // which gives way to others, and repeats an error
		err = cerr
	}
	return err
}
