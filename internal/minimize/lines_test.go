package minimize

import (
	"slices"
	"strings"
	"testing"
)

// What is left has all that is needed, in order, and nothing else; and the search ends.
func TestLines(t *testing.T) {
	for _, row := range []struct {
		list, needed string
		most         int // plays
	}{
		{"a b c d e f g h", "c g", 60},
		{"a b c d e f g h", "a", 60},
		{"a b c d e f g h", "h", 60},
		{"a b c d e f g h", "a b c d e f g h", 60},
		{"a", "a", 1},
		{"a a a a a", "a a", 30},
		{strings.Repeat("x ", 200) + "a b", "a b", 120},
	} {
		needed := strings.Fields(row.needed)
		plays := 0
		got := lines(strings.Fields(row.list), func(list []string) bool {
			plays++
			rest := needed
			for _, l := range list {
				if len(rest) > 0 && l == rest[0] {
					rest = rest[1:]
				}
			}
			return len(rest) == 0
		}, func() bool { return true })
		if !slices.Equal(got, needed) || plays > row.most {
			t.Errorf("%.40s: got %q in %d plays, want %q in %d", row.list, got, plays, needed, row.most)
		}
	}
	left := 3
	got := lines(strings.Fields("a b c d e f g h"), func([]string) bool { left--; return true }, func() bool { return left > 0 })
	if left != 0 || len(got) == 0 || len(got) > 4 {
		t.Errorf("bounded by 3 plays: got %q, %d left", got, left)
	}
}
