//go:build !unix

package compare

import "context"

// lock does nothing where files cannot be locked.
func lock(context.Context, string) (unlock func(), err error) { return func() {}, nil }
