package main

import "syscall"

// The scripts that need these are for Unix.

func ignoreTerm() {}

var ownSession *syscall.SysProcAttr
