package docker

import (
	"os/exec"
	"syscall"
)

// isolate gives cmd a process group, so that its children end with it, and a mount
// namespace, so that their mounts end with them.
func isolate(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Unshareflags: syscall.CLONE_NEWNS}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
