package ws

import (
	"context"
	"io"
	"iter"
	"slices"
)

// A Message is a whole message.
type Message struct {
	Type MessageType
	Data []byte
}

// Messages reads message after message, for a range loop. The loop ends without an
// error when the peer closes with [StatusNormalClosure], [StatusGoingAway] or no
// code; any other end gives the error of [Conn.Read], once. A break leaves the
// connection open.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		for {
			typ, p, err := c.Read(ctx)
			if err != nil {
				if !ClosedOK(err) {
					yield(Message{}, err)
				}
				return
			}
			if !yield(Message{typ, p}, nil) {
				return
			}
		}
	}
}

// A Fragment is what one frame carried of a message (RFC 6455 §5.4).
type Fragment struct {
	Type  MessageType // of the message, in each of its fragments
	Data  []byte      // inflated; a text may be cut inside a rune
	Final bool        // the message ends with it
}

// ReadFragment is Read frame by frame, for who wants to see how the peer cut a
// message. Compression does not go by frames (RFC 7692 §6.1): a fragment has what
// can be inflated once its frame is there, which may be nothing. ReadFragment inside a message and Read do not mix well: Read gives the
// rest.
func (c *Conn) ReadFragment(ctx context.Context) (Fragment, error) {
	if err := c.lockRead(ctx); err != nil {
		return Fragment{}, opError("read", err)
	}
	defer c.unlockRead()
	c.boundRead()
	if err := c.begin(ctx); err != nil {
		return Fragment{}, opError("read", err)
	}
	f, err := c.fragment(ctx)
	if err != nil {
		return Fragment{}, opError("read", err)
	}
	return f, nil
}

// fragment reads what is left of the current frame, or the next one if that is
// used up.
func (c *Conn) fragment(ctx context.Context) (Fragment, error) {
	r := &c.rd
	if r.given == r.seq && r.frameUsed() && !r.fin {
		if err := c.frame(ctx); err != nil {
			return Fragment{}, err
		}
	}
	p := r.kept
	r.kept, r.given = nil, 0
	r.byFrame = true
	defer func() { r.byFrame = false }()
	for !r.frameUsed() || r.fin {
		if len(p) == cap(p) && !r.atEnd() {
			p = slices.Grow(p, r.growth(len(p)))
		}
		n, err := c.some(ctx, p[len(p):cap(p)])
		p = p[:len(p)+n]
		if err == io.EOF {
			return Fragment{r.typ, p, true}, nil
		}
		if err != nil {
			if r.err == nil {
				r.kept = p
			}
			return Fragment{}, err
		}
	}
	r.given = r.seq
	return Fragment{Type: r.typ, Data: p}, nil
}

// frameUsed reports that nothing more comes out of the current frame.
func (r *reader) frameUsed() bool {
	return r.left == 0 && (!r.compressed || len(r.in) == 0 && !r.more && len(r.inf.Out()) == 0)
}
