// Package flatetest has data for tests of compression.
package flatetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Corpus is data of several kinds by name, each of size bytes and the same in every run.
func Corpus(size int) map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	var text bytes.Buffer
	words := strings.Fields(`{"id": the quick brown fox jumps over lazy dog "name": null, [1, 2, 3] true} Ünïcödé 世界`)
	for text.Len() < size {
		text.WriteString(words[rng.IntN(len(words))])
		if rng.IntN(3) == 0 {
			fmt.Fprintf(&text, "%d", rng.IntN(1e6))
		}
		text.WriteByte(' ')
	}
	skewed := make([]byte, size) // few symbols, very unlike in frequency: long codes
	for i := range skewed {
		skewed[i] = byte(min(rng.ExpFloat64()*3, 255))
	}
	far := bytes.Repeat(random[:min(size, 20011)], size/min(size, 20011)+1)[:size]
	return map[string][]byte{
		"random": random, "text": text.Bytes()[:size], "skewed": skewed, "far": far, "zeros": make([]byte, size),
	}
}
