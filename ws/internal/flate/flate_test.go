package flate_test

import (
	"bytes"
	stdflate "compress/flate"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws/internal/flate"
	"github.com/wsconform/wsconform/ws/internal/flatetest"
)

// inflate pushes data through an inflater in pieces of a size, with room for so
// much output at a time, and stops when it has more than most bytes.
func inflate(data []byte, window, piece, limit, most int) (out []byte, boundary bool, err error) {
	var f flate.Inflater
	f.Reset(window)
	var in []byte
	for {
		if len(in) == 0 && !f.Full() {
			if len(data) == 0 {
				return out, f.AtBoundary(), nil
			}
			n := min(piece, len(data))
			in, data = data[:n], data[n:]
		}
		used, err := f.Inflate(in, limit)
		in = in[used:]
		out = append(out, f.Out()...)
		f.Take(len(f.Out()))
		if err != nil {
			return out, false, err
		}
		if len(out) > most {
			return out, false, io.ErrShortBuffer
		}
	}
}

func TestCompress(t *testing.T) {
	for name, data := range flatetest.Corpus(150_000) {
		for bits := 8; bits <= 15; bits++ {
			t.Run(fmt.Sprintf("%s/%d", name, bits), func(t *testing.T) {
				c := flate.NewDeflater(bits)
				var wire []byte
				rest := data
				for i := 0; len(rest) > 0; i++ {
					n := min([]int{1, 2, 3, 7, 60, 130, 5000, 40_000, 99_000}[i%9], len(rest))
					wire = append(wire, c.Compress(nil, rest[:n])...)
					rest = rest[n:]
				}
				got, err := io.ReadAll(stdflate.NewReader(bytes.NewReader(append(wire, 3, 0))))
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("compress/flate: got %d bytes, error %v; want %d", len(got), err, len(data))
				}
				// The inflater knows each distance, so it proves the window.
				for _, piece := range []int{1, 1000, len(wire)} {
					got, boundary, err := inflate(wire, 1<<bits, piece, 1<<20, len(data))
					if err != nil || !boundary || !bytes.Equal(got, data) {
						t.Fatalf("inflate in pieces of %d: got %d bytes, boundary %t, error %v; want %d", piece, len(got), boundary, err, len(data))
					}
				}
			})
		}
	}
}

func TestCompressReset(t *testing.T) {
	c := flate.NewDeflater(15)
	p := []byte(strings.Repeat("hello, world ", 5))
	first := c.Compress(nil, p)
	if again := c.Compress(nil, p); len(again) >= len(first) {
		t.Errorf("with history: got %d bytes, want less than %d", len(again), len(first))
	}
	c.Reset()
	if again := c.Compress(nil, p); !bytes.Equal(again, first) {
		t.Errorf("after reset: got %x, want %x", again, first)
	}
}

func TestInflate(t *testing.T) {
	for name, data := range flatetest.Corpus(80_000) {
		for _, level := range []int{-2, 0, 1, 6, 9} {
			var wire bytes.Buffer
			w, _ := stdflate.NewWriter(&wire, level)
			for i, rest := 0, data; len(rest) > 0; i++ {
				n := min([]int{1, 100, 3000, 70_000}[i%4], len(rest))
				_, _ = w.Write(rest[:n])
				_ = w.Flush()
				rest = rest[n:]
			}
			for _, tc := range []struct{ piece, limit int }{{1, 1 << 20}, {wire.Len(), 1}, {wire.Len(), 1 << 20}, {777, 555}} {
				got, boundary, err := inflate(wire.Bytes(), 1<<15, tc.piece, tc.limit, len(data))
				if err != nil || !boundary || !bytes.Equal(got, data) {
					t.Errorf("%s, level %d, pieces of %d, limit %d: got %d bytes, boundary %t, error %v; want %d",
						name, level, tc.piece, tc.limit, len(got), boundary, err, len(data))
				}
			}
		}
	}
}

