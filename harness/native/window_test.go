package native

import (
	"bytes"
	stdflate "compress/flate"
	"math/rand/v2"
	"testing"
)

// TestFarthest has texts whose only repetition is at a known distance.
func TestFarthest(t *testing.T) {
	random := func(n int) []byte {
		p := make([]byte, n)
		rand.NewChaCha8([32]byte{1}).Read(p) //nolint:errcheck // never fails
		return p
	}
	for _, test := range []struct {
		name string
		text []byte
		want int
	}{
		{"nothing repeats", random(100), 0},
		{"right behind", append(random(64), random(64)...), 64},
		{"512", append(random(512), random(64)...), 512},
		{"513", append(random(513), random(64)...), 513},
		{"20000", append(random(20000), random(200)...), 20000},
		{"one octet over and over", bytes.Repeat([]byte("a"), 1000), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var z bytes.Buffer
			w, err := stdflate.NewWriter(&z, 9)
			if err != nil {
				t.Fatal(err)
			}
			w.Write(test.text) //nolint:errcheck // a buffer takes all
			w.Flush()          //nolint:errcheck // likewise
			if got := farthest(z.Bytes()); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

// TestWindows checks that what we send keeps within the window that was agreed.
func TestWindows(t *testing.T) {
	block := make([]byte, 3000)
	rand.NewChaCha8([32]byte{2}).Read(block) //nolint:errcheck // never fails
	for bits := uint8(8); bits <= 15; bits++ {
		var z bytes.Buffer
		w, err := newCompressor(&z, streamKey{length: 4096, bits: bits})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			w.Write(block) //nolint:errcheck // a buffer takes all
			w.Flush()      //nolint:errcheck // likewise
		}
		far := farthest(z.Bytes())
		if far > 1<<bits {
			t.Errorf("%d bits: got a distance of %d, want at most %d", bits, far, 1<<bits)
		}
		if 1<<bits > len(block) && far < len(block) {
			t.Errorf("%d bits: got a distance of %d: the block %d octets back was not used", bits, far, len(block))
		}
	}
}
