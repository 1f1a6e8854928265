package gate

import (
	"testing"

	"github.com/goccy/go-yaml"
)

// What is written is read back, whatever a reason says.
func TestQuote(t *testing.T) {
	for _, s := range []string{"5.10", "*", "it's the server's", "''", "a: b # c", "two\nlines", "tab\there", "\x1b[31m", `back\slash`, "é"} {
		var got string
		if err := yaml.Unmarshal([]byte(quote(s)), &got); err != nil || got != s {
			t.Errorf("%q as %s: got %q, error %v", s, quote(s), got, err)
		}
	}
}
