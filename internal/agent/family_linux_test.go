package agent

import (
	"os"
	"testing"
)

func TestUsageOf(t *testing.T) {
	const line = "4711 (a) b (c) S 1 2 3 4 -1 0 0 0 0 0 11 12 13 14 20 0 123 0 99 1000000 4567 18446744073709551615 1 1"
	page := int64(os.Getpagesize())
	for text, want := range map[string]Usage{
		line:                {Tasks: 123, Memory: 4567 * page},
		line[:len(line)-90]: {},
		"":                  {},
	} {
		if got := usageOf([]byte(text)); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}
