//go:build !linux

package harness

func (p *Process) sockets() []Socket { return nil }
