package ws

import (
	"log/slog"
	"net"
	"sync/atomic"
)

// A ConnState is how far a connection has come. It has left CONNECTING of RFC 6455
// §4.1 by the time there is a [Conn].
type ConnState uint8

// The states, in the order in which they come.
const (
	ConnOpen    ConnState = iota
	ConnClosing           // a close frame was sent or received (RFC 6455 §7.1.3)
	ConnClosed            // the connection has ended (RFC 6455 §7.1.4)
)

func (s ConnState) String() string {
	switch s {
	case ConnOpen:
		return "open"
	case ConnClosing:
		return "closing"
	default:
		return "closed"
	}
}

// State is how far the connection has come. What the peer did is known once it was
// read.
func (c *Conn) State() ConnState {
	if c.ended() {
		return ConnClosed
	}
	if sent, received := c.CloseFrames(); sent != nil || received != nil {
		return ConnClosing
	}
	return ConnOpen
}

// CloseFrames are the close frames so far, ours and the peer's. Nil means that
// there was none; StatusNoStatusRcvd, that it had no code. Together they tell who
// closed and why: a connection that ended without one of them ended with
// StatusAbnormalClosure for that side (RFC 6455 §7.1.5).
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

// ID tells the connection from all others of this process. It counts from 1.
func (c *Conn) ID() uint64 { return c.id }

var lastID atomic.Uint64

// Logger is that of the options, with the attributes conn, the [Conn.ID], and
// remote, the peer's address. Without one it discards everything.
func (c *Conn) Logger() *slog.Logger {
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
