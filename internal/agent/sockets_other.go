//go:build !linux

package agent

func (p *Process) sockets() []Socket { return nil }
