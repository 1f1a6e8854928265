package ws

import (
	"crypto/rand"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// A connState is how far a connection has come.
type connState uint8

const (
	connOpen    connState = iota
	connClosing           // a close frame was sent or received (RFC 6455 §7.1.3)
	connClosed            // the connection has ended (RFC 6455 §7.1.4)
)

func (c *Conn) state() connState {
	if c.ended() {
		return connClosed
	}
	if sent, received := c.CloseFrames(); sent != nil || received != nil {
		return connClosing
	}
	return connOpen
}

// CloseFrames returns the close frames so far, ours and the peer's; nil means none.
// Local tells whose came first, in both. A connection that ended without one of them
// ended with StatusAbnormalClosure for that side (RFC 6455 §7.1.5).
func (c *Conn) CloseFrames() (sent, received *CloseError) {
	c.cl.mu.Lock()
	defer c.cl.mu.Unlock()
	return c.cl.sent, c.cl.received
}

// Err is why the connection ended: a [*CloseError] if the peer closed it or
// answered our close, net.ErrClosed after [Conn.CloseNow], else as in [Conn.Read].
// Nil means that it has not.
func (c *Conn) Err() error {
	if !c.ended() {
		return nil
	}
	return c.cl.err
}

// ID returns a name that no other connection has, in this or any other process: random
// letters and digits, which are those of the process, a hyphen, and a count.
func (c *Conn) ID() string { return processID() + "-" + strconv.FormatUint(c.id, 10) }

var (
	lastID    atomic.Uint64
	processID = sync.OnceValue(func() string { return strings.ToLower(rand.Text()[:12]) })
)

// log is the logger of the options, with the attributes conn and remote. Without one it
// discards everything.
func (c *Conn) log() *slog.Logger {
	if c.logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.logger
}

// errorLogger is for what a program must hear of.
func (c *Conn) errorLogger() *slog.Logger {
	if c.logger == nil {
		return slog.Default().With("conn", c.ID(), "remote", addrString(c.RemoteAddr()))
	}
	return c.logger
}

func addrString(a net.Addr) string {
	if a == nil {
		return ""
	}
	return a.String()
}
