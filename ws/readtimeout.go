package ws

import (
	"context"
	"errors"
	"os"
	"time"
)

// lockRead waits for the turn to read, for at most ReadTimeout. unlockRead gives it
// up.
func (c *Conn) lockRead(ctx context.Context) error {
	if c.rd.turn.tryLock() {
		return nil
	}
	return c.awaitTurn(ctx)
}

func (c *Conn) awaitTurn(ctx context.Context) error {
	r := &c.rd
	if c.readTimeout <= 0 {
		return r.turn.lock(ctx)
	}
	due := sinceStart() + c.readTimeout
	bound, cancel := withTimeout(ctx, "read", c.readTimeout)
	defer cancel()
	if err := r.turn.lock(bound); err != nil {
		return err
	}
	r.due = due
	return nil
}

// boundRead has the call that reads end when its ReadTimeout is over, unless it has
// begun to count already. Its caller has the turn.
func (c *Conn) boundRead() {
	if c.readTimeout > 0 && c.rd.due == 0 {
		c.rd.due = sinceStart() + c.readTimeout
	}
}

func (c *Conn) unlockRead() {
	c.rd.due = 0
	c.rd.turn.unlock()
}

// boundNet has the connection below end the next read in time. A deadline that was
// set for an earlier call serves too, as timedOut sets another if it comes: one is
// set each ReadTimeout, not each read.
func (c *Conn) boundNet(ctx context.Context) error {
	r := &c.rd
	if r.due == 0 {
		return r.guard.bound(ctx, 0, 0)
	}
	return r.guard.bound(ctx, r.due-c.readTimeout+1, r.due)
}

// timedOut says what comes of an error of the connection below if it is due to a
// deadline of boundNet: nothing if that was for an earlier call.
func (c *Conn) timedOut(ctx context.Context, err error) (again bool, _ error) {
	r := &c.rd
	if r.due == 0 || ctx.Err() != nil || c.ended() || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil //nolint:nilerr // it is its caller's
	}
	if sinceStart() >= r.due {
		return false, &timeoutError{"read", c.readTimeout}
	}
	if err := r.guard.bound(ctx, r.due, r.due); err != nil {
		return false, err
	}
	return true, nil
}

func sinceStart() time.Duration { return time.Since(guardStart) }
