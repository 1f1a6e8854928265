package ws

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// deflater compresses with raw DEFLATE (RFC 1951), a sync flush after each piece.
//
// It is our own because of what libraries do with WebSocket messages: those
// with a window limit, or fast levels, store a flush of less than 128 octets and
// forget it, so that small messages never profit from context takeover; the
// others know no window but 32 KiB. This one finds matches in any earlier
// message, keeps every distance within the window, and owns little memory: the
// window and a hash table, both sized by the window.
type deflater struct {
	window int
	// buf holds the last octets, at least the window if there were so many.
	// buf[i] has the position base+i. Positions never repeat between resets, so
	// forgetting is a jump of base.
	buf  []byte
	base uint32
	// table maps a hash of four octets to the last two positions they were at.
	table [][2]uint32
	shift uint
}

const (
	minMatch = 4
	maxMatch = 258
	// deflateChunk is how many octets are compressed at a time, one block each.
	deflateChunk = 32 << 10
)

func newDeflater(windowBits int) *deflater {
	// A table twice as wide as the window gains nothing; above 2^14 it falls out
	// of the cache.
	hashBits := uint(min(windowBits+1, 14))
	return &deflater{
		window: 1 << windowBits,
		base:   1 << 16, // positions in a fresh table are out of reach
		table:  make([][2]uint32, 1<<hashBits),
		shift:  32 - hashBits,
	}
}

// reset forgets all history.
func (d *deflater) reset() {
	next := uint64(d.base) + uint64(len(d.buf)) + 1<<16
	if next > 1<<31 {
		clear(d.table)
		next = 1 << 16
	}
	d.base = uint32(next)
	d.buf = d.buf[:0]
}

// compress appends the compressed form of p and of a sync flush, which ends in
// 00 00 FF FF.
func (d *deflater) compress(dst, p []byte) []byte {
	w := bitWriter{dst: dst}
	s := blocks.Get().(*block)
	for len(p) > 0 {
		n := min(len(p), deflateChunk)
		d.chunk(s, p[:n])
		s.write(&w, p[:n])
		p = p[n:]
	}
	blocks.Put(s)
	w.stored(nil)
	return w.dst
}

// chunk finds the literals and matches of p.
func (d *deflater) chunk(s *block, p []byte) {
	if keep := d.window; len(d.buf)+len(p) > keep+deflateChunk {
		drop := len(d.buf) - min(keep, len(d.buf))
		copy(d.buf, d.buf[drop:])
		d.buf = d.buf[:len(d.buf)-drop]
		d.base += uint32(drop)
		if d.base > 1<<31 { // far from the end of uint32; costs one miss in 2^31 octets
			clear(d.table)
			d.base = 1 << 16
		}
	}
	i := len(d.buf)
	d.buf = append(d.buf, p...)
	buf, table, base, shift := d.buf, d.table, d.base, d.shift
	window := uint32(d.window)
	s.begin()

	// The last octets of the former piece could not be hashed without this one.
	for j := max(i-minMatch+1, 0); j < i && j+minMatch <= len(buf); j++ {
		h := binary.LittleEndian.Uint32(buf[j:]) * hashMul >> shift
		table[h] = [2]uint32{base + uint32(j), table[h][0]}
	}
	miss := 0
	last := len(buf) - minMatch
	for i <= last {
		v := binary.LittleEndian.Uint32(buf[i:])
		h := v * hashMul >> shift
		pos := base + uint32(i)
		slot := table[h]
		table[h] = [2]uint32{pos, slot[0]}
		length, dist := 0, 0
		if far := pos - slot[0]; far-1 < window {
			if j := i - int(far); binary.LittleEndian.Uint32(buf[j:]) == v {
				length, dist = matchLen(buf, j, i), int(far)
			}
		}
		if far := pos - slot[1]; far-1 < window && length < 32 {
			if j := i - int(far); binary.LittleEndian.Uint32(buf[j:]) == v {
				if n := matchLen(buf, j, i); n > length {
					length, dist = n, int(far)
				}
			}
		}
		if length == 0 {
			// In data without matches, look ever less often.
			for n := 1 + miss>>5; n > 0 && i < len(buf); n-- {
				s.literal(buf[i])
				i++
			}
			miss++
			continue
		}
		miss = 0
		s.match(length, dist)
		stop := i + length
		step := 1
		if length > 16 {
			step = 4
		}
		for j := i + 1; j < stop && j <= last; j += step {
			h := binary.LittleEndian.Uint32(buf[j:]) * hashMul >> shift
			table[h] = [2]uint32{base + uint32(j), table[h][0]}
		}
		i = stop
	}
	for ; i < len(buf); i++ {
		s.literal(buf[i])
	}
}

