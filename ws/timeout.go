package ws

import (
	"context"
	"fmt"
	"os"
	"time"
)

// A timeoutError says which bound of the options ran out. Programs see it as
// [os.ErrDeadlineExceeded] or [context.DeadlineExceeded], and as a net.Error. A context
// that ran out gives its own cause instead.
type timeoutError struct {
	op    string // connect, handshake, read, write or close
	after time.Duration
}

func (e *timeoutError) Error() string { return fmt.Sprintf("%s timed out after %v", e.op, e.after) }

func (e *timeoutError) Timeout() bool { return true }

func (e *timeoutError) Temporary() bool { return true } // the same may work another time

func (e *timeoutError) Is(target error) bool {
	return target == os.ErrDeadlineExceeded || target == context.DeadlineExceeded
}

// withTimeout bounds an operation and names it in the error.
func withTimeout(ctx context.Context, op string, after time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, after, &timeoutError{op, after})
}
