package ws

import (
	"context"
	"iter"
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