const hashMul = 0x9E3779B1

// matchLen says how far the octets at j, in front of i, are those at i. Four are
// known to be.
func matchLen(buf []byte, j, i int) int {
	b := buf[i:min(i+maxMatch, len(buf))]
	a := buf[j:][:len(b)]
	n := 4
	for n+8 <= len(b) {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// A block is the scratch space of one DEFLATE block; no history, so it is shared.
type block struct {
	// tokens are octets, or length<<16 | distance.
	tokens   []uint32
	litFreq  [286]uint32
	distFreq [30]uint32

	lit, dist, code huffCode
	lens            [286 + 30]uint8
	runs            []codeRun // the lengths, run by run
	codeFreq        [19]uint32
}

var blocks = sync.Pool{New: func() any { return new(block) }}

func (s *block) begin() {
	s.tokens = s.tokens[:0]
	clear(s.litFreq[:])
	clear(s.distFreq[:])
}

func (s *block) literal(c byte) {
	s.tokens = append(s.tokens, uint32(c))
	s.litFreq[c]++
}

func (s *block) match(length, dist int) {
	s.tokens = append(s.tokens, uint32(length)<<16|uint32(dist))
	s.litFreq[257+int(lengthSymbol[length-3])]++
	s.distFreq[distSymbol(dist)]++
}

// lengthSymbol maps length-3 to its symbol-257.
var lengthSymbol = makeLengthSymbol()

func makeLengthSymbol() (t [256]uint8) {
	for sym, base := range lengthBase {
		for k := int(base); k < int(base)+1<<lengthExtra[sym] && k <= maxMatch; k++ {
			t[k-3] = uint8(sym)
		}
	}
	return t
}

// distSymbol computes the symbol: two for each doubling of the distance.
func distSymbol(dist int) int {
	d := uint(dist - 1)
	if d < 4 {
		return int(d)
	}
	n := uint(bits.Len(d)) - 2
	return int(2*n) + int(d>>n)
}

// write emits the block in the smallest of the three forms.
func (s *block) write(w *bitWriter, raw []byte) {
	s.litFreq[256] = 1
	extra := 0
	for sym, n := range s.litFreq[257:] {
		extra += int(n) * int(lengthExtra[sym])
	}
	for sym, n := range s.distFreq {
		extra += int(n) * int(distExtra[sym])
	}
	size, dynamic := fixedLitCode.cost(s.litFreq[:])+fixedDistCode.cost(s.distFreq[:])+extra, false
	if len(s.tokens) >= 32 { // below, the tables alone cost more than they save
		s.lit.build(s.litFreq[:], 15)
		s.dist.build(s.distFreq[:], 15)
		if n := s.planTables() + s.lit.cost(s.litFreq[:]) + s.dist.cost(s.distFreq[:]) + extra; n < size {
			size, dynamic = n, true
		}
	}
	if size > 8*(len(raw)+5) {
		w.stored(raw)
		return
	}
	lit, dist := &fixedLitCode, &fixedDistCode
	if dynamic {
		lit, dist = &s.lit, &s.dist
		w.put(0b100, 3)
		s.writeTables(w)
	} else {
		w.put(0b010, 3)
	}
	for _, t := range s.tokens {
		if t < 256 {
			w.put(uint64(lit.code[t]), uint(lit.size[t]))
			continue
		}
		length, d := t>>16, t&0xFFFF
		sym := lengthSymbol[length-3]
		w.put(uint64(lit.code[257+int(sym)])|uint64(length-uint32(lengthBase[sym]))<<lit.size[257+int(sym)],
			uint(lit.size[257+int(sym)]+lengthExtra[sym]))
		ds := distSymbol(int(d))
		w.put(uint64(dist.code[ds])|uint64(d-uint32(distBase[ds]))<<dist.size[ds],
			uint(dist.size[ds]+distExtra[ds]))
	}
	w.put(uint64(lit.code[256]), uint(lit.size[256]))
}

// A codeRun is one symbol of the code length code, with its extra bits.
type codeRun struct{ sym, extra uint8 }

var codeRunExtra = [19]uint8{16: 2, 17: 3, 18: 7}

// planTables finds the runs of the lengths of both codes, and says in bits what
// the tables take.
func (s *block) planTables() int {
	nlit, ndist := s.tableSizes()
	lens := append(append(s.lens[:0], s.lit.size[:nlit]...), s.dist.size[:ndist]...)
	s.runs = s.runs[:0]
	clear(s.codeFreq[:])
	add := func(sym, extra int) {
		s.runs = append(s.runs, codeRun{uint8(sym), uint8(extra)})
		s.codeFreq[sym]++
	}
	for i := 0; i < len(lens); {
		v, n := lens[i], 1
		for i+n < len(lens) && lens[i+n] == v {
			n++
		}
		i += n
		if v != 0 {
			add(int(v), 0)
			n--
		}
		for n >= 3 {
			switch {
			case v != 0:
				k := min(n, 6)
				add(16, k-3)
				n -= k
			case n <= 10:
				add(17, n-3)
				n = 0
			default:
				k := min(n, 138)
				add(18, k-11)
				n -= k
			}
		}
		for ; n > 0; n-- {
			add(int(v), 0)
		}
	}
	s.code.build(s.codeFreq[:], 7)
	size := 14 + 3*s.codeCount() + s.code.cost(s.codeFreq[:])
	for sym, n := range s.codeFreq {
		size += int(n) * int(codeRunExtra[sym])
	}
	return size
}

func (s *block) tableSizes() (nlit, ndist int) {
	nlit, ndist = 286, 30
	for nlit > 257 && s.lit.size[nlit-1] == 0 {
		nlit--
	}
	for ndist > 1 && s.dist.size[ndist-1] == 0 {
		ndist--
	}
	return nlit, ndist
}

func (s *block) codeCount() int {
	n := len(codeOrder)
	for n > 4 && s.code.size[codeOrder[n-1]] == 0 {
		n--
	}
	return n
}

func (s *block) writeTables(w *bitWriter) {
	nlit, ndist := s.tableSizes()
	n := s.codeCount()
	w.put(uint64(nlit-257)|uint64(ndist-1)<<5|uint64(n-4)<<10, 14)
	for _, sym := range codeOrder[:n] {
		w.put(uint64(s.code.size[sym]), 3)
	}
	for _, r := range s.runs {
		size := s.code.size[r.sym]
		w.put(uint64(s.code.code[r.sym])|uint64(r.extra)<<size, uint(size+codeRunExtra[r.sym]))
	}
}

// bitWriter appends bits, the lowest first.
type bitWriter struct {
	dst []byte
	acc uint64
	n   uint
}

// put appends the n low bits of v, at most 32.
func (w *bitWriter) put(v uint64, n uint) {
	w.acc |= v << w.n
	w.n += n
	if w.n >= 32 {
		w.dst = binary.LittleEndian.AppendUint32(w.dst, uint32(w.acc))
		w.acc >>= 32
		w.n -= 32
	}
}

// stored appends a stored block, which also ends at an octet.
func (w *bitWriter) stored(p []byte) {
	w.put(0, 3)
	for w.n > 0 {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
		w.n -= min(w.n, 8)
	}
	w.acc = 0
	w.dst = binary.LittleEndian.AppendUint16(w.dst, uint16(len(p)))
	w.dst = binary.LittleEndian.AppendUint16(w.dst, ^uint16(len(p)))
	w.dst = append(w.dst, p...)
}
