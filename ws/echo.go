package ws

import (
	"context"
	"sync"
)

// maxEcho is the largest buffer that is kept for further echoes.
const maxEcho = 4 << 20

// echoBuffers are shared: an echo that waits has none, and messages follow each
// other through memory that is in the cache.
var echoBuffers = sync.Pool{New: func() any { return new([]byte) }}

// Echo sends back each message until the connection ends, and says why it did.
// It answers in batches. While it waits it holds no buffer.
func Echo(ctx context.Context, c *Conn) error {
	if err := c.SetBatch(ctx, true); err != nil {
		return err
	}
	for {
		if err := c.Wait(ctx); err != nil {
			return err
		}
		if err := echoArrived(ctx, c); err != nil {
			return err
		}
	}
}

// echoArrived echoes messages for as long as something has arrived.
func echoArrived(ctx context.Context, c *Conn) error {
	buf := echoBuffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= maxEcho {
			echoBuffers.Put(buf)
		}
	}()
	for more := true; more; {
		var typ MessageType
		var err error
		typ, *buf, more, err = c.readAppend(ctx, (*buf)[:0])
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, *buf); err != nil {
			// The peer may have said why before it stopped listening.
			return c.Discard(ctx)
		}
	}
	return nil
}
