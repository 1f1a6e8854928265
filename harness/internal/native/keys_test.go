package native

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/ws/wsproto"
)

// TestKeys wants the same masking keys in every run, and another for each frame,
// also for those of a fragmented message and for answers to pings.
func TestKeys(t *testing.T) {
	masks := func(id cases.ID) (keys [][4]byte) {
		synctest.Test(t, func(t *testing.T) {
			playAgainst(t, find(t, id), cases.Server, false, func(p *wirePeer, f wsproto.Frame) bool {
				keys = append(keys, f.MaskKey)
				if len(keys) == 1 {
					p.send(wsproto.OpPing, nil)
				}
				return f.Opcode != wsproto.OpClose
			})
		})
		return keys
	}
	first, again, other := masks("10.1.1"), masks("10.1.1"), masks("5.3")
	if len(first) < 50 || !slices.Equal(first, again) {
		t.Errorf("%d keys in one run, %d in the next, and some differ", len(first), len(again))
	}
	for i, key := range first {
		if slices.Contains(first[:i], key) || slices.Contains(other, key) {
			t.Errorf("key %x came before", key)
		}
	}
}
