// Package mask applies masking keys (RFC 6455 §5.3).
package mask

import (
	"encoding/binary"
	"math/bits"
)

// InPlace masks or unmasks p in place (RFC 6455 §5.3). pos is the offset of p in
// the payload of the frame; the result is the offset after p, modulo 4.
func InPlace(key [4]byte, pos int, p []byte) (newpos int) {
	whole, k := p, At(key, pos)
	kk := uint64(k)<<32 | uint64(k)
	// To could do it, but takes half as long again: here the compiler makes one
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
	To(p, p, k)
	return (pos + len(whole)) & 3
}

// At returns the key for bytes at an offset in the payload, first byte lowest.
func At(key [4]byte, pos int) uint32 {
	return bits.RotateLeft32(binary.LittleEndian.Uint32(key[:]), -8*(pos&3))
}

// To masks src into dst, which is at least as long, with a key from At.
func To(dst, src []byte, key uint32) {
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
