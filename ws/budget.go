package ws

import (
	"fmt"
	"sync/atomic"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A budget bounds the memory that the messages of a server's connections take: those
// that arrive, up to the next read, and those that are queued by Send. A nil budget has
// no bound.
type budget struct {
	limit int64
	used  atomic.Int64
}

// uncounted is the size up to which an arriving message costs too little to count.
const uncounted = 64 << 10

var errMemory = fmt.Errorf("%w: the memory for the messages of all connections is used up", ErrTooLarge)

// take reports whether there are n bytes more. give gives them back.
func (b *budget) take(n int64) bool {
	if b == nil || n <= 0 {
		return true
	}
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) {
	if b != nil && n > 0 {
		b.used.Add(-n)
	}
}

// hold counts a message that may take size bytes. It is false if there are
// not as many; then noMemory follows, once what there is of the message has been let go.
// Its caller has the turn to read.
func (c *Conn) hold(size int) bool {
	if c.budget == nil || size <= uncounted || int64(size) <= c.rd.held {
		return true
	}
	if !c.budget.take(int64(size) - c.rd.held) {
		return false
	}
	c.rd.held = int64(size)
	return true
}

func (c *Conn) noMemory() error {
	c.unhold()
	c.failWith(wsproto.StatusTryAgainLater, "no memory for this message", errMemory)
	return errMemory
}

// unhold is for when the program asks for more, so that it has used what it got, and for
// the end of the connection.
func (c *Conn) unhold() {
	c.budget.give(c.rd.held)
	c.rd.held = 0
}
