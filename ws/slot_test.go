package ws

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

func TestSlotExcludes(t *testing.T) {
	var s slot
	var wg sync.WaitGroup
	n := 0 // guarded by s
	const workers, turns = 8, 500
	for i := range workers {
		wg.Go(func() {
			for range turns {
				switch i % 3 {
				case 0:
					if err := s.lock(context.Background()); err != nil {
						t.Error(err)
						return
					}
				case 1:
					<-s.queue()
				default:
					for !s.tryLock() {
						turn := s.queue()
						s.leave(turn) // some have the turn by then, some do not
					}
				}
				n++
				s.unlock()
			}
		})
	}
	wg.Wait()
	if n != workers*turns {
		t.Errorf("got %d turns, want %d", n, workers*turns)
	}
	if !s.tryLock() {
		t.Error("the slot is not free at the end")
	}
}

func TestSlotOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slot
		s.tryLock()
		ctx, cancel := context.WithCancel(t.Context())
		var order []int
		for i := range 4 {
			go func() {
				c := t.Context()
				if i == 1 {
					c = ctx
				}
				if err := s.lock(c); err != nil {
					if i != 1 || !errors.Is(err, context.Canceled) {
						t.Errorf("lock %d: %v", i, err)
					}
					return
				}
				order = append(order, i)
				s.unlock()
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		s.unlock()
		synctest.Wait()
		if len(order) != 3 || order[0] != 0 || order[1] != 2 || order[2] != 3 {
			t.Errorf("got the order %v, want 0, 2, 3: that of arrival, without the one that left", order)
		}
		if !s.tryLock() {
			t.Error("the slot is not free at the end")
		}
	})
}
