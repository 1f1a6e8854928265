//go:build !unix

package native

import "errors"

// writeNow leaves everything to the writer's goroutine.
func writeNow(uintptr, []byte) (int, error) { return 0, errors.ErrUnsupported }
