package ws

import (
	"net/http"
	"unsafe"

	"github.com/wsconform/wsconform/ws/internal/flate"
)

// ConnSize is what a Conn takes of memory by itself.
const ConnSize = unsafe.Sizeof(Conn{})

// Compress is one compressed message with the tail that a sender drops.
func Compress(p []byte) []byte { return flate.NewDeflater(15).Compress(nil, p) }

// PackInfo is what [Conn.Handshake] says of what a handshake agreed on.
func PackInfo(subprotocol string, request *http.Request, response http.Header) *http.Response {
	return packInfo(&handshakeInfo{subprotocol: subprotocol, request: request, header: response}).unpack(nil)
}

// WindowBits is the limit of what the connection compresses.
func WindowBits(c *Conn) int { return int(c.wr.flate.windowBits) }

// Inflates is how much memory the connection has for what it inflated.
func Inflates(c *Conn) int {
	if c.rd.inf == nil {
		return 0
	}
	return c.rd.inf.Size()
}

// Queued is how many messages of Send and Broadcast wait for the peer.
func Queued(c *Conn) int {
	c.queue.mu.Lock()
	defer c.queue.mu.Unlock()
	return int(c.queue.n)
}

// ProxyFromEnvironment is the proxy of a [DialOptions] without one.
var ProxyFromEnvironment = proxyFromEnvironment

// Hosts is how many servers the pool remembers.
func (p *HTTP2) Hosts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.hosts)
}
