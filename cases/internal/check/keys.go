package check

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/wsconform/wsconform/internal/transcript"
)

// RandomKeys holds if the transcript has at least so many masking keys, and they look like
// random numbers: no bit and no byte is much more frequent than others, hardly one comes
// twice, and no bit follows from the same bits of the keys before it as in a counter, a
// linear congruential generator or a shift register such as xorshift. Keys of a sound
// generator fail by chance once in a hundred thousand times.
type RandomKeys struct{ Least int }

// Holds looks at the keys.
func (r RandomKeys) Holds(t *transcript.Transcript) bool {
	keys := make([]uint32, len(t.Keys)/4)
	seen := map[uint32]bool{}
	for i := range keys {
		keys[i] = binary.BigEndian.Uint32(t.Keys[4*i:])
		seen[keys[i]] = true
	}
	if len(keys) < r.Least || len(keys) < 64 || len(keys)-len(seen) > 1 || !evenBytes(t.Keys) {
		return false
	}
	for bit := range 32 {
		column := make([]byte, len(keys))
		ones := 0
		for i, key := range keys {
			column[i] = byte(key >> bit & 1)
			ones += int(column[i])
		}
		// Six standard deviations. Of random bits half are needed to tell the next, give or
		// take a few.
		if far := math.Abs(float64(2*ones - len(keys))); far > 6*math.Sqrt(float64(len(keys))) || complexity(column) < len(keys)/2-16 {
			return false
		}
	}
	return true
}

func (r RandomKeys) String() string {
	return fmt.Sprintf("%d masking keys that look random", r.Least)
}

// evenBytes reports whether all bytes are about equally frequent, by the chi-squared test.
func evenBytes(data []byte) bool {
	var counts [256]int
	for _, b := range data {
		counts[b]++
	}
	wanted := float64(len(data)) / 256
	sum := 0.0
	for _, n := range counts {
		sum += (float64(n) - wanted) * (float64(n) - wanted) / wanted
	}
	return sum < 255+6*math.Sqrt(2*255)
}

// complexity is the length of the shortest linear feedback shift register that writes the
// bits, by the algorithm of Berlekamp and Massey.
func complexity(column []byte) int {
	words := len(column)/64 + 2
	now, before, past := make([]uint64, words), make([]uint64, words), make([]uint64, words)
	now[0], before[0] = 1, 1
	length, since := 0, 1
	for i, bit := range column {
		shiftIn(past, uint64(bit)) // past has the newest bit first
		odd := 0
		for w := range (length + 64) / 64 {
			odd += bits.OnesCount64(now[w] & past[w])
		}
		if odd%2 == 0 {
			since++
			continue
		}
		kept := append([]uint64(nil), now...)
		addShifted(now, before, since)
		if since++; 2*length <= i {
			length, before, since = i+1-length, kept, 1
		}
	}
	return length
}

// shiftIn moves the bits up by one, and sets the first.
func shiftIn(words []uint64, bit uint64) {
	for w, word := range words {
		words[w] = word<<1 | bit
		bit = word >> 63
	}
}

// addShifted adds a polynomial over GF(2), moved up by so many places, to another.
func addShifted(to, p []uint64, places int) {
	whole, part := places/64, places%64
	for w := len(to) - 1; w >= whole; w-- {
		to[w] ^= p[w-whole] << part
		if part > 0 && w > whole {
			to[w] ^= p[w-whole-1] >> (64 - part)
		}
	}
}
