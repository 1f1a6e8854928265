package h3

// Hosts is how many servers the client remembers.
func (cl *Client) Hosts() int {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return len(cl.hosts)
}

// Guests is how many connections of QUIC the server has.
func (s *Server) Guests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.guests)
}

// Socks is how many WebSockets.
func (s *Server) Socks() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.guests {
		n += g.socks
	}
	return n
}

// Strict has the server bear fewer requests that fail.
func (s *Server) Strict() { s.mischief, s.again = 50, 1e-6 }

// Spare is how many requests of each connection may fail, at least.
func (s *Server) Spare() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	spare := s.mischief
	for g := range s.guests {
		g.mu.Lock()
		spare = min(spare, g.spare)
		g.mu.Unlock()
	}
	return spare
}
