package harness

import (
	"errors"
	"slices"
	"syscall"
)

// resourceErrors say that this process or machine has no more file descriptors, ports
// or memory.
var resourceErrors = []error{
	syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL,
}

// OutOfResources reports whether something failed since this process or machine has no
// more file descriptors, ports or memory, which is never the agent's fault.
func OutOfResources(err error) bool {
	return slices.ContainsFunc(resourceErrors, func(cause error) bool { return errors.Is(err, cause) })
}
