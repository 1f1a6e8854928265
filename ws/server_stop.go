package ws

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Shutdown stops the listeners, answers those in their handshake with status 503,
// closes open connections with StatusGoingAway and waits for all handlers. When
// ctx ends first, it cuts the connections, which ends the contexts of the
// handlers, and gives its cause within a second; another Shutdown waits for
// handlers that take longer than that.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.stop(func(c *Conn) { _ = c.Close(StatusGoingAway, "") }) // it is over anyway
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.wg.Wait()
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
	}
	err = errors.Join(context.Cause(ctx), err, s.Close())
	select {
	case <-done:
	case <-time.After(lingerTime):
	}
	return err
}

// Close stops the listeners and cuts all connections, which ends the contexts of
// the handlers. It does not wait; a Shutdown after it does. Those in their
// handshake get status 503 if they take it within a second.
func (s *Server) Close() error {
	return s.stop(func(c *Conn) { _ = c.CloseNow() }) // never fails
}

// stop accepts no more connections and ends all open ones at the same time.
func (s *Server) stop(end func(*Conn)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.init()
	s.closed = true
	s.cancel(http.ErrServerClosed)
	var errs []error
	for l := range s.listeners {
		errs = append(errs, l.Close()) // Serve is about to say so
	}
	clear(s.listeners)
	for c := range s.conns {
		s.wg.Go(func() { end(c) })
	}
	return errors.Join(errs...)
}

// Conns are the connections that were open when the loop began, in no order.
func (s *Server) Conns() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		s.mu.Lock()
		list := slices.Collect(maps.Keys(s.conns))
		s.mu.Unlock()
		for _, c := range list {
			if !yield(c) {
				return
			}
		}
	}
}
