// Package show makes values fit to be seen in a report: whatever a peer has chosen is
// made visible and cut where it is long.
package show

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wsconform/wsconform/harness"
)

// Visible shows what a reader would not see, or would be misled by: control characters
// become pictures (␛), invisible characters and those that change the direction of text
// become \u{202e}, and bytes that are not UTF-8 become \xff.
func Visible(s string) string {
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

// shownSize is how many bytes Visible makes of a character of so many bytes.
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

// hidden reports whether the rune is invisible. Of the separators only the space is kept.
func hidden(r rune) bool {
	return r != ' ' && !unicode.IsPrint(r)
}

// Short is [Visible], cut to at most n bytes, which are at most twice as many as they
// are shown. What is cut says how long it was and what its hash is; see
// [harness.Clip].
func Short(s string, n int) string {
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
	return Visible(text[:cut]) + mark
}

// Lines is [Visible] for a text of several lines, of which so many bytes are kept.
func Lines(s string, n int) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		line = Visible(strings.TrimRight(line, "\r\n"))
		if b.Len()+len(line) > n {
			b.WriteString("# …\n")
			break
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// Text is [Short] for a sentence, such as a reason.
func Text(s string) string { return Short(s, MaxText) }

// Name is [Short] for a name.
func Name(s string) string { return Short(s, MaxName) }

// Bounds of what is shown of a peer's words, in bytes.
const (
	MaxName = 120
	MaxText = 600
)

// Seconds writes a duration with a useful precision.
func Seconds(d time.Duration) string {
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

// Date writes when something began.
func Date(t time.Time) string {
	if t.IsZero() {
		return "unknown time"
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// Grouped writes a number in groups of three digits.
func Grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Plural writes a count with its noun.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
