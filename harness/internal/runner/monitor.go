package runner

import (
	"context"
	"sync"
	"time"
)

const (
	// stallBound is how long a peer may be silent under heavy load before verdicts of
	// cases with short timers are in doubt.
	stallBound = 300 * time.Millisecond
	// tick is how often the metronome wakes, and lateBound how late it may be. The
	// shortest timers of the cases take 500 ms.
	tick, lateBound = 20 * time.Millisecond, 100 * time.Millisecond
)

// A Monitor watches what could spoil verdicts that depend on time: whether the peer keeps
// answering under the load of the run, and whether this process gets to run on a busy
// machine.
type Monitor struct {
	mu     sync.Mutex
	active bool
	last   time.Time // when the peer last sent something
	stall  time.Time // end of the last silence longer than stallBound
	late   time.Time // when the metronome was last much too late
}

// start starts the metronome. The function it returns stops it.
func (m *Monitor) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ticking sync.WaitGroup
	ticking.Go(func() { m.metronome(ctx) })
	return func() {
		cancel()
		ticking.Wait()
	}
}

func (m *Monitor) metronome(ctx context.Context) {
	for {
		due := time.Now().Add(tick)
		select {
		case <-ctx.Done():
			return
		case <-time.After(tick):
		}
		if now := time.Now(); now.Sub(due) > lateBound {
			m.mu.Lock()
			m.late = now
			m.mu.Unlock()
		}
	}
}

// lateSince reports whether this process was kept from running since t.
func (m *Monitor) lateSince(t time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.late.After(t)
}

func (m *Monitor) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active, m.last = true, time.Now()
}

func (m *Monitor) end() {
	m.Beat()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.active = false
}

// Beat notes that the peer has sent something.
func (m *Monitor) Beat() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.active && now.Sub(m.last) > stallBound {
		m.stall = now
	}
	m.last = now
}

func (m *Monitor) stalledSince(t time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stall.After(t)
}
