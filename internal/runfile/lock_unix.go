//go:build unix

package runfile

import (
	"errors"
	"os"
	"syscall"
)

// lockedElsewhere takes the lock of a file, and reports whether another open file
// has it. The kernel releases it when the file is closed or the process ends.
func lockedElsewhere(f *os.File) bool {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return errors.Is(err, syscall.EWOULDBLOCK)
}
