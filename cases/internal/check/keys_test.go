package check_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/wsconform/wsconform/cases/internal/check"
	"github.com/wsconform/wsconform/internal/transcript"
)

func TestRandomKeys(t *testing.T) {
	const n = 1200
	sound := rand.NewChaCha8([32]byte{1})
	state, wide := uint32(2463534242), [2]uint64{1, 2}
	for _, row := range []struct {
		name string
		key  func(i int) uint32
		want bool
	}{
		{"ChaCha8", func(int) uint32 { return uint32(sound.Uint64()) }, true},
		{"PCG", func() func(int) uint32 {
			r := rand.New(rand.NewPCG(1, 2))
			return func(int) uint32 { return r.Uint32() }
		}(), true},
		{"counted", func(i int) uint32 { return uint32(i) }, false},
		{"the same", func(int) uint32 { return 0x12345678 }, false},
		{"16 bits", func(int) uint32 { return uint32(sound.Uint64()) & 0xFFFF }, false},
		{"printable", func(int) uint32 { return uint32(sound.Uint64())&0x3F3F3F3F | 0x40404040 }, false},
		{"a few only", func(int) uint32 { return uint32(sound.Uint64()%100) * 2654435761 }, false},
		{"congruential", func(int) uint32 { state = state*1664525 + 1013904223; return state }, false},
		{"xorshift", func(int) uint32 { return xorshift(&state) }, false},
		{"xorshift128", func(int) uint32 {
			x, y := wide[0], wide[1]
			x ^= x << 23
			wide = [2]uint64{y, x ^ y ^ x>>17 ^ y>>26}
			return uint32(wide[1])
		}, false},
	} {
		var tr transcript.Transcript
		for i := range n {
			tr.Keys = binary.BigEndian.AppendUint32(tr.Keys, row.key(i))
		}
		if got := (check.RandomKeys{Least: n}).Holds(&tr); got != row.want {
			t.Errorf("%s: got %t, want %t", row.name, got, row.want)
		}
		if (check.RandomKeys{Least: n + 1}).Holds(&tr) {
			t.Errorf("%s: too few keys will do", row.name)
		}
	}
}

// Sound keys hardly ever fail.
func TestRandomKeysByChance(t *testing.T) {
	sound := rand.NewChaCha8([32]byte{2})
	for range 40 {
		tr := transcript.Transcript{Keys: make([]byte, 4*1200)}
		_, _ = sound.Read(tr.Keys)
		if !(check.RandomKeys{Least: 1200}).Holds(&tr) {
			t.Errorf("the keys % x... look wrong", tr.Keys[:16])
		}
	}
}

func xorshift(state *uint32) uint32 {
	*state ^= *state << 13
	*state ^= *state >> 17
	*state ^= *state << 5
	return *state
}

func TestWithholds(t *testing.T) {
	again := transcript.Event{Kind: transcript.GotRequest, Data: transcript.Octet("GET / HTTP/1.1\r\nHost: a\r\nCookie: b\r\n\r\n")}
	tr := transcript.Transcript{Request: "GET / HTTP/1.1\r\nAuthorization: a\r\n\r\n", Events: []transcript.Event{again}}
	if (check.Withholds{"Authorization", "Cookie"}).Holds(&tr) || !(check.Withholds{"Authorization"}).Holds(&tr) {
		t.Error("got it wrong")
	}
}
