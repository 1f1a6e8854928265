//go:build !unix

package agent

import "os/exec"

// Without process groups only the agent itself can be stopped.

func ownGroup(*exec.Cmd, bool) {}

func ownSession(*exec.Cmd) {}

func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func killMarked(string) {}

func endWatched(map[string]int) {}

func environments(func(int, []byte) bool) {}
