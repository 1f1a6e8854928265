//go:build !linux

package docker

import "os/exec"

// isolate does nothing: what needs it runs on Linux only.
func isolate(*exec.Cmd) {}
