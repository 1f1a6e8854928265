package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/transcript"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// A sentMessage is a data message that the script has sent, or has begun to.
type sentMessage struct {
	binary bool
	parts  []cases.Payload // of its frames
}

// sentBound is how many messages are remembered for comparison. No case sends more
// outside an echo loop.
const sentBound = 64

// sent remembers the frame for the comparison with its echo.
func (p *player) sent(op wsproto.Opcode, payload cases.Payload) {
	switch {
	case op == wsproto.OpText, op == wsproto.OpBinary:
		if len(p.messages) < sentBound {
			p.messages = append(p.messages, sentMessage{op == wsproto.OpBinary, []cases.Payload{payload}})
		}
	case op == wsproto.OpContinuation && len(p.messages) > 0:
		last := &p.messages[len(p.messages)-1]
		last.parts = append(last.parts, payload)
	}
}

// repeated returns the message of ours that the peer's next one should repeat.
func (p *player) repeated() (sentMessage, bool) {
	if p.loop != nil {
		return sentMessage{p.loop.Opcode == wsproto.OpBinary, []cases.Payload{p.loop.Payload}}, p.loop.checker == nil
	}
	if p.received >= len(p.messages) {
		return sentMessage{}, false
	}
	return p.messages[p.received], true
}

// A comparison compares a message, as it arrives, with the one that it should repeat.
// It takes hashes once they differ, so a right echo costs little.
type comparison struct {
	ours   sentMessage
	part   int // of ours that comes next, and where in it
	offset int
	at     int       // bytes that were the same
	hash   hash.Hash // of what has come; nil while it is the same
}

// take compares the next piece. A nil comparison takes nothing.
func (c *comparison) take(data []byte) {
	if c == nil {
		return
	}
	if c.hash == nil {
		n := c.same(data)
		c.at += n
		if n == len(data) {
			return
		}
		c.differs()
		c.hash.Write(data[n:])
		return
	}
	c.hash.Write(data)
}

// same returns how many bytes of data are what should come next.
func (c *comparison) same(data []byte) int {
	var buf [4 << 10]byte
	n := 0
	for n < len(data) && c.part < len(c.ours.parts) {
		p := c.ours.parts[c.part]
		size := min(p.Len-c.offset, len(data)-n)
		if !p.Literal() {
			size = min(size, len(buf))
		}
		if size == 0 {
			c.part, c.offset = c.part+1, 0
			continue
		}
		var want []byte
		if p.Literal() {
			want = p.Unit[c.offset : c.offset+size]
		} else {
			want = p.AppendRange(buf[:0], c.offset, c.offset+size)
		}
		got := data[n : n+size]
		if !bytes.Equal(want, got) {
			for i := range got {
				if got[i] != want[i] {
					return n + i
				}
			}
		}
		c.offset += size
		n += size
	}
	return n
}

// differs begins the hash with the bytes that were the same.
func (c *comparison) differs() {
	c.hash = sha256.New()
	c.ours.write(c.hash, c.at)
}

// difference says how the whole message of so many bytes differs from ours. It is nil
// if it does not.
func (c *comparison) difference(binary bool, length int) *transcript.Difference {
	size := c.ours.size()
	if c.hash == nil && length == size && binary == c.ours.binary {
		return nil
	}
	if c.hash == nil {
		c.differs()
	}
	whole := sha256.New()
	c.ours.write(whole, size)
	return &transcript.Difference{
		At: c.at, SHA256: hex.EncodeToString(c.hash.Sum(nil)),
		WantBinary: c.ours.binary, WantLen: size, WantSHA256: hex.EncodeToString(whole.Sum(nil)),
	}
}

func (m sentMessage) size() int {
	n := 0
	for _, p := range m.parts {
		n += p.Len
	}
	return n
}

// write hashes the first n bytes of the message.
func (m sentMessage) write(h hash.Hash, n int) {
	for _, p := range m.parts {
		k := min(p.Len, n)
		p.Hash(h, k)
		n -= k
	}
}
