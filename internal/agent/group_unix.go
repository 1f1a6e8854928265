//go:build unix && !linux

package agent

import (
	"os/exec"
	"syscall"
)

func ownGroup(cmd *exec.Cmd, _ bool) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Only Linux lets us find what has left the group.
func killMarked(string) {}

func signalMarked(string, syscall.Signal) bool { return false }

func environments(func(int, []byte) bool) {}

// ownSession keeps signals of the terminal from a watchdog.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// The errors of kill say that the group is gone, which is what is wanted.

func terminate(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
