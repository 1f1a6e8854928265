package token

import (
	"slices"
	"testing"
)

func TestIs(t *testing.T) {
	for s, want := range map[string]bool{"": false, "a": true, "Z9-_~": true, "a b": false, "a,": false, "\"a\"": false, "é": false, "a\x00": false} {
		if got := Is(s); got != want {
			t.Errorf("%q: got %t, want %t", s, got, want)
		}
	}
}

func TestLists(t *testing.T) {
	values := []string{"Upgrade, ,\tkeep-alive ", "close"}
	if got := Split(values); !slices.Equal(got, []string{"Upgrade", "keep-alive", "close"}) {
		t.Errorf("got %q", got)
	}
	for token, want := range map[string]bool{"upgrade": true, "CLOSE": true, "keep": false, "": false} {
		if got := InList(values, token); got != want {
			t.Errorf("%q: got %t, want %t", token, got, want)
		}
	}
}
