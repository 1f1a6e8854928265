//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

func ignoreTerm() { signal.Ignore(syscall.SIGTERM) }

// ownSession has a process outlive the group of the one that starts it.
var ownSession = &syscall.SysProcAttr{Setsid: true}
