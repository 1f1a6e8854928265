package ws_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/ws"
)

// corpus is octets of several kinds, the same in every run.
func corpus(size int) map[string][]byte {
	rng := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, size)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	var text bytes.Buffer
	words := strings.Fields(`{"id": the quick brown fox jumps over lazy dog "name": null, [1, 2, 3] true} Ünïcödé 世界`)
	for text.Len() < size {
		text.WriteString(words[rng.IntN(len(words))])
		if rng.IntN(3) == 0 {
			fmt.Fprintf(&text, "%d", rng.IntN(1e6))
		}
		text.WriteByte(' ')
	}
	skewed := make([]byte, size) // few symbols, very unlike in frequency: long codes
	for i := range skewed {
		skewed[i] = byte(min(rng.ExpFloat64()*3, 255))
	}
	far := bytes.Repeat(random[:min(size, 20011)], size/min(size, 20011)+1)[:size]
	return map[string][]byte{
		"random": random, "text": text.Bytes()[:size], "skewed": skewed, "far": far, "zeros": make([]byte, size),
	}
}

func TestCompress(t *testing.T) {
	for name, data := range corpus(150_000) {
		for bits := 8; bits <= 15; bits++ {
			t.Run(fmt.Sprintf("%s/%d", name, bits), func(t *testing.T) {
				c := ws.NewCompressor(bits)
				var wire []byte
				rest := data
				for i := 0; len(rest) > 0; i++ {
					n := min([]int{1, 2, 3, 7, 60, 130, 5000, 40_000, 99_000}[i%9], len(rest))
					wire = append(wire, c.Compress(rest[:n])...)
					rest = rest[n:]
				}
				got, err := io.ReadAll(flate.NewReader(bytes.NewReader(append(wire, 3, 0))))
				if err != nil || !bytes.Equal(got, data) {
					t.Fatalf("compress/flate: got %d octets, error %v; want %d", len(got), err, len(data))
				}
				// The inflater knows each distance, so it proves the window.
				for _, piece := range []int{1, 1000, len(wire)} {
					got, boundary, err := ws.Inflate(wire, 1<<bits, piece, 1<<20, len(data))
					if err != nil || !boundary || !bytes.Equal(got, data) {
						t.Fatalf("inflate in pieces of %d: got %d octets, boundary %t, error %v; want %d", piece, len(got), boundary, err, len(data))
					}
				}
			})
		}
	}
}

func TestCompressReset(t *testing.T) {
	c := ws.NewCompressor(15)
	p := []byte(strings.Repeat("hello, world ", 5))
	first := c.Compress(p)
	if again := c.Compress(p); len(again) >= len(first) {
		t.Errorf("with history: got %d octets, want less than %d", len(again), len(first))
	}
	c.Reset()
	if again := c.Compress(p); !bytes.Equal(again, first) {
		t.Errorf("after reset: got %x, want %x", again, first)
	}
}

func TestInflate(t *testing.T) {
	for name, data := range corpus(80_000) {
		for _, level := range []int{-2, 0, 1, 6, 9} {
			var wire bytes.Buffer
			w, _ := flate.NewWriter(&wire, level)
			for i, rest := 0, data; len(rest) > 0; i++ {
				n := min([]int{1, 100, 3000, 70_000}[i%4], len(rest))
				_, _ = w.Write(rest[:n])
				_ = w.Flush()
				rest = rest[n:]
			}
			for _, tc := range []struct{ piece, limit int }{{1, 1 << 20}, {wire.Len(), 1}, {wire.Len(), 1 << 20}, {777, 555}} {
				got, boundary, err := ws.Inflate(wire.Bytes(), 1<<15, tc.piece, tc.limit, len(data))
				if err != nil || !boundary || !bytes.Equal(got, data) {
					t.Errorf("%s, level %d, pieces of %d, limit %d: got %d octets, boundary %t, error %v; want %d",
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
	}{{511, nil}, {512, nil}, {513, ws.ErrWindow}, {2000, ws.ErrWindow}} {
		random := corpus(tc.dist)["random"]
		var wire bytes.Buffer
		w, _ := flate.NewWriter(&wire, 9)
		_, _ = w.Write(append(random[:tc.dist:tc.dist], random[:100]...))
		_ = w.Flush()
		_, _, err := ws.Inflate(wire.Bytes(), 1<<9, wire.Len(), 1<<20, 1<<20)
		if !errors.Is(err, tc.want) {
			t.Errorf("distance %d: got error %v, want %v", tc.dist, err, tc.want)
		}
	}
}

func FuzzInflate(f *testing.F) {
	for _, data := range corpus(3000) {
		f.Add(ws.NewCompressor(15).Compress(data), uint16(7), uint16(100))
		var b bytes.Buffer
		w, _ := flate.NewWriter(&b, 9)
		_, _ = w.Write(data)
		_ = w.Close()
		f.Add(b.Bytes(), uint16(1), uint16(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece, limit uint16) {
		const most = 1 << 20
		got, _, err := ws.Inflate(data, 1<<15, int(piece)+1, int(limit)+1, most)
		whole, _, wholeErr := ws.Inflate(data, 1<<15, len(data)+1, most, most)
		if n := min(len(got), len(whole), most); !bytes.Equal(got[:n], whole[:n]) ||
			(err == nil) != (wholeErr == nil) {
			t.Fatalf("in pieces: %d octets, %v; at once: %d octets, %v", len(got), err, len(whole), wholeErr)
		}
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(data)), most))
		if wantErr == nil && !bytes.HasPrefix(whole, want) {
			t.Fatalf("got %d octets, %v; compress/flate has others, %d", len(whole), wholeErr, len(want))
		}
	})
}

func FuzzCompress(f *testing.F) {
	for _, data := range corpus(3000) {
		f.Add(data, uint16(100), uint8(9))
	}
	f.Fuzz(func(t *testing.T, data []byte, piece uint16, bits uint8) {
		bits = 8 + bits%8
		c := ws.NewCompressor(int(bits))
		var wire []byte
		for rest := data; len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			wire = append(wire, c.Compress(rest[:n])...)
			rest = rest[n:]
		}
		got, boundary, err := ws.Inflate(wire, 1<<bits, len(wire)+1, 1<<20, len(data))
		if err != nil || !boundary || !bytes.Equal(got, data) {
			t.Fatalf("got %x, boundary %t, error %v; want %x", got, boundary, err, data)
		}
	})
}

func BenchmarkCompress(b *testing.B) {
	for name, data := range corpus(65536) {
		b.Run(name, func(b *testing.B) {
			c := ws.NewCompressor(15)
			b.SetBytes(int64(len(data)))
			n := 0
			for b.Loop() {
				n = len(c.Compress(data))
				c.Reset()
			}
			b.ReportMetric(float64(len(data))/float64(n), "ratio")
		})
	}
}

func BenchmarkInflate(b *testing.B) {
	for name, data := range corpus(65536) {
		b.Run(name, func(b *testing.B) {
			wire := ws.NewCompressor(15).Compress(data)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				_, _, _ = ws.Inflate(wire, 1<<15, len(wire), 1<<20, 1<<20)
			}
		})
	}
}
