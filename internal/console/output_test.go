package console

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// A terminal obeys nothing that is printed.
func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain\ttext\n": "plain\ttext\n", "\x1b[31mred": "\uFFFD[31mred", "a\rb": "a\uFFFDb", "\x07\x00\u0085": "\uFFFD\uFFFD\uFFFD", "é→": "é→",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// The reserved bits have the names of RFC 6455 §5.2.
func TestRSVNames(t *testing.T) {
	for bits, want := range map[uint8][]string{
		0: nil, wsproto.RSV1: {"rsv1"}, wsproto.RSV2: {"rsv2"}, wsproto.RSV3: {"rsv3"}, wsproto.RSV1 | wsproto.RSV3: {"rsv3", "rsv1"},
	} {
		if got := rsvNames(bits); !slices.Equal(got, want) {
			t.Errorf("%03b: got %q, want %q", bits, got, want)
		}
	}
}
