package ws

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// A slot is a mutex that can be waited for with a context, or in a select, and
// that is handed over in the order of arrival. Nobody in the way, taking and
// giving it back is one atomic operation each. The zero value is free.
type slot struct {
	state atomic.Uint32

	mu      sync.Mutex // guards the rest, and the way to and from slotQueued
	waiting []chan struct{}
}

// The states of a slot.
const (
	slotFree   = iota
	slotHeld   // and nobody waits
	slotQueued // held, and somebody waits
)

func (s *slot) tryLock() bool { return s.state.CompareAndSwap(slotFree, slotHeld) }

func (s *slot) lock(ctx context.Context) error {
	if s.tryLock() {
		return nil
	}
	turn := s.queue()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		s.leave(turn)
		return context.Cause(ctx)
	}
}

// queue gets in line. The caller has the slot once the channel is closed, and has
// to leave the line if it does not wait for that.
func (s *slot) queue() (turn chan struct{}) {
	turn = make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if s.tryLock() {
			close(turn)
			return turn
		}
		if s.state.Load() == slotQueued || s.state.CompareAndSwap(slotHeld, slotQueued) {
			s.waiting = append(s.waiting, turn)
			return turn
		}
	}
}

// leave gets out of the line, or gives the slot back if the turn had come.
func (s *slot) leave(turn chan struct{}) {
	s.mu.Lock()
	i := slices.Index(s.waiting, turn)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		if len(s.waiting) == 0 {
			s.waiting = nil
			s.state.Store(slotHeld)
		}
	}
	s.mu.Unlock()
	if i < 0 {
		s.unlock()
	}
}

func (s *slot) unlock() {
	if s.state.CompareAndSwap(slotHeld, slotFree) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 { // the last one left just now
		s.state.Store(slotFree)
		return
	}
	next := s.waiting[0]
	s.waiting = slices.Delete(s.waiting, 0, 1)
	if len(s.waiting) == 0 {
		s.waiting = nil
		s.state.Store(slotHeld)
	}
	close(next)
}
