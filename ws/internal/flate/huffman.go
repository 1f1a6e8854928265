package flate

import "math/bits"

// A huffTable decodes a canonical Huffman code (RFC 1951 §3.2.2): a first level
// indexed by so many bits, and behind it second levels for the longer codes.
type huffTable struct {
	entries []uint32
}

// An entry is, from the low bits: the length of the code (5 bits), the kind (3),
// the number of extra bits or of bits that index the second level (8), and a
// base value, symbol or offset of the second level (16).
const (
	entryLen  = 0x1F
	entryKind = 0xE0

	kindLiteral = 0 << 5
	kindBase    = 1 << 5
	kindEnd     = 2 << 5
	kindSub     = 3 << 5
	kindInvalid = 4 << 5
)

const (
	litBits  = 10
	distBits = 8
	codeBits = 7
)

// codeOrder is the order in which the lengths of the code length code are sent.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// The entries of the symbols, without the length of their codes.
var (
	litSymbols  = makeLitSymbols()
	distSymbols = makeDistSymbols()
	codeSymbols = makeCodeSymbols()

	fixedLit, fixedDist = makeFixed()
)

// lengthBase and lengthExtra are the table of RFC 1951 §3.2.5 for the symbols
// from 257, distBase and distExtra that of the distances.
var (
	lengthBase = [29]uint16{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	lengthExtra = [29]uint8{
		0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
	}
	distBase = [30]uint16{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
	distExtra = [30]uint8{
		0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
	}
)

func makeLitSymbols() (t [maxLit]uint32) {
	for i := range t {
		switch {
		case i < 256:
			t[i] = kindLiteral | uint32(i)<<16
		case i == 256:
			t[i] = kindEnd
		case i-257 < len(lengthBase):
			t[i] = kindBase | uint32(lengthExtra[i-257])<<8 | uint32(lengthBase[i-257])<<16
		default: // 286 and 287 have codes in the fixed table and no meaning
			t[i] = kindInvalid
		}
	}
	return t
}

func makeDistSymbols() (t [maxDist]uint32) {
	for i := range t {
		t[i] = kindInvalid
		if i < len(distBase) {
			t[i] = kindBase | uint32(distExtra[i])<<8 | uint32(distBase[i])<<16
		}
	}
	return t
}

func makeCodeSymbols() (t [19]uint32) {
	for i := range t {
		t[i] = uint32(i) << 16
	}
	return t
}

func makeFixed() (lit, dist huffTable) {
	var l [maxLit]uint8
	for i := range l {
		switch {
		case i < 144:
			l[i] = 8
		case i < 256:
			l[i] = 9
		case i < 280:
			l[i] = 7
		default:
			l[i] = 8
		}
	}
	var d [maxDist]uint8
	for i := range d {
		d[i] = 5
	}
	lits, dists := makeLitSymbols(), makeDistSymbols()
	lit.build(l[:], litBits, lits[:], false)
	dist.build(d[:], distBits, dists[:], false)
	return lit, dist
}

// build makes the table for codes of these lengths. It is false if they make no
// prefix code, or one that leaves bit patterns unused; such is legal only with
// single set and at most one code, of one bit (RFC 1951 §3.2.7).
func (t *huffTable) build(lens []uint8, primary uint, symbols []uint32, single bool) bool {
	var count [16]int
	for _, n := range lens {
		count[n]++
	}
	count[0] = 0
	longest, left := uint(0), 1
	for n := uint(1); n <= 15; n++ {
		if left = left<<1 - count[n]; left < 0 {
			return false
		}
		if count[n] > 0 {
			longest = n
		}
	}
	if left > 0 && (!single || longest > 1) {
		return false
	}

	t.entries = t.entries[:0]
	for range 1 << primary {
		t.entries = append(t.entries, 15|kindInvalid)
	}
	// The symbols in the order of their codes.
	var offset [17]int
	for n := 1; n <= 15; n++ {
		offset[n+1] = offset[n] + count[n]
	}
	var sorted [maxLit]uint16
	for sym, n := range lens {
		if n > 0 {
			sorted[offset[n]] = uint16(sym)
			offset[n]++
		}
	}
	code, i := uint32(0), 0
	prefix, sub, subBits := -1, 0, uint(0)
	for n := uint(1); n <= longest; n++ {
		for ; count[n] > 0; count[n]-- {
			e := symbols[sorted[i]] | uint32(n)
			i++
			rev := int(bits.Reverse16(uint16(code)) >> (16 - n))
			code++
			if n <= primary {
				for k := rev; k < 1<<primary; k += 1 << n {
					t.entries[k] = e
				}
				continue
			}
			if p := rev & (1<<primary - 1); p != prefix {
				// The codes left over say how wide the second level must be.
				prefix, sub, subBits = p, len(t.entries), n-primary
				for room := 1 << subBits; subBits+primary < longest; room <<= 1 {
					if room -= count[subBits+primary]; room <= 0 {
						break
					}
					subBits++
				}
				for range 1 << subBits {
					t.entries = append(t.entries, 15|kindInvalid)
				}
				t.entries[p] = kindSub | uint32(subBits)<<8 | uint32(sub)<<16
			}
			for k := rev >> primary; k < 1<<subBits; k += 1 << (n - primary) {
				t.entries[sub+k] = e
			}
		}
		code <<= 1
	}
	return true
}
