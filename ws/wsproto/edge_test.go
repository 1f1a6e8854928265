package wsproto_test

import (
	"testing"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// The length has the shortest form that holds it (RFC 6455 §5.2).
func TestMinimalForm(t *testing.T) {
	for _, test := range []struct {
		length uint64
		size   int // of the header
		form   wsproto.LengthForm
	}{
		{0, 2, wsproto.Form7},
		{125, 2, wsproto.Form7},
		{126, 4, wsproto.Form16},
		{0xFFFF, 4, wsproto.Form16},
		{0x10000, 10, wsproto.Form64},
	} {
		p := wsproto.AppendHeader(nil, wsproto.Header{Fin: true, Opcode: wsproto.OpBinary, Length: test.length})
		h, n, err := wsproto.ParseHeader(p)
		if err != nil || n != test.size || h.Form != test.form || h.Length != test.length || !h.Minimal() {
			t.Errorf("%d: got %d bytes, form %d, length %d, minimal %t, error %v; want %d bytes, form %d",
				test.length, n, h.Form, h.Length, h.Minimal(), err, test.size, test.form)
		}
	}
}

// A validator that failed fails for ever, but nothing at all is not wrong.
func TestUTF8FailsForEver(t *testing.T) {
	var v wsproto.UTF8Validator
	v.Feed([]byte("a\xff"))
	for _, piece := range []string{"b", "\xff"} {
		if n, ok := v.Feed([]byte(piece)); ok || n != 0 {
			t.Errorf("%q behind a wrong byte: got %d, %t; want 0, false", piece, n, ok)
		}
	}
	if _, ok := v.Feed(nil); !ok || v.Complete() {
		t.Errorf("nothing behind a wrong byte: got %t, complete %t; want true, false", ok, v.Complete())
	}
}

// Extensions are taken apart by the grammar of RFC 6455 §9.1.
func TestParseExtensions(t *testing.T) {
	for header, want := range map[string]string{
		"a":                        "a",
		"permessage-deflate":       "permessage-deflate",
		"a;b=1 , c":                "a; b=1, c",
		" a ; b = \"x\\y\" ;c, ,d": "a; b=xy; c, d",
		"":                         "",
		",":                        "",
		"a;":                       "",
		"a;b=":                     "",
		"a;b=\"\"":                 "",
		"a;b=\"c":                  "",
		"a;b=\"c d\"":              "",
		"a b":                      "",
		"=":                        "",
	} {
		list, err := wsproto.ParseExtensions(header)
		if got := wsproto.FormatExtensions(list); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, error %v; want %q", header, got, err, want)
		}
	}
}
