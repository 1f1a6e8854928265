package compliance_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// squeeze is a message compressed by somebody else, with a window of 32 KiB and
// no history, as it is in a frame (RFC 7692 §7.2.1).
func squeeze(s string) string {
	GinkgoHelper()
	var z bytes.Buffer
	w, err := flate.NewWriter(&z, flate.BestCompression)
	Expect(err).NotTo(HaveOccurred())
	_, err = w.Write([]byte(s))
	Expect(err).NotTo(HaveOccurred())
	Expect(w.Flush()).To(Succeed())
	return string(bytes.TrimSuffix(z.Bytes(), []byte{0, 0, 0xFF, 0xFF}))
}

// A crafter writes DEFLATE data symbol by symbol (RFC 1951 §3.2), in blocks of
// the fixed codes.
type crafter struct {
	p    []byte
	bits uint
	n    uint
}

func (c *crafter) put(value, n uint) {
	c.bits |= value << c.n
	for c.n += n; c.n >= 8; c.n -= 8 {
		c.p = append(c.p, byte(c.bits))
		c.bits >>= 8
	}
}

// code writes a Huffman code, whose first bit is its highest.
func (c *crafter) code(value, n uint) { c.put(uint(bits.Reverse32(uint32(value)))>>(32-n), n) }

func (c *crafter) begin(final bool) *crafter {
	c.put(map[bool]uint{true: 1, false: 0}[final], 1)
	c.put(1, 2)
	return c
}

func (c *crafter) literals(s string) *crafter {
	for i := range len(s) {
		if b := uint(s[i]); b < 144 {
			c.code(0x30+b, 8)
		} else {
			c.code(0x190+b-144, 9)
		}
	}
	return c
}

// match is three bytes from so far back.
func (c *crafter) match(distance int) *crafter {
	c.code(1, 7) // symbol 257
	symbol := len(distances) - 1
	for distances[symbol] > distance {
		symbol--
	}
	c.code(uint(symbol), 5)
	c.put(uint(distance-distances[symbol]), uint(distanceBits(symbol)))
	return c
}

// end ends the block.
func (c *crafter) end() *crafter {
	c.code(0, 7)
	return c
}

// flushed is the data with an empty stored block behind it, without its tail.
func (c *crafter) flushed() string {
	c.put(0, 3)
	return c.padded()
}

// padded is the data up to the border of a byte.
func (c *crafter) padded() string {
	if c.n > 0 {
		c.put(0, 8-c.n)
	}
	return string(c.p)
}

// An unsqueezer inflates what a peer compressed, as slowly and simply as can be,
// and keeps the farthest distance that a match went back.
type unsqueezer struct {
	history  []byte
	farthest int

	in  []byte
	pos int // in bits
}

var errShort = errors.New("DEFLATE data ends too early")

// message inflates a message, which has no tail.
func (u *unsqueezer) message(p []byte) (out []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(error)
			if !ok {
				panic(r)
			}
			err = e
		}
	}()
	u.in, u.pos = append(slices.Clone(p), 0, 0, 0xFF, 0xFF), 0
	begin := len(u.history)
	for u.pos < 8*len(u.in) {
		u.block()
	}
	return slices.Clone(u.history[begin:]), nil
}

func (u *unsqueezer) take(n int) (v int) {
	for i := range n {
		if u.pos >= 8*len(u.in) {
			panic(errShort)
		}
		v |= int(u.in[u.pos/8]>>(u.pos%8)&1) << i
		u.pos++
	}
	return v
}

func (u *unsqueezer) block() {
	final, kind := u.take(1), u.take(2)
	switch kind {
	case 0:
		u.pos = (u.pos + 7) / 8 * 8
		n, inverse := u.take(16), u.take(16)
		if n != inverse^0xFFFF {
			panic(errors.New("wrong length of a stored block"))
		}
		for range n {
			u.history = append(u.history, byte(u.take(8)))
		}
	case 1:
		lit := slices.Concat(slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))
		u.symbols(newCodes(lit), newCodes(slices.Repeat([]int{5}, 30)))
	case 2:
		u.symbols(u.tables())
	default:
		panic(errors.New("block of no known type"))
	}
	if final == 1 {
		u.pos = (u.pos + 7) / 8 * 8
	}
}

func (u *unsqueezer) tables() (lit, dist codeTable) {
	nlit, ndist, n := u.take(5)+257, u.take(5)+1, u.take(4)+4
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	lens := make([]int, 19)
	for _, i := range order[:n] {
		lens[i] = u.take(3)
	}
	codes := newCodes(lens)
	lens = nil
	for len(lens) < nlit+ndist {
		switch s := u.symbol(codes); s {
		case 16:
			lens = append(lens, slices.Repeat(lens[len(lens)-1:], 3+u.take(2))...)
		case 17:
			lens = append(lens, make([]int, 3+u.take(3))...)
		case 18:
			lens = append(lens, make([]int, 11+u.take(7))...)
		default:
			lens = append(lens, s)
		}
	}
	return newCodes(lens[:nlit]), newCodes(lens[nlit:])
}

func (u *unsqueezer) symbols(lit, dist codeTable) {
	for {
		s := u.symbol(lit)
		switch {
		case s < 256:
			u.history = append(u.history, byte(s))
			continue
		case s == 256:
			return
		}
		length := lengthBases[s-257] + u.take(lengthBits(s-257))
		d := u.symbol(dist)
		back := distances[d] + u.take(distanceBits(d))
		if back > len(u.history) {
			panic(fmt.Errorf("a match goes back %d bytes of %d", back, len(u.history)))
		}
		u.farthest = max(u.farthest, back)
		for range length {
			u.history = append(u.history, u.history[len(u.history)-back])
		}
	}
}

// A codeTable has the symbols of each length of code, in the order of the codes.
type codeTable [16][]int

func newCodes(lens []int) (t codeTable) {
	for symbol, n := range lens {
		if n > 0 {
			t[n] = append(t[n], symbol)
		}
	}
	return t
}

func (u *unsqueezer) symbol(t codeTable) int {
	code, first := 0, 0
	for n := 1; n <= 15; n++ {
		code = code<<1 | u.take(1)
		first <<= 1
		if i := code - first; i < len(t[n]) {
			return t[n][i]
		}
		first += len(t[n])
	}
	panic(errors.New("no such code"))
}

// The tables of RFC 1951 §3.2.5.
var (
	lengthBases = []int{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	distances = []int{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
)

func lengthBits(i int) int {
	if i < 8 || i == 28 {
		return 0
	}
	return i/4 - 1
}

func distanceBits(i int) int { return max(i/2-1, 0) }
