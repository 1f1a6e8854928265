package flate

import (
	"errors"
	"sync"
)

// An Inflater decodes raw DEFLATE (RFC 1951) from pieces of any size.
//
// It does three things that no library decoder does. It stops at any byte and
// continues with the next piece, so text is checked as it arrives. It knows every
// distance, so a peer that reaches beyond the agreed window is caught exactly. It
// writes no byte beyond what the caller allows. A final block does not end it, as a
// message may contain one (RFC 7692 §7.2.3.4).
type Inflater struct {
	window int // bytes a match may reach back

	// Bits taken from the input and not used yet.
	bits  uint64
	nbits uint

	// buf[r:w] is output not taken yet; everything below w is history.
	buf  []byte
	r, w int
	full bool // the last call stopped because the output was full
	used bool // since the last call of idle

	state inflateState
	final bool // the current block is the last of its stream
	// wasFinal says that the last block was, so that a new stream begins.
	wasFinal bool
	filled   bool // a final block was filled up with other bits than 0
	todo     int  // bytes left of a stored block or a match
	dist     int  // of the match

	lit, distTable huffTable // in use
	dynamic        *dynamicBlock
}

// A dynamicBlock has the header of such a block and the codes made of it. It is
// of no use between messages, so the connections share them.
type dynamicBlock struct {
	nlit, ndist, nclen, i int
	lens                  [maxLit + maxDist]uint8
	codeLens              [19]uint8

	lit, dist, code huffTable
}

var dynamicBlocks = sync.Pool{New: func() any { return new(dynamicBlock) }}

type inflateState uint8

const (
	atBlock inflateState = iota
	atStoredLen
	atStored
	atTableSizes
	atCodeLens
	atLens
	atCodes
	atMatch
)

const (
	maxLit  = 288
	maxDist = 32
	// inflateMargin is room for output above the window.
	inflateMargin = 32 << 10
)

var (
	// ErrCorrupt says that the input is not DEFLATE (RFC 1951).
	ErrCorrupt = errors.New("invalid DEFLATE data")
	// ErrWindow says that a match reaches beyond the agreed window (RFC 7692 §7.1.2).
	ErrWindow = errors.New("match reaches beyond the agreed window")
)

// Tail is what a sender drops from the end of each message and a receiver
// adds again (RFC 7692 §7.2.1, §7.2.2).
var Tail = []byte{0x00, 0x00, 0xFF, 0xFF}

// Reset begins a new stream with an empty window, at most 2^15 bytes.
func (f *Inflater) Reset(window int) {
	f.window = window
	f.bits, f.nbits = 0, 0
	f.r, f.w = 0, 0
	f.state, f.final, f.wasFinal, f.filled = atBlock, false, false, false
}

// Preload makes bytes, at most the window, history.
func (f *Inflater) Preload(history []byte) {
	if len(f.buf) < len(history) {
		f.buf = make([]byte, f.window+inflateMargin)
	}
	f.w = copy(f.buf, history)
	f.r = f.w
}

// AtBoundary tells whether the stream is where a message may end: all input
// used, at the border of two blocks.
func (f *Inflater) AtBoundary() bool {
	return f.state == atBlock && f.nbits == 0 && !f.final
}

// Rest gives back what is of no use before the next message.
func (f *Inflater) Rest() {
	if f.dynamic != nil && f.state == atBlock {
		f.lit, f.distTable = huffTable{}, huffTable{}
		dynamicBlocks.Put(f.dynamic)
		f.dynamic = nil
	}
}

// Out is the output that has not been taken.
func (f *Inflater) Out() []byte { return f.buf[f.r:f.w] }

// Full reports whether the last call of Inflate stopped because the output was
// full, so that there may be more without more input.
func (f *Inflater) Full() bool { return f.full }

// ZeroPadded reports whether the bits behind each final block, up to the next byte, were 0.
func (f *Inflater) ZeroPadded() bool { return !f.filled }

// EndsStream reports whether the last block was marked as the final one.
func (f *Inflater) EndsStream() bool { return f.wasFinal }

// Size is the memory that the history and the output take.
func (f *Inflater) Size() int { return cap(f.buf) }

// Take marks n bytes of the output as taken. They stay as history.
func (f *Inflater) Take(n int) { f.r += n }

// room makes space for output, with all former output taken. The buffer starts
// small and grows to the window and a margin.
func (f *Inflater) room() {
	if f.w < len(f.buf) {
		return
	}
	full := f.window + inflateMargin
	if len(f.buf) >= full {
		f.w = copy(f.buf, f.buf[f.w-f.window:f.w])
		f.r = f.w
		return
	}
	grown := make([]byte, min(max(4*len(f.buf), 1<<10), full))
	copy(grown, f.buf[:f.w])
	f.buf = grown
}

// Idle gives up all of the buffer but the history, which the peer may refer to at
// any time, if it was not used since it was called before.
func (f *Inflater) Idle() {
	if history := f.buf[max(0, f.w-f.window):f.w]; !f.used && f.r == f.w && len(f.buf) > len(history) {
		f.buf = append(make([]byte, 0, len(history)), history...)
		f.r, f.w = len(f.buf), len(f.buf)
	}
	f.used = false
}

