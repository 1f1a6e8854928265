package ws

import (
	cryptorand "crypto/rand"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
)

// Mask masks or unmasks p in place (RFC 6455 §5.3). pos is the offset of p in
// the payload of the frame; the offset behind p, modulo 4, comes back.
func Mask(key [4]byte, pos int, p []byte) (newpos int) {
	whole, k := p, keyAt(key, pos)
	kk := uint64(k)<<32 | uint64(k)
	// maskTo could do it, but takes half as long again: here the compiler makes one
	// instruction of load, XOR and store.
	for len(p) >= 64 {
		q := (*[64]byte)(p)
		binary.LittleEndian.PutUint64(q[0:8], binary.LittleEndian.Uint64(q[0:8])^kk)
		binary.LittleEndian.PutUint64(q[8:16], binary.LittleEndian.Uint64(q[8:16])^kk)
		binary.LittleEndian.PutUint64(q[16:24], binary.LittleEndian.Uint64(q[16:24])^kk)
		binary.LittleEndian.PutUint64(q[24:32], binary.LittleEndian.Uint64(q[24:32])^kk)
		binary.LittleEndian.PutUint64(q[32:40], binary.LittleEndian.Uint64(q[32:40])^kk)
		binary.LittleEndian.PutUint64(q[40:48], binary.LittleEndian.Uint64(q[40:48])^kk)
		binary.LittleEndian.PutUint64(q[48:56], binary.LittleEndian.Uint64(q[48:56])^kk)
		binary.LittleEndian.PutUint64(q[56:64], binary.LittleEndian.Uint64(q[56:64])^kk)
		p = p[64:]
	}
	maskTo(p, p, k)
	return (pos + len(whole)) & 3
}

// keyAt is the key for what begins at an offset in the payload, first octet lowest.
func keyAt(key [4]byte, pos int) uint32 {
	return bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
}

// maskTo masks from src to dst, which has to be as long, with a key as of keyAt.
func maskTo(dst, src []byte, key uint32) {
	k := uint64(key)<<32 | uint64(key)
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
}

// A keySource hands out masking keys that nobody can foretell (RFC 6455 §10.3): the
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
