package ws

import (
	"context"
	"sync"
	"sync/atomic"
)

// A slot is a mutex that can be waited for with a context, or in a select, and
// that is handed over in the order of arrival. Nobody in the way, taking and
// giving it back is one atomic operation each. The zero value is free.
type slot struct {
	state atomic.Uint32

	mu      sync.Mutex // guards the rest, and the way to and from slotQueued
	waiting *waiter    // the first in line
}

type waiter struct {
	turn chan struct{}
	next *waiter
}

// The states of a slot.
const (
	slotFree   = iota
	slotHeld   // and no call waits
	slotQueued // held, and somebody waits
)

func (s *slot) tryLock() bool { return s.state.CompareAndSwap(slotFree, slotHeld) }

// free reports whether the slot is free.
func (s *slot) free() bool { return s.state.Load() == slotFree }

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
			last := &s.waiting
			for *last != nil {
				last = &(*last).next
			}
			*last = &waiter{turn: turn}
			return turn
		}
	}
}

// leave gets out of the line, or gives the slot back if the turn had come.
func (s *slot) leave(turn chan struct{}) {
	s.mu.Lock()
	for w := &s.waiting; *w != nil; w = &(*w).next {
		if (*w).turn == turn {
			s.remove(w)
			s.mu.Unlock()
			return
		}
	}
	s.mu.Unlock()
	s.unlock()
}

// remove needs mu.
func (s *slot) remove(w **waiter) {
	*w = (*w).next
	if s.waiting == nil {
		s.state.Store(slotHeld)
	}
}

func (s *slot) unlock() {
	if !s.state.CompareAndSwap(slotHeld, slotFree) {
		s.handOver()
	}
}

func (s *slot) handOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.waiting
	if next == nil { // the last one left just now
		s.state.Store(slotFree)
		return
	}
	s.remove(&s.waiting)
	close(next.turn)
}
