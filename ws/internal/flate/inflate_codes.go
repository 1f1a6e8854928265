package flate

import (
	"encoding/binary"
)

// codes decodes literals and matches until the block ends, or it has to wait for
// input or for room. A symbol whose bits are not all there stays in f.bits.
func (f *Inflater) codes(in []byte, n, end int) (used int, wait bool, err error) {
	n = f.manyCodes(in, n, end)
	bits, nbits, w := f.bits, f.nbits, f.w
	buf := f.buf[:end]
	lit, dist := f.lit.entries, f.distTable.entries
	wait = true
decode:
	for w < end {
		for nbits <= 56 && n < len(in) {
			bits |= uint64(in[n]) << nbits
			nbits += 8
			n++
		}
		e := lit[bits&(1<<litBits-1)]
		if e&entryKind == kindSub {
			e = lit[uint(e>>16)+uint(bits>>litBits)&(1<<(e>>8&31)-1)]
		}
		size := uint(e & entryLen)
		if size > nbits {
			break
		}
		switch e & entryKind {
		case kindLiteral:
			buf[w] = byte(e >> 16)
			w++
			bits >>= size
			nbits -= size
			continue
		case kindEnd:
			bits >>= size
			nbits -= size
			wait = false
			break decode
		case kindInvalid:
			err = ErrCorrupt
			break decode
		}
		extra := uint(e >> 8 & 31)
		b, used := bits>>size, size+extra
		length := int(e>>16) + int(b&(1<<extra-1))
		b >>= extra

		e = dist[b&(1<<distBits-1)]
		if e&entryKind == kindSub {
			e = dist[uint(e>>16)+uint(b>>distBits)&(1<<(e>>8&31)-1)]
		}
		size = uint(e & entryLen)
		extra = uint(e >> 8 & 31)
		if used += size + extra; used > nbits {
			break
		}
		if e&entryKind == kindInvalid {
			err = ErrCorrupt
			break
		}
		d := int(e>>16) + int(b>>size&(1<<extra-1))
		bits >>= used
		nbits -= used
		if d > w { // before the first byte there was
			err = ErrCorrupt
			break
		}
		if d > f.window {
			err = ErrWindow
			break
		}
		if w+length > end {
			f.state, f.todo, f.dist = atMatch, length, d
			wait = false
			break
		}
		f.w = w
		f.copyMatch(d, length)
		w = f.w
	}
	f.bits, f.nbits, f.w = bits, nbits, w
	if err == nil && !wait && f.state == atCodes {
		f.endBlock()
	}
	return n, wait && err == nil, err
}

// manyCodes is codes where input and room are plenty: no symbol can want for
// either, so that neither is looked at for each. It stops in front of whatever
// is rare.
func (f *Inflater) manyCodes(in []byte, n, end int) (used int) {
	bits, nbits, w, window := f.bits, f.nbits, f.w, f.window
	buf := f.buf[:end]
	lit, dist := f.lit.entries, f.distTable.entries
	for n+8 <= len(in) && w+maxMatch+8 <= len(buf) {
		// The bits above nbits belong to bytes that are not counted as used; they
		// will be put in again, with the same value.
		bits |= binary.LittleEndian.Uint64(in[n:]) << (nbits & 63)
		n += int((63 - nbits) >> 3)
		nbits |= 56
		e := lit[bits&(1<<litBits-1)]
		if e&entryKind == kindLiteral {
			buf[w] = byte(e >> 16)
			w++
			bits >>= e & entryLen
			nbits -= uint(e & entryLen)
			if e = lit[bits&(1<<litBits-1)]; e&entryKind == kindLiteral {
				buf[w] = byte(e >> 16)
				w++
				bits >>= e & entryLen
				nbits -= uint(e & entryLen)
				if e = lit[bits&(1<<litBits-1)]; e&entryKind == kindLiteral {
					buf[w] = byte(e >> 16)
					w++
					bits >>= e & entryLen
					nbits -= uint(e & entryLen)
					continue
				}
			}
		}
		if e&entryKind == kindSub {
			e = lit[uint(e>>16)+uint(bits>>litBits)&(1<<(e>>8&31)-1)]
		}
		if e&entryKind != kindBase {
			if e&entryKind != kindLiteral {
				break
			}
			buf[w] = byte(e >> 16)
			w++
			bits >>= e & entryLen
			nbits -= uint(e & entryLen)
			continue
		}
		if nbits < 48 { // the most a match can take
			if n+8 > len(in) {
				break
			}
			bits |= binary.LittleEndian.Uint64(in[n:]) << (nbits & 63)
			n += int((63 - nbits) >> 3)
			nbits |= 56
		}
		extra := uint(e >> 8 & 31)
		b := bits >> (e & entryLen)
		length := int(e>>16) + int(b&(1<<extra-1))
		b >>= extra & 63
		took := uint(e&entryLen) + extra
		e = dist[b&(1<<distBits-1)]
		if e&entryKind == kindSub {
			e = dist[uint(e>>16)+uint(b>>distBits)&(1<<(e>>8&31)-1)]
		}
		extra = uint(e >> 8 & 31)
		d := int(e>>16) + int(b>>(e&entryLen)&(1<<extra-1))
		if e&entryKind == kindInvalid || d > w || d > window {
			break
		}
		took += uint(e&entryLen) + extra
		bits >>= took & 63
		nbits -= took
		src := w - d
		switch {
		case d >= 8 && length <= 32: // by words, which may write beyond the match
			for k := 0; k < length; k += 8 {
				binary.LittleEndian.PutUint64(buf[w+k:], binary.LittleEndian.Uint64(buf[src+k:]))
			}
			w += length
		case d >= length:
			copy(buf[w:w+length], buf[src:])
			w += length
		default:
			for stop := w + length; w < stop; {
				w += copy(buf[w:stop], buf[src:w])
			}
		}
	}
	f.bits, f.nbits, f.w = bits&(1<<nbits-1), nbits, w
	return n
}

func (f *Inflater) copyMatch(dist, length int) {
	src, stop := f.w-dist, f.w+length
	for f.w < stop {
		f.w += copy(f.buf[f.w:stop], f.buf[src:f.w])
	}
}
