package autobahn

import (
	"encoding/json"
	"testing"
)

// What is written is read back, in nothing but ASCII.
func TestAppendString(t *testing.T) {
	for _, s := range []string{"", "plain", `"quoted"`, `back\slash`, `\u0041`, "\n\r\t\b\f", "\x00\x1f\x7f", "é→😀", "</script>"} {
		p := appendString(nil, s)
		var got string
		if err := json.Unmarshal(p, &got); err != nil || got != s {
			t.Errorf("%q as %s: got %q, error %v", s, p, got, err)
		}
		for _, b := range p {
			if b >= 0x80 {
				t.Errorf("%q as %s: not ASCII", s, p)
			}
		}
	}
}
