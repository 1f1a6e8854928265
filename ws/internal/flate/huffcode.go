package flate

import (
	"math/bits"
	"slices"
	"sync"
)

// A huffCode is a canonical Huffman code to write with. The codes are reversed,
// as DEFLATE sends them from the high bit.
type huffCode struct {
	symbols [maxLit]codeSymbol
}

// A huffTree is scratch space of build, too large for the stack of a goroutine.
type huffTree struct {
	keys   [maxLit]uint32
	weight [maxLit]uint32
	parent [2 * maxLit]uint16
	depth  [2 * maxLit]uint8
	count  [64]int
}

var huffTrees = sync.Pool{New: func() any { return new(huffTree) }}

// A codeSymbol is the code of a symbol, of so many bits; none if it does not occur.
type codeSymbol struct {
	code uint16
	size uint8
}

var fixedLitCode, fixedDistCode = makeFixedCodes()

func makeFixedCodes() (lit, dist huffCode) {
	for i := range maxLit {
		switch {
		case i < 144:
			lit.symbols[i].size = 8
		case i < 256:
			lit.symbols[i].size = 9
		case i < 280:
			lit.symbols[i].size = 7
		default:
			lit.symbols[i].size = 8
		}
	}
	lit.assign(maxLit)
	for i := range 30 {
		dist.symbols[i].size = 5
	}
	dist.assign(30)
	return lit, dist
}

// cost is the number of bits that so many symbols take.
func (c *huffCode) cost(freq []uint32) (n int) {
	for sym, k := range freq {
		n += int(k) * int(c.symbols[sym].size)
	}
	return n
}

// build makes a good code for the frequencies, no longer than limit bits: the
// optimal lengths, and where those are too long the repair that zlib does too.
func (c *huffCode) build(freq []uint32, limit int) {
	t := huffTrees.Get().(*huffTree)
	defer huffTrees.Put(t)
	keys, weight, parent, depth, count := &t.keys, &t.weight, &t.parent, &t.depth, &t.count
	n := 0
	for sym, k := range freq {
		c.symbols[sym].size = 0
		if k > 0 {
			keys[n] = k<<9 | uint32(sym)
			n++
		}
	}
	switch n {
	case 0:
		return // a distance code that no match needs
	case 1:
		c.symbols[keys[0]&511].size = 1
		c.assign(len(freq))
		return
	}
	slices.Sort(keys[:n])

	// Two queues, leaves and inner nodes, both in rising order of weight.
	leaf, inner, made := 0, 0, 0
	pick := func() (weightOf uint32, node int) {
		if leaf < n && (inner >= made || keys[leaf]>>9 <= weight[inner]) {
			leaf++
			return keys[leaf-1] >> 9, leaf - 1
		}
		inner++
		return weight[inner-1], n + inner - 1
	}
	for ; made < n-1; made++ {
		wa, a := pick()
		wb, b := pick()
		weight[made] = wa + wb
		parent[a], parent[b] = uint16(n+made), uint16(n+made)
	}
	depth[2*n-2] = 0 // the root
	clear(count[:])
	for node := 2*n - 3; node >= 0; node-- {
		depth[node] = depth[parent[node]] + 1
		if node < n {
			count[min(int(depth[node]), limit)]++
		}
	}
	// Codes cut to the limit make the tree too full, in units of 2^-limit.
	excess := -(1 << limit)
	for k := 1; k <= limit; k++ {
		excess += count[k] << (limit - k)
	}
	for excess > 0 {
		k := limit - 1
		for count[k] == 0 {
			k--
		}
		// A leaf at k moves one down and takes a leaf of the limit beside it.
		count[k]--
		count[k+1] += 2
		count[limit]--
		excess--
	}
	// The rarest symbols come first and get the longest codes.
	i := 0
	for k := limit; k >= 1; k-- {
		for range count[k] {
			c.symbols[keys[i]&511].size = uint8(k)
			i++
		}
	}
	c.assign(len(freq))
}

// assign gives out the codes for the sizes (RFC 1951 §3.2.2).
func (c *huffCode) assign(n int) {
	var count, next [17]uint16
	for _, s := range c.symbols[:n] {
		count[s.size]++
	}
	count[0] = 0
	for k := 1; k < 16; k++ {
		next[k+1] = (next[k] + count[k]) << 1
	}
	for i := range c.symbols[:n] {
		if s := &c.symbols[i]; s.size > 0 {
			s.code = bits.Reverse16(next[s.size]) >> (16 - s.size)
			next[s.size]++
		}
	}
}
