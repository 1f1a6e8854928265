package flate

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync"
)

// A block is the scratch space of one DEFLATE block; no history, so it is shared.
type block struct {
	seqs []sequence
	rest int // literals behind the last match

	litFreq  [286]uint32
	distFreq [30]uint32

	lit, dist, code huffCode
	lens            [286 + 30]uint8
	runs            []codeRun // the lengths, run by run
	codeFreq        [19]uint32
}

// A sequence is so many literals, and the match behind them.
type sequence struct {
	literals     uint32
	length, dist uint16
}

var blocks = sync.Pool{New: func() any { return new(block) }}

// count counts the symbols of the block, and returns the extra bits they have.
func (s *block) count(raw []byte) (extra int) {
	clear(s.litFreq[:])
	clear(s.distFreq[:])
	for _, q := range s.seqs {
		for _, c := range raw[:q.literals] {
			s.litFreq[c]++
		}
		raw = raw[int(q.literals)+int(q.length):]
		length, dist := lengthSymbol[q.length-3], distSymbol(int(q.dist))
		s.litFreq[257+int(length)]++
		s.distFreq[dist]++
		extra += int(lengthExtra[length] + distExtra[dist])
	}
	for _, c := range raw {
		s.litFreq[c]++
	}
	s.litFreq[256] = 1
	return extra
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

const (
	// tableMin is how many symbols a block of its own codes has at least: for
	// fewer the tables cost more than they save.
	tableMin = 96
	// worthMin is the size from which a block must save an eighth, as inflating
	// what saves less costs the peer more than it gains.
	worthMin = 1 << 10
)

// write emits the block in the smallest of the three forms.
func (s *block) write(w *bitWriter, raw []byte) {
	extra := s.count(raw)
	symbols := s.rest + len(s.seqs)
	for _, q := range s.seqs {
		symbols += int(q.literals)
	}
	size, dynamic := fixedLitCode.cost(s.litFreq[:])+fixedDistCode.cost(s.distFreq[:])+extra, false
	if symbols >= tableMin {
		s.lit.build(s.litFreq[:], 15)
		s.dist.build(s.distFreq[:], 15)
		if n := s.planTables() + s.lit.cost(s.litFreq[:]) + s.dist.cost(s.distFreq[:]) + extra; n < size {
			size, dynamic = n, true
		}
	}
	worth := 8 * (len(raw) + 5)
	if len(raw) >= worthMin {
		worth = 7 * len(raw)
	}
	if size > worth {
		w.stored(raw)
		return
	}
	if dynamic {
		w.put(0b100, 3)
		s.writeTables(w)
		s.symbols(w, raw, &s.lit, &s.dist, size)
	} else {
		w.put(0b010, 3)
		s.symbols(w, raw, &fixedLitCode, &fixedDistCode, size)
	}
}

// symbols emits the literals, matches and the end of the block, of at most so
// many bits. Up to 57 bits gather before they are stored; that is why three
// literals, or one match, go between two stores.
func (s *block) symbols(w *bitWriter, raw []byte, lit, dist *huffCode, size int) {
	w.align()
	at := len(w.dst)
	w.dst = slices.Grow(w.dst, size/8+16)
	out := w.dst[:cap(w.dst)]
	acc, n := w.acc, w.n
	for i := 0; ; i++ {
		run := raw
		if i < len(s.seqs) {
			run = raw[:s.seqs[i].literals]
		}
		for ; len(run) >= 3; run = run[3:] {
			a, b, c := lit.symbols[run[0]], lit.symbols[run[1]], lit.symbols[run[2]]
			acc |= uint64(a.code) << (n & 63)
			n += uint(a.size)
			acc |= uint64(b.code) << (n & 63)
			n += uint(b.size)
			acc |= uint64(c.code) << (n & 63)
			n += uint(c.size)
			binary.LittleEndian.PutUint64(out[at:], acc)
			at += int(n >> 3)
			acc >>= n & 0x38
			n &= 7
		}
		for _, c := range run {
			a := lit.symbols[c]
			acc |= uint64(a.code) << (n & 63)
			n += uint(a.size)
		}
		binary.LittleEndian.PutUint64(out[at:], acc)
		at += int(n >> 3)
		acc >>= n & 0x38
		n &= 7
		if i == len(s.seqs) {
			break
		}
		q := s.seqs[i]
		raw = raw[int(q.literals)+int(q.length):]
		sym := lengthSymbol[q.length-3]
		a := lit.symbols[257+int(sym)]
		acc |= (uint64(a.code) | uint64(q.length-lengthBase[sym])<<(a.size&63)) << (n & 63)
		n += uint(a.size + lengthExtra[sym])
		ds := distSymbol(int(q.dist))
		a = dist.symbols[ds]
		acc |= (uint64(a.code) | uint64(q.dist-distBase[ds])<<(a.size&63)) << (n & 63)
		n += uint(a.size + distExtra[ds])
		binary.LittleEndian.PutUint64(out[at:], acc)
		at += int(n >> 3)
		acc >>= n & 0x38
		n &= 7
	}
	w.dst, w.acc, w.n = w.dst[:at], acc, n
	w.put(uint64(lit.symbols[256].code), uint(lit.symbols[256].size))
}

// A codeRun is one symbol of the code length code, with its extra bits.
type codeRun struct{ sym, extra uint8 }

var codeRunExtra = [19]uint8{16: 2, 17: 3, 18: 7}

// planTables finds the runs of the lengths of both codes, and says in bits what
// the tables take.
func (s *block) planTables() int {
	nlit, ndist := s.tableSizes()
	lens := s.lens[:0]
	for _, c := range s.lit.symbols[:nlit] {
		lens = append(lens, c.size)
	}
	for _, c := range s.dist.symbols[:ndist] {
		lens = append(lens, c.size)
	}
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
	for nlit > 257 && s.lit.symbols[nlit-1].size == 0 {
		nlit--
	}
	for ndist > 1 && s.dist.symbols[ndist-1].size == 0 {
		ndist--
	}
	return nlit, ndist
}

func (s *block) codeCount() int {
	n := len(codeOrder)
	for n > 4 && s.code.symbols[codeOrder[n-1]].size == 0 {
		n--
	}
	return n
}

func (s *block) writeTables(w *bitWriter) {
	nlit, ndist := s.tableSizes()
	n := s.codeCount()
	w.put(uint64(nlit-257)|uint64(ndist-1)<<5|uint64(n-4)<<10, 14)
	for _, sym := range codeOrder[:n] {
		w.put(uint64(s.code.symbols[sym].size), 3)
	}
	for _, r := range s.runs {
		c := s.code.symbols[r.sym]
		w.put(uint64(c.code)|uint64(r.extra)<<c.size, uint(c.size+codeRunExtra[r.sym]))
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

// align stores whole bytes, so that at most 7 bits are left.
func (w *bitWriter) align() {
	for w.n >= 8 {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
		w.n -= 8
	}
}

// stored appends a stored block, which also ends at a byte.
func (w *bitWriter) stored(p []byte) {
	w.put(0, 3)
	w.n = (w.n + 7) &^ 7
	w.align()
	w.dst = binary.LittleEndian.AppendUint16(w.dst, uint16(len(p)))
	w.dst = binary.LittleEndian.AppendUint16(w.dst, ^uint16(len(p)))
	w.dst = append(w.dst, p...)
}
