package native

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/wsconform/wsconform/cases"
)

// Keys are the masking keys of a case (RFC 6455 §5.3). They differ from frame to
// frame and from case to case, and are the same in every run: a peer that handles
// some keys wrongly gets the same verdict each time. They can be guessed,
// which a real client must prevent (§10.3); here it does no harm.
type keys struct {
	frames  *rand.ChaCha8
	replies *rand.ChaCha8 // come when the peer pings, so they take no key from the others
}

func newKeys(id cases.ID, conn int) keys {
	stream := func(what string) *rand.ChaCha8 {
		var seed [32]byte
		copy(seed[:], what+string(id))
		seed[31] = byte(conn)
		return rand.NewChaCha8(seed)
	}
	return keys{stream("frames "), stream("replies ")}
}

func (k keys) frame() [4]byte { return keyOf(k.frames.Uint64()) }
func (k keys) reply() [4]byte { return keyOf(k.replies.Uint64()) }

func keyOf(n uint64) (key [4]byte) {
	binary.BigEndian.PutUint32(key[:], uint32(n))
	return key
}
