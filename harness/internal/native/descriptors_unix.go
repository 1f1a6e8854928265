//go:build unix

package native

import "syscall"

// descriptorLimit is how many files this process may have open.
func descriptorLimit() (int, bool) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, false
	}
	return int(min(limit.Cur, manyDescriptors)), true //nolint:gosec // manyDescriptors at most
}
