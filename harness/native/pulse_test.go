package native

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestMetronome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		begun := time.Now()
		stop := p.start(context.Background())
		time.Sleep(time.Minute)
		stop()
		if p.lateSince(begun) {
			t.Error("late on a clock that is never late")
		}
	})
}
