package ws

import "context"

// maxEcho is the largest buffer that an echo keeps for the next message.
const maxEcho = 4 << 20

// Echo sends back each message until the connection ends, and says why it did.
// It answers in batches, and reads into one buffer as long as that stays below 4 MiB.
func Echo(ctx context.Context, c *Conn) error {
	if err := c.SetBatch(ctx, true); err != nil {
		return err
	}
	var buf []byte
	for {
		typ, p, err := c.ReadAppend(ctx, buf[:0])
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			// The peer may have said why before it stopped listening.
			return c.Discard(ctx)
		}
		if buf = p; cap(buf) > maxEcho {
			buf = nil
		}
	}
}
