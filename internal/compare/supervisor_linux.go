package compare

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes this process the parent of those below it whose own
// parent has ended, so that a daemon does not get away.
func adoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// preferToEnd has the kernel end the agent before anything else when the
// machine runs out of memory.
func preferToEnd(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0o644)
}

// family sums up what the descendants of the process use.
func family(pid int) (u usage) {
	for _, child := range descendants(pid) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		if err != nil {
			continue // it has ended
		}
		// The name of the program, in brackets, may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 22 {
			continue
		}
		threads, _ := strconv.ParseInt(fields[17], 10, 64) // field 20 of proc(5)
		pages, _ := strconv.ParseInt(fields[21], 10, 64)   // field 24
		u.tasks += threads
		u.memory += pages * int64(os.Getpagesize())
	}
	return u
}

// maxDescendants bounds what a fork bomb makes us read.
const maxDescendants = 20000

// descendants lists the processes below pid.
func descendants(pid int) []int {
	var list []int
	for queue := []int{pid}; len(queue) > 0 && len(list) < maxDescendants; {
		next := queue[0]
		queue = queue[1:]
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", next))
		if err != nil {
			continue
		}
		for _, thread := range threads {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", next, thread.Name()))
			if err != nil {
				continue
			}
			for word := range strings.FieldsSeq(string(text)) {
				if child, err := strconv.Atoi(word); err == nil {
					list, queue = append(list, child), append(queue, child)
				}
			}
		}
	}
	return list
}

// endDescendants ends every process below this one and waits until they are
// gone, except that child, which somebody else waits for, leaves a zombie. They
// are stopped first, so that none starts another meanwhile.
func endDescendants(child int) {
	for range 500 {
		list := descendants(os.Getpid())
		if len(list) == 0 {
			return
		}
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
		for _, pid := range list {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		for _, pid := range list {
			if pid != child {
				_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}
