package agent

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// ownGroup gives the agent a process group, and an end with ours: at once, or in good
// order if a watchdog sees to the rest.
func ownGroup(cmd *exec.Cmd, watched bool) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if watched {
		cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	}
}

// ownSession keeps signals of the terminal from a watchdog.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// signalMarked sends the signal to the processes with the mark, and reports whether
// there are any.
func signalMarked(mark string, sig syscall.Signal) bool {
	list := marked(mark)
	for _, pid := range list {
		_ = syscall.Kill(pid, sig)
	}
	return len(list) > 0
}

// The errors of kill say that the group is gone, which is what is wanted.

func terminate(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// killMarked ends the processes that have the mark in their environment: what an
// agent has started, also as a daemon with a session of its own. It returns when
// they are gone, or after a second.
func killMarked(mark string) {
	for range 100 {
		if !signalMarked(mark, syscall.SIGKILL) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// marked lists the processes with the mark in their environment. Those that have
// ended and wait for their parent have none any more.
func marked(mark string) []int {
	var list []int
	for pid, env := range environments {
		if bytes.Contains(env, []byte(mark)) {
			list = append(list, pid)
		}
	}
	return list
}

// environments yields the processes whose environment we may read, and that.
func environments(yield func(pid int, env []byte) bool) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			continue
		}
		if env, err := os.ReadFile(file); err == nil && !yield(pid, env) {
			return
		}
	}
}
