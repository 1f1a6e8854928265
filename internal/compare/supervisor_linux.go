package compare

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/wsconform/wsconform/internal/agent"
)

// adoptOrphans makes this process the parent of those below it whose own
// parent has ended, so that a daemon does not get away.
func adoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// preferToEnd has the kernel end the agent before anything else when the
// machine runs out of memory.
func preferToEnd(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("1000"), 0o644)
}

// endDescendants ends every process below this one and waits until they are
// gone, except that child, which somebody else waits for, leaves a zombie. They
// are stopped first, so that none starts another meanwhile.
func endDescendants(child int) {
	for range 500 {
		list := agent.Descendants(os.Getpid())
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
