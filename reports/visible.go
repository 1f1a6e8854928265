package reports

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wsconform/wsconform/harness"
)

// visible makes seen what a reader would not see, or would be misled by:
// control characters become their pictures (␛), characters without a shape and
// those that turn the direction of text become \u{202e}, bytes that are not
// UTF-8 become \xff.
func visible(s string) string {
	clean := utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0
	if clean {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < 0x20:
			b.WriteRune(0x2400 + r)
		case r == 0x7f:
			b.WriteRune(0x2421)
		case hidden(r):
			fmt.Fprintf(&b, `\u{%04x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shownSize is how many bytes visible makes of a character of so many bytes.
func shownSize(r rune, size int) int {
	switch {
	case r == utf8.RuneError && size == 1:
		return len(`\xff`)
	case r < 0x20 || r == 0x7f:
		return len("\u2400")
	case hidden(r):
		return len(`\u{}`) + max(4, len(strconv.FormatInt(int64(r), 16)))
	}
	return size
}

// hidden reports whether the rune has no shape of its own. That leaves the
// space as the only separator that stays.
func hidden(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r)
}

// short is visible, cut to at most n bytes, which are at most twice as many as they
// are shown. What is cut says how long it was and what its hash is; see
// [harness.Clip].
func short(s string, n int) string {
	text, mark := harness.Clipped(s)
	cut, left := 0, 2*n // where the text ends, and the bytes that may still be shown
	for cut < len(text) {
		r, size := utf8.DecodeRuneInString(text[cut:])
		left -= shownSize(r, size)
		if cut+size > n || left < 0 {
			break
		}
		cut += size
	}
	if cut < len(text) && mark == "" {
		_, mark = harness.Clipped(harness.Clip(s, 0))
	}
	return visible(text[:cut]) + mark
}

// Bounds of what is shown of a peer's words, in bytes.
const (
	maxName = 120
	maxText = 600
)

// seconds writes a duration with the precision that a reader can use.
func seconds(d time.Duration) string {
	switch {
	case d < 0:
		return "?"
	case d < time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 2, 64) + " ms"
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d)/1e6, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Round(time.Millisecond).Milliseconds(), 10) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) + " s"
	}
	d = d.Round(time.Second)
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// grouped writes a number in groups of three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// ShellWord quotes a word for a POSIX shell.
func ShellWord(word string) string {
	plain := func(r rune) bool {
		return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./:=@%+{}", r))
	}
	expands := strings.Contains(word, "{") && strings.Contains(word, "..")
	if word != "" && !expands && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// plural writes a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
