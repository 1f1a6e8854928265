package native

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestWindows checks that what we send keeps within the window that was agreed.
func TestWindows(t *testing.T) {
	block := make([]byte, 3000)
	rand.NewChaCha8([32]byte{2}).Read(block)
	for bits := uint8(8); bits <= 15; bits++ {
		var z bytes.Buffer
		w, err := newCompressor(&z, streamKey{length: 4096, bits: bits})
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			w.Write(block)
			w.Flush()
		}
		inflate := func(window int) error {
			var in wsproto.Inflater
			in.Reset(window, nil)
			return in.Inflate(z.Bytes(), func([]byte) bool { return true })
		}
		if err := inflate(1 << bits); err != nil {
			t.Errorf("%d bits: %v", bits, err)
		}
		if 1<<bits > len(block) && inflate(2048) == nil {
			t.Errorf("%d bits: no match reaches back 2048 bytes: the block %d bytes back was not used", bits, len(block))
		}
	}
}
