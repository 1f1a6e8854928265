package agent

// A Socket listens for TCP connections at the IPv4 loopback address.
type Socket struct {
	Port   uint16
	Own    bool   // of the agent, or of what it has started
	Holder string // whose it is, such as "process 77 (python3 server.py)"
}

// Sockets lists the sockets that listen, of whatever process, as far as the system
// tells: only Linux does, and not of other users' processes.
func (p *Process) Sockets() []Socket { return p.sockets() }
