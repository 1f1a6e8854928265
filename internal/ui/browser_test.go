package ui

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A run that tests a page is stopped when the page has gone, not when it connects again.
func TestAttend(t *testing.T) {
	for _, row := range []struct {
		name    string
		away    time.Duration // until the page is back
		again   bool          // it comes back
		stopped bool
	}{
		{"gone", 0, false, true},
		{"back in time", driverPatience - time.Second, true, false},
		{"back too late", driverPatience + time.Second, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stopped atomic.Bool
				j := &job{file: "run.jsonl", done: make(chan struct{}), cancel: func() { stopped.Store(true) }}
				s := &server{}
				s.jobs.list = []*job{j}
				s.attend(j.file)()
				time.Sleep(row.away)
				if row.again {
					s.attend(j.file)
				}
				time.Sleep(time.Minute)
				if got := stopped.Load(); got != row.stopped {
					t.Errorf("stopped: %v, want %v", got, row.stopped)
				}
				close(j.done)
				s.jobs.wait()
			})
		})
	}
}

// The page's other tab keeps the run going.
func TestAttendTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stopped atomic.Bool
		j := &job{file: "run.jsonl", done: make(chan struct{}), cancel: func() { stopped.Store(true) }}
		s := &server{}
		s.jobs.list = []*job{j}
		leave := s.attend(j.file)
		s.attend(j.file)()
		time.Sleep(time.Minute)
		if stopped.Load() {
			t.Error("stopped while a stream is open")
		}
		leave()
		time.Sleep(time.Minute)
		if !stopped.Load() {
			t.Error("not stopped when the last stream has ended")
		}
		close(j.done)
		s.jobs.wait()
	})
}
