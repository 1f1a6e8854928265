package ws

import (
	cryptorand "crypto/rand"
	"math/rand/v2"
)

// A keySource hands out unpredictable masking keys (RFC 6455 §10.3): the
// stream of ChaCha8, with a key of crypto/rand that is made when it is needed. It
// costs a tenth of asking crypto/rand each time. It is for one goroutine at a time.
type keySource struct {
	stream rand.ChaCha8
	seeded bool
}

func (s *keySource) next() uint32 {
	if !s.seeded {
		var seed [32]byte
		cryptorand.Read(seed[:]) // never fails
		s.stream.Seed(seed)
		s.seeded = true
	}
	return uint32(s.stream.Uint64())
}
