package autobahn

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Values of Autobahn's JSON: nil, bool, int, float64, string, and these.
type (
	jsonList   []any
	jsonObject map[string]any
	jsonCounts map[int]int // keys in numeric order
)

// indent is the indentation of a level.
const indent = "   "

// writeJSONValue writes v laid out as the reports of Autobahn are: an element a
// line, keys sorted, nothing but ASCII, no newline at the end. Scripts search
// these files line by line.
func writeJSONValue(w io.Writer, v any) error {
	_, err := w.Write(appendJSON(nil, v, "\n"))
	return err
}

// appendJSON appends v; newline is the line break and indentation where it stands.
func appendJSON(dst []byte, v any, newline string) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case float64:
		return appendFloat(dst, v)
	case string:
		return appendString(dst, v)
	case jsonList:
		return appendMembers(dst, '[', ']', len(v), newline, func(dst []byte, i int, newline string) []byte {
			return appendJSON(dst, v[i], newline)
		})
	case jsonObject:
		keys := slices.Sorted(maps.Keys(v))
		return appendMembers(dst, '{', '}', len(v), newline, func(dst []byte, i int, newline string) []byte {
			dst = append(appendString(dst, keys[i]), ": "...)
			return appendJSON(dst, v[keys[i]], newline)
		})
	case jsonCounts:
		keys := slices.Sorted(maps.Keys(v))
		return appendMembers(dst, '{', '}', len(v), newline, func(dst []byte, i int, _ string) []byte {
			return fmt.Appendf(dst, `"%d": %d`, keys[i], v[keys[i]])
		})
	}
	panic(fmt.Sprintf("reports: no JSON for a %T", v)) //nolint:forbidigo // the callers are in this package
}

func appendMembers(dst []byte, open, end byte, n int, newline string, member func([]byte, int, string) []byte) []byte {
	dst = append(dst, open)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, newline+indent...)
		dst = member(dst, i, newline+indent)
	}
	if n > 0 {
		dst = append(dst, newline...)
	}
	return append(dst, end)
}

// appendFloat writes the shortest form that reads back, with a point in it so
// that it stays a float.
func appendFloat(dst []byte, f float64) []byte {
	if f == math.Trunc(f) && math.Abs(f) < 1e16 {
		return strconv.AppendFloat(dst, f, 'f', 1, 64)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// appendString writes a string in ASCII. Octets that are no UTF-8 become U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r >= ' ' && r < 0x7f:
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return append(dst, '"')
}
