package rawscript

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unescape resolves the escapes of a Go string: \r \n \t \\ \xHH \uHHHH and so on.
// \xHH is one byte, so text may be invalid UTF-8.
func unescape(s string) ([]byte, error) {
	p := make([]byte, 0, len(s))
	for len(s) > 0 {
		if s[0] != '\\' {
			n := strings.IndexByte(s, '\\')
			if n < 0 {
				n = len(s)
			}
			p, s = append(p, s[:n]...), s[n:]
			continue
		}
		r, multibyte, rest, err := strconv.UnquoteChar(s, 0)
		if err != nil {
			return nil, errors.New(`malformed escape: a backslash is written \\`)
		}
		if multibyte {
			p = utf8.AppendRune(p, r)
		} else {
			p = append(p, byte(r))
		}
		s = rest
	}
	return p, nil
}

// escape is the reverse, for display: what unescape makes p of, on one line.
func escape(p []byte) string {
	var b strings.Builder
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		switch {
		case r == utf8.RuneError && n == 1, r < ' ' && r != '\n' && r != '\r' && r != '\t':
			fmt.Fprintf(&b, `\x%02x`, p[0])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\\':
			b.WriteString(`\\`)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		p = p[n:]
	}
	return b.String()
}
