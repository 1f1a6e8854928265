package native

import (
	"net"
	"time"
)

// Protocol changes how the engine behaves on a connection, as the protocol
// options of Autobahn's configuration files do. The zero value has Autobahn's
// defaults. Other values move verdicts, so only wstest sets them.
type Protocol struct {
	// OpenTimeout limits the opening handshake (RFC 6455 §4); zero means 5 s.
	// Here and below, a negative value means no limit.
	OpenTimeout time.Duration
	// CloseTimeout limits the peer's answer to our close frame (RFC 6455 §5.5.1);
	// zero means 1 s.
	CloseTimeout time.Duration
	// DropTimeout limits how long a server may take to close TCP after the closing
	// handshake (RFC 6455 §7.1.1); zero means 1 s.
	DropTimeout time.Duration
	// FailByDrop closes TCP at once when the peer breaks a rule, without sending a
	// close frame first (RFC 6455 §7.1.7 permits both).
	FailByDrop bool
}

// limit returns d, or standard if d is zero. There is none if ok is false.
func limit(d, standard time.Duration) (_ time.Duration, ok bool) {
	if d == 0 {
		d = standard
	}
	return d, d > 0
}

// setOpenDeadline limits the opening handshake on nc.
func (p Protocol) setOpenDeadline(nc net.Conn) {
	if d, ok := limit(p.OpenTimeout, openTimeout); ok {
		nc.SetDeadline(time.Now().Add(d)) //nolint:errcheck // a broken connection shows at once
	}
}
