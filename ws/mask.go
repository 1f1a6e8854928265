package ws

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
	"sync"
)

// Mask masks or unmasks p in place (RFC 6455 §5.3). pos is the offset of p in
// the payload of the frame; the offset behind p, modulo 4, comes back.
func Mask(key [4]byte, pos int, p []byte) (newpos int) { return maskTo(p, p, key, pos) }

// maskTo is Mask from src to dst, which has to be as long.
func maskTo(dst, src []byte, key [4]byte, pos int) (newpos int) {
	newpos = (pos + len(src)) & 3
	k32 := bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
	k := uint64(k32)<<32 | uint64(k32)
	dst = dst[:len(src)]
	for len(src) >= 64 && len(dst) >= 64 {
		p, q := (*[64]byte)(src), (*[64]byte)(dst)
		binary.LittleEndian.PutUint64(q[0:8], binary.LittleEndian.Uint64(p[0:8])^k)
		binary.LittleEndian.PutUint64(q[8:16], binary.LittleEndian.Uint64(p[8:16])^k)
		binary.LittleEndian.PutUint64(q[16:24], binary.LittleEndian.Uint64(p[16:24])^k)
		binary.LittleEndian.PutUint64(q[24:32], binary.LittleEndian.Uint64(p[24:32])^k)
		binary.LittleEndian.PutUint64(q[32:40], binary.LittleEndian.Uint64(p[32:40])^k)
		binary.LittleEndian.PutUint64(q[40:48], binary.LittleEndian.Uint64(p[40:48])^k)
		binary.LittleEndian.PutUint64(q[48:56], binary.LittleEndian.Uint64(p[48:56])^k)
		binary.LittleEndian.PutUint64(q[56:64], binary.LittleEndian.Uint64(p[56:64])^k)
		src, dst = src[64:], dst[64:]
	}
	for len(src) >= 8 && len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^k)
		src, dst = src[8:], dst[8:]
	}
	for i, b := range src {
		dst[i] = b ^ byte(k)
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
