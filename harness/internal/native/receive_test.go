package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/internal/transcript"
)

// A message that is longer than what a transcript keeps is told by its hash, in whatever
// pieces it comes; one beyond the bound is not.
func TestDigest(t *testing.T) {
	for _, row := range []struct {
		total, piece int
		hashed       bool
	}{
		{transcript.HeadSize, 100, false},
		{transcript.HeadSize + 1, 1 << 20, true},
		{transcript.HeadSize + 1, 1, true},
		{5 * transcript.HeadSize, 300, true},
		{5 * transcript.HeadSize, transcript.HeadSize, true},
		{transcript.HashLimit, 4096, true},
		{transcript.HashLimit + 1, 4096, false},
	} {
		message := bytes.Repeat([]byte("0123456789abcdef-"), row.total/17+1)[:row.total]
		b := &body{}
		for data := range slices.Chunk(message, row.piece) {
			b.length += len(data)
			b.digest(data)
		}
		want := ""
		if row.hashed {
			sum := sha256.Sum256(message)
			want = hex.EncodeToString(sum[:])
		}
		e := b.event(true)
		if e.SHA256 != want || e.Len != row.total || !bytes.Equal(e.Data, message[:min(row.total, transcript.HeadSize)]) {
			t.Errorf("%d bytes in pieces of %d: got %d bytes, hash %.8q, want %.8q", row.total, row.piece, e.Len, e.SHA256, want)
		}
	}
}
