package h2

import (
	"errors"
	"net"
	"sync"
	"time"
)

// SetDeadline sets both deadlines.
func (s *Stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetReadDeadline bounds Read.
func (s *Stream) SetReadDeadline(t time.Time) error {
	return s.setDeadline(&s.read, t, &s.readable)
}

// SetWriteDeadline bounds Write.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	return s.setDeadline(&s.write, t, &s.c.changed)
}

// A deadline ends calls that block.
type deadline struct {
	timer  *time.Timer // nil if none is to come
	count  int         // of the deadlines that were set
	passed bool
}

func (s *Stream) setDeadline(d *deadline, t time.Time, wake *sync.Cond) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.closed {
		return net.ErrClosed
	}
	d.stop()
	if t.IsZero() {
		return nil
	}
	after := time.Until(t)
	if after <= 0 {
		d.passed = true
		wake.Broadcast()
		return nil
	}
	count := d.count
	d.timer = time.AfterFunc(after, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if d.count == count {
			d.passed = true
			wake.Broadcast()
		}
	})
	return nil
}

// stop needs mu.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.count++
	d.passed = false
}
