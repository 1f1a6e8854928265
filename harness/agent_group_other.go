//go:build !unix

package harness

import "os/exec"

// Without process groups only the agent itself can be stopped.

func ownGroup(*exec.Cmd) {}

func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func killMarked(string) {}
