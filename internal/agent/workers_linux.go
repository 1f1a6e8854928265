package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// workers lists those of the processes that have one of the sockets open, with their names.
func workers(pids []int, sockets []string) map[int]string {
	wanted := map[string]bool{}
	for _, inode := range sockets {
		wanted["socket:["+inode+"]"] = true
	}
	out := map[int]string{}
	for _, pid := range pids {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, file := range files {
			if target, err := os.Readlink(file); err != nil || !wanted[target] {
				continue
			}
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if err == nil {
				out[pid] = strings.TrimSpace(string(name))
			}
			break
		}
	}
	return out
}
