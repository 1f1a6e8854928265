package h3

// Hosts is how many servers the client remembers.
func (cl *Client) Hosts() int {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return len(cl.hosts)
}
