package native

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLargestBuffer(t *testing.T) {
	for _, test := range []struct {
		text string
		want int
		ok   bool
	}{
		{"4096\t131072\t6291456\n", 6291456, true},
		{"4096 131072\n", 0, false},
		{"a b c\n", 0, false},
		{"", 0, false},
	} {
		file := filepath.Join(t.TempDir(), "tcp_rmem")
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := largestBuffer(file); got != test.want || ok != test.ok {
			t.Errorf("%q: got %d, %v, want %d, %v", test.text, got, ok, test.want, test.ok)
		}
	}
	if _, ok := largestBuffer(filepath.Join(t.TempDir(), "missing")); ok {
		t.Error("a file that is not there has a size")
	}
	if n := held(); n < 1<<20 {
		t.Errorf("TCP holds %d bytes, which is less than any system's", n)
	}
}
