package ws

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A TimeoutError says that a bound given in the options ran out. It is an
// [os.ErrDeadlineExceeded] and a [context.DeadlineExceeded] to errors.Is, and a
// net.Error. A context that ran out gives its own cause instead.
type TimeoutError struct {
	Op    string // connect, handshake, read, write or close
	After time.Duration
}

func (e *TimeoutError) Error() string { return fmt.Sprintf("%s timed out after %v", e.Op, e.After) }

// Timeout is true.
func (e *TimeoutError) Timeout() bool { return true }

// Temporary is true: the same may work another time.
func (e *TimeoutError) Temporary() bool { return true }

// Is makes it the error that a deadline gives elsewhere.
func (e *TimeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// withTimeout bounds an operation and names it in the error.
func withTimeout(ctx context.Context, op string, after time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, after, &TimeoutError{op, after})
}