// Inflate decodes from in until it is used up, limit bytes of output wait to be
// taken, or the buffer is full, and says how many bytes of in it used. All
// output must have been taken before.
func (f *Inflater) Inflate(in []byte, limit int) (used int, err error) {
	f.used = true
	f.room()
	end := min(len(f.buf), f.w+limit)
	defer func() { f.full = f.w == end }()
	n := 0 // bytes of in used
	for {
		// Each state either makes progress or returns.
		switch f.state {
		case atCodes:
			var wait bool
			n, wait, err = f.codes(in, n, end)
			if wait || err != nil {
				return n, err
			}
			continue
		case atMatch:
			if f.w == end {
				return n, nil
			}
			k := min(f.todo, end-f.w)
			f.copyMatch(f.dist, k)
			if f.todo -= k; f.todo == 0 {
				f.state = atCodes
			}
			continue
		case atStored:
			for f.nbits > 0 && f.todo > 0 && f.w < end { // bytes that were read ahead
				f.buf[f.w] = byte(f.bits)
				f.drop(8)
				f.w++
				f.todo--
			}
			k := copy(f.buf[f.w:min(end, f.w+f.todo)], in[n:])
			n += k
			f.w += k
			if f.todo -= k; f.todo > 0 {
				return n, nil
			}
			f.endBlock()
			continue
		default: // the headers: bit by bit is fast enough
		}
		for f.nbits <= 56 && n < len(in) {
			f.bits |= uint64(in[n]) << f.nbits
			f.nbits += 8
			n++
		}
		ok, err := f.header()
		if err != nil {
			return n, err
		}
		if !ok {
			if n < len(in) {
				continue
			}
			return n, nil
		}
	}
}

func (f *Inflater) drop(n uint) {
	f.bits >>= n
	f.nbits -= n
}

func (f *Inflater) endBlock() {
	f.state = atBlock
	f.wasFinal = f.final
	if f.final { // the next stream starts at a byte
		f.filled = f.filled || f.bits&(1<<(f.nbits&7)-1) != 0
		f.drop(f.nbits & 7)
		f.final = false
	}
}

// header goes one step through the header of a block. It is false if that needs
// more bits.
func (f *Inflater) header() (ok bool, err error) {
	switch f.state {
	case atBlock:
		if f.nbits < 3 {
			return false, nil
		}
		f.final = f.bits&1 != 0
		kind := f.bits >> 1 & 3
		f.drop(3)
		switch kind {
		case 0:
			f.drop(f.nbits & 7)
			f.state = atStoredLen
		case 1:
			f.lit, f.distTable = fixedLit, fixedDist
			f.state = atCodes
		case 2:
			if f.dynamic == nil {
				f.dynamic = dynamicBlocks.Get().(*dynamicBlock)
			}
			f.state = atTableSizes
		default:
			return false, ErrCorrupt
		}
	case atStoredLen:
		if f.nbits < 32 {
			return false, nil
		}
		size, inverse := uint16(f.bits), uint16(f.bits>>16)
		if size != ^inverse {
			return false, ErrCorrupt
		}
		f.drop(32)
		f.todo = int(size)
		f.state = atStored
	case atTableSizes:
		if f.nbits < 14 {
			return false, nil
		}
		b := f.dynamic
		b.nlit = int(f.bits&31) + 257
		b.ndist = int(f.bits>>5&31) + 1
		b.nclen = int(f.bits>>10&15) + 4
		f.drop(14)
		if b.nlit > 286 || b.ndist > 30 {
			return false, ErrCorrupt
		}
		b.i = 0
		b.codeLens = [19]uint8{}
		f.state = atCodeLens
	case atCodeLens:
		b := f.dynamic
		for ; b.i < b.nclen; b.i++ {
			if f.nbits < 3 {
				return false, nil
			}
			b.codeLens[codeOrder[b.i]] = uint8(f.bits & 7)
			f.drop(3)
		}
		if !b.code.build(b.codeLens[:], codeBits, codeSymbols[:], false) {
			return false, ErrCorrupt
		}
		b.i = 0
		f.state = atLens
	case atLens:
		return f.codeLengths()
	default: // no header
	}
	return true, nil
}

// codeLengths reads the lengths of the codes of a dynamic block (RFC 1951
// §3.2.7).
func (f *Inflater) codeLengths() (ok bool, err error) {
	b := f.dynamic
	total := b.nlit + b.ndist
	for b.i < total {
		e := b.code.entries[f.bits&(1<<codeBits-1)]
		size := uint(e & entryLen)
		if size > f.nbits {
			return false, nil
		}
		if e&entryKind == kindInvalid {
			return false, ErrCorrupt
		}
		sym := e >> 16
		if sym < 16 {
			f.drop(size)
			b.lens[b.i] = uint8(sym)
			b.i++
			continue
		}
		var value uint8
		extra, base := uint(2), 3
		switch sym {
		case 16:
			if b.i == 0 {
				return false, ErrCorrupt
			}
			value = b.lens[b.i-1]
		case 17:
			extra = 3
		default:
			extra, base = 7, 11
		}
		if size+extra > f.nbits {
			return false, nil
		}
		repeat := base + int(f.bits>>size&(1<<extra-1))
		f.drop(size + extra)
		if b.i+repeat > total {
			return false, ErrCorrupt
		}
		for range repeat {
			b.lens[b.i] = value
			b.i++
		}
	}
	lit, dist := b.lens[:b.nlit], b.lens[b.nlit:total]
	if lit[256] == 0 || // no way out of the block
		!b.lit.build(lit, litBits, litSymbols[:], true) ||
		!b.dist.build(dist, distBits, distSymbols[:], true) {
		return false, ErrCorrupt
	}
	f.lit, f.distTable = b.lit, b.dist
	f.state = atCodes
	return true, nil
}