func TestInflateWindow(t *testing.T) {
	// A repeat at a distance of exactly so much, in a window of 2^9.
	for _, tc := range []struct {
		dist int
		want error
	}{{511, nil}, {512, nil}, {513, flate.ErrWindow}, {2000, flate.ErrWindow}} {
		random := flatetest.Corpus(tc.dist)["random"]
		var wire bytes.Buffer
		w, _ := stdflate.NewWriter(&wire, 9)
		_, _ = w.Write(append(random[:tc.dist:tc.dist], random[:100]...))
		_ = w.Flush()
		_, _, err := inflate(wire.Bytes(), 1<<9, wire.Len(), 1<<20, 1<<20)
		if !errors.Is(err, tc.want) {
			t.Errorf("distance %d: got error %v, want %v", tc.dist, err, tc.want)
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, data := range flatetest.Corpus(3000) {
		f.Add(flate.NewDeflater(15).Compress(nil, data), uint16(7), uint16(100))
		var b bytes.Buffer
		w, _ := stdflate.NewWriter(&b, 9)
		_, _ = w.Write(data)
		_ = w.Close()
		f.Add(b.Bytes(), uint16(1), uint16(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece, limit uint16) {
		const most = 1 << 20
		got, _, err := inflate(data, 1<<15, int(piece)+1, int(limit)+1, most)
		whole, _, wholeErr := inflate(data, 1<<15, len(data)+1, most, most)
		if n := min(len(got), len(whole), most); !bytes.Equal(got[:n], whole[:n]) ||
			(err == nil) != (wholeErr == nil) {
			t.Fatalf("in pieces: %d bytes, %v; at once: %d bytes, %v", len(got), err, len(whole), wholeErr)
		}
		want, wantErr := io.ReadAll(io.LimitReader(stdflate.NewReader(bytes.NewReader(data)), most))
		if wantErr == nil && !bytes.HasPrefix(whole, want) {
			t.Fatalf("got %d bytes, %v; compress/flate has others, %d", len(whole), wholeErr, len(want))
		}
	})
}

func FuzzCompress(f *testing.F) {
	for _, data := range flatetest.Corpus(3000) {
		f.Add(data, uint16(100), uint8(9))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16, bits uint8) {
		bits = 8 + bits%8
		c := flate.NewDeflater(int(bits))
		var wire []byte
		for rest := data; len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			wire = append(wire, c.Compress(nil, rest[:n])...)
			rest = rest[n:]
		}
		got, boundary, err := inflate(wire, 1<<bits, len(wire)+1, 1<<20, len(data))
		if err != nil || !boundary || !bytes.Equal(got, data) {
			t.Fatalf("got %x, boundary %t, error %v; want %x", got, boundary, err, data)
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	for name, data := range flatetest.Corpus(65536) {
		b.Run(name, func(b *testing.B) {
			c := flate.NewDeflater(15)
			b.SetBytes(int64(len(data)))
			n := 0
			for b.Loop() {
				n = len(c.Compress(nil, data))
				c.Reset()
			}
			b.ReportMetric(float64(len(data))/float64(n), "ratio")
		})
	}
}

func BenchmarkInflate(b *testing.B) {
	for name, data := range flatetest.Corpus(65536) {
		b.Run(name, func(b *testing.B) {
			wire := flate.NewDeflater(15).Compress(nil, data)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, _, _ = inflate(wire, 1<<15, len(wire), 1<<20, 1<<20)
			}
		})
	}
}

// A block may have 286 codes for literals and lengths and 30 for distances (RFC 1951
// §3.2.7), though its header can say 288 and 32.
func TestTableSizes(t *testing.T) {
	for _, tt := range []struct {
		lit, dist int
		want      error
	}{{286, 30, nil}, {287, 30, flate.ErrCorrupt}, {288, 30, flate.ErrCorrupt}, {286, 31, flate.ErrCorrupt}, {286, 32, flate.ErrCorrupt}} {
		bits := 2<<1 | (tt.lit-257)<<3 | (tt.dist-1)<<8 // a dynamic block that is not final
		var f flate.Inflater
		f.Reset(1 << 15)
		if _, err := f.Inflate([]byte{byte(bits), byte(bits >> 8), byte(bits >> 16)}, 100); !errors.Is(err, tt.want) {
			t.Errorf("%d and %d codes: got error %v, want %v", tt.lit, tt.dist, err, tt.want)
		}
	}
}

// A message may end between two blocks, and nowhere else.
func TestAtBoundary(t *testing.T) {
	stored := []byte{0, 3, 0, 0xfc, 0xff, 'a', 'b', 'c'}
	fixed := []byte{0x4a, 0x04, 0x00} // "a" in a block with fixed codes, and the type of another one
	for _, test := range []struct {
		name string
		data []byte
		want bool
	}{
		{"nothing", nil, true},
		{"a stored block", stored, true},
		{"all but its last byte", stored[:7], false},
		{"its lengths alone", stored[:5], false},
		{"half of its lengths", stored[:3], false},
		{"bits of the next block", fixed, false},
	} {
		if _, got, err := inflate(test.data, 1<<15, 1, 1<<10, 1<<10); got != test.want || err != nil {
			t.Errorf("%s: got %t, error %v; want %t", test.name, got, err, test.want)
		}
	}
}

// A final block ends a stream, whose last byte may be filled up with anything (RFC 7692
// §7.2.3.4). The block with fixed codes here takes 10 bits.
func TestFinalBlock(t *testing.T) {
	for _, test := range []struct {
		name                   string
		data                   []byte
		boundary, ends, padded bool
	}{
		{"nothing", nil, true, false, true},
		{"a final block", []byte{0x03, 0x00}, true, true, true},
		{"filled up with bits of 1", []byte{0x03, 0xfc}, true, true, false},
		{"another stream behind it", []byte{0x03, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff}, true, false, true},
		{"the first byte of a final block", []byte{0x03}, false, false, true},
		{"a block that is not the last, inside a byte", []byte{0x02, 0x00}, false, false, true},
		{"a block that is not the last, two bits before the end of a byte", []byte{0x9a, 0xb0, 0x60, 0xc3, 0x01, 0x00}, false, false, true},
		{"a final stored block without its bytes", []byte{0x01, 0x01, 0x00, 0xfe, 0xff}, false, false, true},
	} {
		var f flate.Inflater
		f.Reset(1 << 15)
		check := func(when string, boundary, ends, padded bool) {
			t.Helper()
			if f.AtBoundary() != boundary || f.EndsStream() != ends || f.ZeroPadded() != padded {
				t.Errorf("%s, %s: got boundary %t, end %t, padding of 0 %t, want %t, %t, %t",
					test.name, when, f.AtBoundary(), f.EndsStream(), f.ZeroPadded(), boundary, ends, padded)
			}
		}
		if used, err := f.Inflate(test.data, 100); err != nil || used != len(test.data) {
			t.Errorf("%s: used %d bytes, error %v", test.name, used, err)
		}
		check("read", test.boundary, test.ends, test.padded)
		f.Reset(1 << 15)
		check("reset", true, false, true)
		if _, err := f.Inflate([]byte{0, 1, 0, 0xfe, 0xff, 'a'}, 100); err != nil || string(f.Out()) != "a" {
			t.Errorf("%s, reset: got %q, error %v, want a", test.name, f.Out(), err)
		}
	}
}

// What comes out does not depend on what others had compressed before.
func TestCompressIsTheSame(t *testing.T) {
	first := map[string][]byte{}
	for range 3 {
		for name, data := range flatetest.Corpus(20_000) {
			got := flate.NewDeflater(15).Compress(nil, data)
			if first[name] == nil {
				first[name] = got
			} else if !bytes.Equal(got, first[name]) {
				t.Errorf("%s: got %d bytes, and %d at first", name, len(got), len(first[name]))
			}
		}
	}
}
