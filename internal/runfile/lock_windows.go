package runfile

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockedElsewhere takes the lock of a file, and reports whether another open file
// has it. Windows does not let others read what is locked, so the lock is on a byte
// far behind the end.
func lockedElsewhere(f *os.File) bool {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	return errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}
