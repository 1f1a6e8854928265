//go:build unix

package native

import "syscall"

// writeNow writes what a TCP socket takes at once.
func writeNow(fd uintptr, p []byte) (int, error) { return syscall.Write(int(fd), p) }
