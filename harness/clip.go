package harness

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"sync"
	"unicode/utf8"
)

// Clip returns s if it has at most n bytes. Of a longer text it returns the first
// n bytes, or a few less so as not to cut a character, and then how long the text
// is and its SHA-256:
//
//	… (10485763 bytes, SHA-256 9f86d081884c7d65…)
//
// A text that was clipped before keeps the length and the hash of the whole.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	text, mark := Clipped(s)
	if len(text) <= n {
		return s
	}
	if mark == "" {
		mark = fmt.Sprintf("… (%d bytes, SHA-256 %x)", len(s), sha256.Sum256([]byte(s)))
	}
	return text[:wholeRunes(text, n)] + mark
}

// Clipped splits a text that [Clip] has cut into what is left of it and the mark
// behind. Of any other text the mark is "".
func Clipped(s string) (text, mark string) {
	mark = clipped().FindString(s[max(0, len(s)-maxMark):])
	return s[:len(s)-len(mark)], mark
}

// clipped is what Clip puts behind a text.
var clipped = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`… \([0-9]+ bytes, SHA-256 [0-9a-f]{64}\)$`) })

// maxMark is more than the mark of Clip can measure, in bytes.
const maxMark = 128

// wholeRunes is n, or a few bytes less where s[:n] would end inside a character.
func wholeRunes(s string, n int) int {
	for cut := n; cut > n-utf8.UTFMax && cut > 0; cut-- {
		if utf8.RuneStart(s[cut]) {
			return cut
		}
	}
	return n
}
