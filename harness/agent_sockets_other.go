//go:build !linux

package harness

func (p *Process) sockets() []socket { return nil }
