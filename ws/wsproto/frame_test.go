package wsproto_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/wsconform/wsconform/ws/internal/flatetest"
	"github.com/wsconform/wsconform/ws/wsproto"
)

func frame(op wsproto.Opcode, fin bool, s string) wsproto.Frame {
	return wsproto.Frame{Header: wsproto.Header{Fin: fin, Opcode: op}, Payload: []byte(s)}
}

func TestAppendFrame(t *testing.T) {
	h := func(h wsproto.Header) wsproto.Header { return h }
	tests := []struct {
		name  string
		frame wsproto.Frame
		want  string
	}{
		// The first five are the examples of RFC 6455 §5.7.
		{"text", frame(wsproto.OpText, true, "Hello"), "\x81\x05Hello"},
		{"masked", wsproto.Frame{Header: wsproto.Header{Fin: true, Opcode: 1, Masked: true, MaskKey: [4]byte{0x37, 0xfa, 0x21, 0x3d}}, Payload: []byte("Hello")}, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"},
		{"first fragment", frame(wsproto.OpText, false, "Hel"), "\x01\x03Hel"},
		{"last fragment", frame(wsproto.OpContinuation, true, "lo"), "\x80\x02lo"},
		{"ping", frame(wsproto.OpPing, true, "Hello"), "\x89\x05Hello"},
		{"every bit", wsproto.Frame{Header: h(wsproto.Header{Fin: true, RSV: 7, Opcode: 15})}, "\xff\x00"},
		{"not minimal 16", wsproto.Frame{Header: wsproto.Header{Opcode: 2, Form: wsproto.Form16}, Payload: []byte("a")}, "\x02\x7e\x00\x01a"},
		{"not minimal 64", wsproto.Frame{Header: wsproto.Header{Opcode: 2, Form: wsproto.Form64}, Payload: []byte("a")}, "\x02\x7f\x00\x00\x00\x00\x00\x00\x00\x01a"},
		{"too narrow", wsproto.Frame{Header: wsproto.Header{Opcode: 2, Form: wsproto.Form7, Length: 300}, Payload: []byte("a")}, "\x02\x7e\x01\x2ca"},
		{"top bit", wsproto.Frame{Header: wsproto.Header{Opcode: 2, Length: 1 << 63}}, "\x02\x7f\x80\x00\x00\x00\x00\x00\x00\x00"},
		{"claims less", wsproto.Frame{Header: wsproto.Header{Opcode: 2, Length: 1}, Payload: []byte("abc")}, "\x02\x01abc"},
	}
	for _, tt := range tests {
		if got := wsproto.AppendFrame(nil, tt.frame); string(got) != tt.want {
			t.Errorf("%s: got %x, want %x", tt.name, got, tt.want)
		}
	}
}

func TestReadHeader(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want error
	}{
		{"", io.EOF},
		{"\x81", io.ErrUnexpectedEOF},
		{"\x81\x7e", io.ErrUnexpectedEOF},
		{"\x81\x85\x01\x02\x03", io.ErrUnexpectedEOF},
		{"\x81\x85\x01\x02\x03\x04", nil},
		{"\x81\x7e\x00\x00", nil},
	} {
		if _, err := wsproto.ReadHeader(bytes.NewReader([]byte(tt.in))); err != tt.want { //nolint:errorlint // callers compare io.EOF itself
			t.Errorf("%x: got error %v, want %v", tt.in, err, tt.want)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, s := range []string{"", "\x81\x05Hello", "\x81\x85\x37\xfa\x21\x3d", "\x82\x7e\x01\x00", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00abcd"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		h, n, err := wsproto.ParseHeader(p)
		if n == 0 {
			if err != nil || len(p) >= wsproto.MaxHeaderLen {
				t.Fatalf("got no header in %d bytes, error %v", len(p), err)
			}
			return
		}
		if got := wsproto.AppendHeader(nil, h); !bytes.Equal(got, p[:n]) {
			t.Fatalf("got %x, want %x", got, p[:n])
		}
		if (err != nil) != (h.Length > 1<<63-1) {
			t.Fatalf("got error %v for a length of %d", err, h.Length)
		}
		read, rerr := wsproto.ReadHeader(bytes.NewReader(p))
		if read != h || (rerr == nil) != (err == nil) {
			t.Fatalf("ReadHeader got %v, error %v; want %v, %v", read, rerr, h, err)
		}
		for i := range 8 {
			_ = wsproto.CheckHeader(h, wsproto.State{Server: i&1 != 0, Open: i&2 != 0, Deflate: i&4 != 0})
		}
	})
}

func TestMask(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	data := flatetest.Corpus(300)["random"]
	for size := range 100 {
		for pos := range 5 {
			for offset := range 3 {
				got := bytes.Clone(data[:size+offset])
				if next := wsproto.Mask(key, pos, got[offset:]); next != (pos+size)&3 {
					t.Errorf("size %d, pos %d: got next %d", size, pos, next)
				}
				for i, b := range got[offset:] {
					if want := data[offset+i] ^ key[(pos+i)&3]; b != want {
						t.Fatalf("size %d, pos %d, byte %d: got %x, want %x", size, pos, i, b, want)
					}
				}
			}
		}
	}
}

func TestStatusCodeValid(t *testing.T) {
	for c := range 1 << 16 {
		want := c >= 1000 && c <= 1014 && (c < 1004 || c > 1006) || c >= 3000 && c <= 4999
		if got := wsproto.StatusCode(c).Valid(); got != want {
			t.Errorf("%d: got %t, want %t", c, got, want)
		}
	}
}

func TestUTF8Validator(t *testing.T) {
	tests := []struct {
		name string
		in   string
		bad  int // offset of the offending byte; -1 if there is none
		end  bool
	}{
		{"empty", "", -1, true},
		{"ascii", "hello", -1, true},
		{"kosme", "κόσμε", -1, true},
		{"cut", "\xf0\x9f\x98", -1, false},
		{"lone continuation", "a\x80", 1, false},
		{"C0", "a\xc0", 1, false},
		{"C1", "\xc1", 0, false},
		{"F5", "ab\xf5", 2, false},
		{"FF", "\xff", 0, false},
		{"overlong 3", "\xe0\x80", 1, false},
		{"overlong 4", "\xf0\x8f", 1, false},
		{"surrogate", "\xed\xa0\x80", 1, false},
		{"last before the surrogates", "\xed\x9f\xbf", -1, true},
		{"beyond U+10FFFF", "\xf4\x90\x80\x80", 1, false},
		{"U+10FFFF", "\xf4\x8f\xbf\xbf", -1, true},
		{"lead in place of continuation", "\xe4\xb8\xe4", 2, false},
		{"ascii in place of continuation", "\xe4\xb8a", 2, false},
		{"U+FFFD itself", "\xef\xbf\xbd\xef\xbf\xbd", -1, true},
	}
	for _, tt := range tests {
		for step := 1; step <= len(tt.in)+1; step++ {
			var v wsproto.UTF8Validator
			got := -1
			for i := 0; i < len(tt.in) && got < 0; i += step {
				if n, ok := v.Feed([]byte(tt.in[i:min(i+step, len(tt.in))])); !ok {
					got = i + n
				}
			}
			if got != tt.bad || v.Complete() != tt.end {
				t.Errorf("%s by %d: got offset %d, complete %t; want %d, %t", tt.name, step, got, v.Complete(), tt.bad, tt.end)
			}
		}
	}
}

func FuzzUTF8(f *testing.F) {
	for _, s := range []string{"", "κόσμε", "\xed\xa0\x80", "\xf4\x90", "\xef\xbf\xbd", "\xe0\x80", "aaaaaaaaaaaaa\xf0\x9f\x98\x80"} {
		f.Add([]byte(s), uint8(1))
	}
	f.Fuzz(func(t *testing.T, p []byte, step uint8) {
		var v wsproto.UTF8Validator
		bad := -1
		for i := 0; i < len(p) && bad < 0; i += int(step) + 1 {
			if n, ok := v.Feed(p[i:min(i+int(step)+1, len(p))]); !ok {
				bad = i + n
			}
		}
		if got, want := v.Complete(), utf8.Valid(p); got != want {
			t.Fatalf("got %t, want %t", got, want)
		}
		// The offender is the first byte whose prefix no ending can save.
		if bad >= 0 {
			if completable(p[:bad+1]) || !completable(p[:bad]) {
				t.Fatalf("got offender at %d of %x", bad, p)
			}
		}
	})
}

// completable tries what could follow.
func completable(p []byte) bool {
	for _, tail := range []string{"", "\x80", "\xbf", "\x80\x80", "\xbf\x80", "\x90\x80", "\x90\x80\x80", "\x8f\x80\x80", "\xa0\x80"} {
		if utf8.Valid(append(bytes.Clone(p), tail...)) {
			return true
		}
	}
	return false
}

func TestParseClose(t *testing.T) {
	for _, tt := range []struct {
		in     string
		code   wsproto.StatusCode
		reason string
		earned wsproto.StatusCode // zero if it is in order
	}{
		{"", 1005, "", 0},
		{"\x03", 1005, "", 1002},
		{"\x03\xe8", 1000, "", 0},
		{"\x03\xe8bye", 1000, "bye", 0},
		{"\x03\xee", 1006, "", 1002},
		{"\x03\xe8\xff", 1000, "\xff", 1007},
	} {
		code, reason, err := wsproto.ParseClose([]byte(tt.in))
		var earned wsproto.StatusCode
		if pe, ok := errors.AsType[*wsproto.ProtocolError](err); ok {
			earned = pe.Code
		}
		if code != tt.code || reason != tt.reason || earned != tt.earned {
			t.Errorf("%x: got %d %q, earned %d; want %d %q, %d", tt.in, code, reason, earned, tt.code, tt.reason, tt.earned)
		}
	}
}

func BenchmarkMask(b *testing.B) {
	p := make([]byte, 16<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		wsproto.Mask([4]byte{1, 2, 3, 4}, 0, p)
	}
}

func BenchmarkParseHeader(b *testing.B) {
	p := []byte("\x81\xfe\x01\x00\x01\x02\x03\x04")
	b.ReportAllocs()
	for b.Loop() {
		h, _, _ := wsproto.ParseHeader(p)
		_ = wsproto.CheckHeader(h, wsproto.State{Server: true})
	}
}

func BenchmarkUTF8(b *testing.B) {
	p := bytes.Repeat([]byte("hello, 世界 "), 300)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		var v wsproto.UTF8Validator
		v.Feed(p)
	}
}

