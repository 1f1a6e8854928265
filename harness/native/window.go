package native

import "math/bits"

// farthest returns the longest distance of any match in raw deflate data (RFC
// 1951), which may end at a sync flush. It is how a peer that compresses with a
// larger window than agreed is found out: an inflater with a larger window, or
// one whose output buffer still holds the octets, would not notice. Data that
// is no valid deflate ends the scan; the inflater judges that.
func farthest(data []byte) int {
	s := scanner{data: data}
	for s.block() {
	}
	return s.far
}

type scanner struct {
	data []byte
	acc  uint64 // bits read ahead, the next one lowest
	have uint   // bits in acc
	bad  bool   // ran out of data, or found it invalid
	far  int

	literals, distances huffman
}

// need makes n bits available, at most 32.
func (s *scanner) need(n uint) bool {
	for s.have < n {
		if len(s.data) == 0 {
			return false
		}
		s.acc |= uint64(s.data[0]) << s.have
		s.data = s.data[1:]
		s.have += 8
	}
	return true
}

func (s *scanner) bits(n uint) int {
	if !s.need(n) {
		s.bad = true
		return 0
	}
	v := s.acc & (1<<n - 1)
	s.acc >>= n
	s.have -= n
	return int(v)
}

// block scans one block and reports whether another may follow.
func (s *scanner) block() bool {
	s.bits(1) // BFINAL; what follows is scanned all the same
	switch s.bits(2) {
	case 0:
		s.bits(s.have % 8)
		n := s.bits(16)
		s.bits(16)
		for s.have > 0 && n > 0 && !s.bad {
			s.bits(8)
			n--
		}
		if n > len(s.data) {
			return false
		}
		s.data = s.data[n:]
	case 1:
		s.literals.build(fixedLiterals)
		s.distances.build(fixedDistances)
		s.symbols()
	case 2:
		s.dynamic()
		s.symbols()
	default:
		return false
	}
	return !s.bad
}

var fixedLiterals, fixedDistances = func() ([]uint8, []uint8) {
	l, d := make([]uint8, 288), make([]uint8, 30)
	for i := range l {
		switch {
		case i < 144, i >= 280:
			l[i] = 8
		case i < 256:
			l[i] = 9
		default:
			l[i] = 7
		}
	}
	for i := range d {
		d[i] = 5
	}
	return l, d
}()

// codeOrder is the order of the code length codes (RFC 1951 §3.2.7).
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// dynamic reads the codes of a block that brings its own.
func (s *scanner) dynamic() {
	nlit, ndist, ncode := s.bits(5)+257, s.bits(5)+1, s.bits(4)+4
	var codes [19]uint8
	for i := range ncode {
		codes[codeOrder[i]] = uint8(s.bits(3))
	}
	s.literals.build(codes[:])
	var lengths [320]uint8
	for i := 0; i < nlit+ndist && !s.bad; {
		sym := s.symbol(&s.literals)
		if sym < 16 {
			lengths[i] = uint8(sym)
			i++
			continue
		}
		repeat, value := 0, uint8(0)
		switch sym {
		case 16:
			if i == 0 {
				s.bad = true
				return
			}
			repeat, value = 3+s.bits(2), lengths[i-1]
		case 17:
			repeat = 3 + s.bits(3)
		default:
			repeat = 11 + s.bits(7)
		}
		if i+repeat > nlit+ndist {
			s.bad = true
			return
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	s.literals.build(lengths[:nlit])
	s.distances.build(lengths[nlit : nlit+ndist])
}

// symbols scans literals and matches up to the end of the block.
func (s *scanner) symbols() {
	for !s.bad {
		sym := s.symbol(&s.literals)
		switch {
		case sym < 256:
		case sym == 256:
			return
		default:
			s.bits(lengthExtra(sym - 257))
			d := s.symbol(&s.distances)
			if d >= 30 {
				s.bad = true
				return
			}
			s.far = max(s.far, s.distance(d))
		}
	}
}

// lengthExtra is the number of extra bits of a length code (RFC 1951 §3.2.5).
func lengthExtra(code int) uint {
	if code < 8 || code >= 28 {
		return 0
	}
	return uint(code/4 - 1)
}

func (s *scanner) distance(code int) int {
	if code < 4 {
		return code + 1
	}
	extra := uint(code/2 - 1)
	d := (2+code&1)<<extra + 1 + s.bits(extra)
	if s.bad {
		return 0
	}
	return d
}

// huffmanBits is the width of the direct table; longer codes are searched for.
const huffmanBits = 10

// A huffman decodes canonical codes (RFC 1951 §3.2.2).
type huffman struct {
	table   [1 << huffmanBits]uint16 // symbol<<4 | length, by the next bits; 0 if longer
	count   [16]uint16               // codes of each length
	symbols [320]uint16              // by code
}

func (h *huffman) build(lengths []uint8) {
	h.count = [16]uint16{}
	for _, n := range lengths {
		h.count[n]++
	}
	h.count[0] = 0
	var first, at [16]uint16 // the first code of each length; where its symbols stand
	for n := 1; n < 16; n++ {
		first[n] = (first[n-1] + h.count[n-1]) << 1
		at[n] = at[n-1] + h.count[n-1]
	}
	clear(h.table[:])
	for sym, n := range lengths {
		if n == 0 {
			continue
		}
		h.symbols[at[n]] = uint16(sym)
		at[n]++
		code := first[n]
		first[n]++
		if n <= huffmanBits {
			start := int(bits.Reverse16(code) >> (16 - n))
			for i := start; i < len(h.table); i += 1 << n {
				h.table[i] = uint16(sym)<<4 | uint16(n)
			}
		}
	}
}

func (s *scanner) symbol(h *huffman) int {
	s.need(15) // fewer will do at the end
	if e := h.table[s.acc&(1<<huffmanBits-1)]; e != 0 && uint(e&15) <= s.have {
		s.acc >>= e & 15
		s.have -= uint(e & 15)
		return int(e >> 4)
	}
	code, first, index := 0, 0, 0
	for n := uint(1); n < 16 && n <= s.have; n++ {
		code |= int(s.acc>>(n-1)) & 1
		count := int(h.count[n])
		if code-count < first {
			s.acc >>= n
			s.have -= n
			return int(h.symbols[index+code-first])
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	s.bad = true
	return 0
}
