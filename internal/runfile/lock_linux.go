package runfile

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lockHolder returns the process that has locked the file, 0 if it is not known.
// The kernel lists locks as "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF": the
// process, then the device and inode of the file.
func lockHolder(f *os.File) (pid int) {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	inode := fmt.Sprintf(":%d", stat.Ino)
	for line := range strings.Lines(string(locks)) {
		fields := strings.Fields(line)
		if len(fields) > 5 && fields[1] == "FLOCK" && strings.HasSuffix(fields[5], inode) {
			fmt.Sscan(fields[4], &pid) //nolint:errcheck // it stays 0
			return pid
		}
	}
	return 0
}
