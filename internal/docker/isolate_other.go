//go:build !linux

package docker

import "os/exec"

// isolate does nothing: its callers run on Linux only.
func isolate(*exec.Cmd) {}
