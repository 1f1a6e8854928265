package flate

import (
	"encoding/binary"
	"math/bits"
)

// Deflater compresses with raw DEFLATE (RFC 1951), a sync flush after each piece.
//
// It is our own because of what libraries do with WebSocket messages: those
// with a window limit, or fast levels, store a flush of less than 128 bytes and
// forget it, so that small messages never profit from context takeover; the
// others know no window but 32 KiB. This one finds matches in any earlier
// message, keeps every distance within the window, and owns little memory: the
// window and a hash table, both no larger than what was sent asks for. Small
// pieces are searched with care, large ones at speed.
type Deflater struct {
	window int
	// buf holds the last bytes, at least the window if there were so many.
	// buf[i] has the position base+i. Positions never repeat between resets, so
	// forgetting is a jump of base.
	buf  []byte
	base uint32
	// table maps a hash of the next bytes to the last position they were at.
	table []uint32
	shift uint
}

const (
	maxMatch = 258
	// minHash and maxHash are how wide a table is, in bits, for few bytes and for
	// many. Above 2^14 it falls out of the cache.
	minHash, maxHash = 9, 14
	// smallPiece is the size below which every byte is worth remembering.
	smallPiece = 1 << 10
	// deflateChunk is how many bytes are compressed at a time, one block each.
	deflateChunk = 32 << 10
)

// NewDeflater returns a Deflater with a window of 1<<windowBits bytes.
func NewDeflater(windowBits int) *Deflater {
	d := &Deflater{
		window: 1 << windowBits,
		base:   1 << 16, // positions in a fresh table are out of reach
	}
	d.hashBits(minHash)
	return d
}

func (d *Deflater) hashBits(n int) {
	d.table, d.shift = make([]uint32, 1<<n), uint(64-n)
}

// grow makes the table fit for n bytes, and enters what buf holds.
func (d *Deflater) grow(n int) {
	d.hashBits(min(bits.Len(uint(n)), maxHash))
	for j := 0; j+8 <= len(d.buf); j++ {
		d.table[hash(binary.LittleEndian.Uint64(d.buf[j:]), d.shift)] = d.base + uint32(j)
	}
}

// Reset forgets all history.
func (d *Deflater) Reset() {
	next := uint64(d.base) + uint64(len(d.buf)) + 1<<16
	if next > 1<<31 {
		clear(d.table)
		next = 1 << 16
	}
	d.base = uint32(next)
	d.buf = d.buf[:0]
}

// Compress appends the compressed form of p and of a sync flush, which ends in
// 00 00 FF FF.
func (d *Deflater) Compress(dst, p []byte) []byte {
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

// chunk finds the matches of p.
func (d *Deflater) chunk(s *block, p []byte) {
	if keep := d.window; len(d.buf)+len(p) > keep+deflateChunk {
		drop := len(d.buf) - min(keep, len(d.buf))
		copy(d.buf, d.buf[drop:])
		d.buf = d.buf[:len(d.buf)-drop]
		d.base += uint32(drop)
		if d.base > 1<<31 { // far from the end of uint32; costs one miss in 2^31 bytes
			clear(d.table)
			d.base = 1 << 16
		}
	}
	if n := min(len(d.buf)+len(p), d.window); n > len(d.table) && len(d.table) < 1<<maxHash {
		d.grow(n)
	}
	i := len(d.buf)
	d.buf = append(d.buf, p...)
	s.seqs = s.seqs[:0]
	// The last bytes of the former piece could not be hashed without this one.
	for j := max(i-hashed+1, 0); j < i && j+8 <= len(d.buf); j++ {
		d.table[hash(binary.LittleEndian.Uint64(d.buf[j:]), d.shift)] = d.base + uint32(j)
	}
	if len(p) < smallPiece {
		d.goodMatches(s, i)
	} else {
		d.matches(s, i)
	}
}

// goodMatches finds the matches in buf from i on with more care than matches:
// it remembers every byte, and chooses between the last two places.
func (d *Deflater) goodMatches(s *block, i int) {
	buf, window := d.buf, uint32(d.window)
	last := len(buf) - 8
	from := i // of the literals in front of the next match
	for i <= last {
		v := binary.LittleEndian.Uint64(buf[i:])
		length, dist := 0, uint32(0)
		for _, pos := range d.remember(v, i) {
			far := d.base + uint32(i) - pos
			if far-1 >= window {
				continue
			}
			j := i - int(far)
			x := v ^ binary.LittleEndian.Uint64(buf[j:])
			if uint32(x) != 0 {
				continue
			}
			n := bits.TrailingZeros64(x) >> 3
			if x == 0 {
				n = matchLen(buf, j, i)
			}
			if n > length {
				length, dist = n, far
			}
		}
		if length == 0 {
			i++
			continue
		}
		s.seqs = append(s.seqs, sequence{uint32(i - from), uint16(length), uint16(dist)})
		from = i + length
		for i++; i < from && i <= last; i++ {
			d.remember(binary.LittleEndian.Uint64(buf[i:]), i)
		}
		i = from
	}
	s.rest = len(buf) - from
}

// remember enters the bytes v at i in the table, of which a pair of places then
// has the last two, and returns what the pair was.
func (d *Deflater) remember(v uint64, i int) (were [2]uint32) {
	h := hash(v, d.shift) &^ 1
	were = [2]uint32{d.table[h], d.table[h+1]}
	d.table[h], d.table[h+1] = d.base+uint32(i), were[0]
	return were
}

// matches finds the matches in buf from i on: the first that the table names,
// as the speed of a message counts for more than its last bytes.
func (d *Deflater) matches(s *block, i int) {
	buf, table, base, shift := d.buf, d.table, d.base, d.shift&63
	mask := uint64(len(table) - 1)
	window := uint32(d.window)
	last := len(buf) - 8
	from := i // of the literals in front of the next match
	for miss := 0; i <= last; {
		v := binary.LittleEndian.Uint64(buf[i:])
		slot := &table[hash(v, shift)&mask]
		pos := base + uint32(i)
		far := pos - *slot
		*slot = pos
		if far-1 >= window {
			// In data without matches, look ever less often.
			i += 1 + miss>>5
			miss++
			continue
		}
		j := i - int(far)
		x := v ^ binary.LittleEndian.Uint64(buf[j:])
		if uint32(x) != 0 {
			i += 1 + miss>>5
			miss++
			continue
		}
		miss = 0
		var length int
		if x != 0 {
			length = bits.TrailingZeros64(x) >> 3
		} else {
			length = matchLen(buf, j, i)
		}
		for i > from && j > 0 && buf[i-1] == buf[j-1] && length < maxMatch {
			i, j, length = i-1, j-1, length+1
		}
		s.seqs = append(s.seqs, sequence{uint32(i - from), uint16(length), uint16(far)})
		i += length
		from = i
		if i <= last {
			v := binary.LittleEndian.Uint64(buf[i-2:])
			table[hash(v, shift)&mask] = base + uint32(i-2)
		}
	}
	s.rest = len(buf) - from
}

// hash of the low bytes of v.
func hash(v uint64, shift uint) uint64 { return v << (64 - 8*hashed) * hashMul >> shift }

const (
	hashed  = 5 // bytes
	hashMul = 0x9E3779B185EBCA87
)

// matchLen says how far the bytes at j, in front of i, are those at i. Eight are
// known to be.
func matchLen(buf []byte, j, i int) int {
	b := buf[i:min(i+maxMatch, len(buf))]
	a := buf[j:][:len(b)]
	n := 8
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
