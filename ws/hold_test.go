package ws

import "testing"

// Messages up to 64 KiB are not counted; of longer ones all is, once.
func TestHold(t *testing.T) {
	b := &budget{limit: 200 << 10}
	c := &Conn{connOptions: &connOptions{budget: b}}
	for _, step := range []struct {
		size int
		ok   bool
		used int64
	}{
		{uncounted, true, 0},
		{uncounted + 1, true, uncounted + 1},
		{100 << 10, true, 100 << 10},
		{80 << 10, true, 100 << 10},
		{201 << 10, false, 100 << 10},
	} {
		if ok := c.hold(step.size); ok != step.ok || b.used.Load() != step.used {
			t.Fatalf("%d bytes: got %t with %d used, want %t with %d", step.size, ok, b.used.Load(), step.ok, step.used)
		}
	}
	if c.unhold(); b.used.Load() != 0 {
		t.Errorf("got %d used in the end, want 0", b.used.Load())
	}
}
