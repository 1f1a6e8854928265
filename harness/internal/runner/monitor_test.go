package runner

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestMetronome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m Monitor
		begun := time.Now()
		stop := m.start(context.Background())
		time.Sleep(time.Minute)
		stop()
		if m.lateSince(begun) {
			t.Error("late on a clock that is never late")
		}
	})
}

// A peer is stalled if nothing comes from it for a while under heavy load, and only then.
func TestStall(t *testing.T) {
	for _, test := range []struct {
		name   string
		heavy  bool
		silent time.Duration
		want   bool
	}{
		{"a long silence under load", true, 2 * stallBound, true},
		{"a short one", true, stallBound / 2, false},
		{"a long one without load", false, 2 * stallBound, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var m Monitor
			begun := time.Now()
			if m.last = begun; test.heavy {
				m.begin()
			}
			time.Sleep(test.silent) // of the bubble's time
			m.Beat()
			if got := m.stalledSince(begun); got != test.want {
				t.Errorf("%s: got %t, want %t", test.name, got, test.want)
			}
		})
	}
}
