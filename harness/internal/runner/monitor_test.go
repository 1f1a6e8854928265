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
