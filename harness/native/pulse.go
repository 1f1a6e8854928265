package native

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

// A pulse watches what could spoil verdicts that depend on time: whether the peer keeps
// answering under the load of the run, and whether this process gets to run on a busy
// machine.
type pulse struct {
	mu     sync.Mutex
	active bool
	last   time.Time // when the peer last sent something
	stall  time.Time // end of the last silence longer than stallBound
	late   time.Time // when the metronome was last much too late
}

// start starts the metronome. The function it returns stops it.
func (p *pulse) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var ticking sync.WaitGroup
	ticking.Go(func() { p.metronome(ctx) })
	return func() {
		cancel()
		ticking.Wait()
	}
}

func (p *pulse) metronome(ctx context.Context) {
	for {
		due := time.Now().Add(tick)
		select {
		case <-ctx.Done():
			return
		case <-time.After(tick):
		}
		if now := time.Now(); now.Sub(due) > lateBound {
			p.mu.Lock()
			p.late = now
			p.mu.Unlock()
		}
	}
}

// lateSince reports whether this process was kept from running since t.
func (p *pulse) lateSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.late.After(t)
}

func (p *pulse) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active, p.last = true, time.Now()
}

func (p *pulse) end() {
	p.beat()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = false
}

// beat notes that the peer has sent something.
func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.active && now.Sub(p.last) > stallBound {
		p.stall = now
	}
	p.last = now
}

func (p *pulse) stalledSince(t time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stall.After(t)
}
