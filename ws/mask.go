package ws

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
)

// Mask masks or unmasks p in place (RFC 6455 §5.3). pos is the offset of p in
// the payload of the frame; the offset behind p, modulo 4, comes back.
func Mask(key [4]byte, pos int, p []byte) (newpos int) {
	newpos = (pos + len(p)) & 3
	k32 := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k := uint64(k32)<<32 | uint64(k32)
	for len(p) >= 32 {
		q := p[:32:32]
		binary.LittleEndian.PutUint64(q[0:8], binary.LittleEndian.Uint64(q[0:8])^k)
		binary.LittleEndian.PutUint64(q[8:16], binary.LittleEndian.Uint64(q[8:16])^k)
		binary.LittleEndian.PutUint64(q[16:24], binary.LittleEndian.Uint64(q[16:24])^k)
		binary.LittleEndian.PutUint64(q[24:32], binary.LittleEndian.Uint64(q[24:32])^k)
		p = p[32:]
	}
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= byte(k)
		k >>= 8
	}
	return newpos
}

// keySource hands out masking keys from blocks of random octets: one call of the
// random source per key costs three times as much.
type keySource struct {
	mu   sync.Mutex // guards the rest
	buf  [256]byte
	left int
}

var maskKeys keySource

func (s *keySource) next() [4]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		rand.Read(s.buf[:]) // never fails
		s.left = len(s.buf)
	}
	s.left -= 4
	return [4]byte(s.buf[s.left:])
}