// Bits and opcodes that an extension uses are legal, and nothing else becomes so.
func TestCheckHeaderExtended(t *testing.T) {
	state := wsproto.State{Deflate: true, RSV: wsproto.RSV2, Opcodes: 1<<3 | 1<<11}
	for _, tt := range []struct {
		name string
		h    wsproto.Header
		open bool
		ok   bool
	}{
		{"its bit", wsproto.Header{Fin: true, RSV: wsproto.RSV2, Opcode: wsproto.OpText}, false, true},
		{"its bit in a continuation", wsproto.Header{Fin: true, RSV: wsproto.RSV2, Opcode: wsproto.OpContinuation}, true, true},
		{"its bit and that of compression", wsproto.Header{Fin: true, RSV: wsproto.RSV1 | wsproto.RSV2, Opcode: wsproto.OpText}, false, true},
		{"another bit", wsproto.Header{Fin: true, RSV: wsproto.RSV3, Opcode: wsproto.OpText}, false, false},
		{"its opcode", wsproto.Header{Fin: true, Opcode: 3}, false, true},
		{"its opcode, fragmented", wsproto.Header{Opcode: 3}, false, true},
		{"its opcode inside a message", wsproto.Header{Fin: true, Opcode: 3}, true, false},
		{"its opcode, compressed", wsproto.Header{Fin: true, RSV: wsproto.RSV1, Opcode: 3}, false, false},
		{"another opcode", wsproto.Header{Fin: true, Opcode: 4}, false, false},
		{"its control frame inside a message", wsproto.Header{Fin: true, Opcode: 11}, true, true},
		{"its control frame, fragmented", wsproto.Header{Opcode: 11}, false, false},
		{"its control frame, too long", wsproto.Header{Fin: true, Opcode: 11, Length: 126}, false, false},
		{"another control frame", wsproto.Header{Fin: true, Opcode: 12}, false, false},
	} {
		state.Open = tt.open
		if err := wsproto.CheckHeader(tt.h, state); (err == nil) != tt.ok {
			t.Errorf("%s: got error %v, want legal %t", tt.name, err, tt.ok)
		}
	}
}
