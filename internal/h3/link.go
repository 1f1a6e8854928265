package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quic-go/quic-go"
)

// A Link is a connection of QUIC where others have one of TCP: streams are opened on it, and
// nothing is read from it or written to it.
type Link struct {
	QUIC *quic.Conn
	gone atomic.Bool // nobody listens at its port any more
}

// config is that of QUIC. The peer may open so many streams in both directions.
func config(streams int64, keepAlive time.Duration) *quic.Config {
	return &quic.Config{
		InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: 1 << 22,
		InitialConnectionReceiveWindow: 1 << 22, MaxConnectionReceiveWindow: 1 << 24,
		MaxIncomingStreams: streams, MaxIncomingUniStreams: 16,
		KeepAlivePeriod: keepAlive,
	}
}

const (
	// probeAfter is how long a server may be silent before its port is looked at.
	probeAfter = 200 * time.Millisecond
	// probeTime is how long a look takes where somebody listens.
	probeTime = 200 * time.Millisecond
	// keepAlive is how often a quiet connection to a server is used, so that its end shows.
	keepAlive = time.Second
)

// Dial connects to the UDP port of a host. Where the host says that nobody listens there, the
// error is [syscall.ECONNREFUSED], within about a fifth of a second; and the connection ends
// within two seconds where the host says so later on.
func Dial(ctx context.Context, addr string, conf *tls.Config) (*Link, error) {
	target, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	looked := make(chan struct{})
	go func() {
		defer close(looked)
		for pause(bounded.Done(), probeAfter) {
			if refused(bounded.Done(), target) {
				cancel(fmt.Errorf("nobody listens at %v: %w", target, syscall.ECONNREFUSED))
			}
		}
	}()
	qc, err := quic.DialAddr(bounded, addr, conf, config(-1, keepAlive)) // a server opens no such streams (RFC 9114 §6.1)
	if err != nil {
		if cause := context.Cause(bounded); errors.Is(cause, syscall.ECONNREFUSED) {
			err = cause
		}
		return nil, err
	}
	cancel(nil)
	<-looked
	l := &Link{QUIC: qc}
	go l.watch(target)
	return l, nil
}

// watch ends the connection when nobody listens at the server's port any more: QUIC itself
// waits half a minute. It ends with the connection.
func (l *Link) watch(target *net.UDPAddr) {
	done := l.QUIC.Context().Done()
	last := l.QUIC.ConnectionStats()
	for pause(done, probeAfter) {
		now := l.QUIC.ConnectionStats()
		if now.PacketsReceived != last.PacketsReceived || now.PacketsSent == last.PacketsSent {
			last = now
			continue
		}
		if refused(done, target) {
			l.gone.Store(true)
			_ = l.Close()
		}
	}
}

// pause reports whether it lasted as long as that.
func pause(done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return false
	}
}

// refused reports whether the host says that nobody listens there (ICMP, which the system tells
// a connected socket). What it sends is no packet of QUIC, and is to be dropped (RFC 9000
// §17.2).
func refused(done <-chan struct{}, target *net.UDPAddr) bool {
	c, err := net.DialUDP("udp", nil, target)
	if err != nil {
		return false
	}
	defer c.Close() //nolint:errcheck // nothing is on its way
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-done:
			_ = c.SetDeadline(time.Now()) // it never fails
		case <-ended:
		}
	}()
	_ = c.SetDeadline(time.Now().Add(probeTime)) // as above
	if _, err = c.Write([]byte{0}); err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Listen gives a listener for Links, on a UDP socket of its own.
func Listen(addr string, conf *tls.Config) (net.Listener, error) {
	l, err := quic.ListenAddr(addr, withProto(conf), config(streamBound, 10*time.Second))
	if err != nil {
		return nil, err
	}
	return &listener{l}, nil
}

// ListenPacket gives a listener for Links on a socket, which the caller closes.
func ListenPacket(pc net.PacketConn, conf *tls.Config) (net.Listener, error) {
	l, err := quic.Listen(pc, withProto(conf), config(streamBound, 10*time.Second))
	if err != nil {
		return nil, err
	}
	return &listener{l}, nil
}

func withProto(conf *tls.Config) *tls.Config {
	conf = conf.Clone()
	conf.NextProtos = []string{NextProto}
	return conf
}

type listener struct{ l *quic.Listener }

// Accept waits for a client.
func (l *listener) Accept() (net.Conn, error) {
	qc, err := l.l.Accept(context.Background()) // it ends with the listener
	if err != nil {
		return nil, err
	}
	return &Link{QUIC: qc}, nil
}

// Close ends the listener, and the connections with it.
func (l *listener) Close() error { return l.l.Close() }

// Addr is that of the socket.
func (l *listener) Addr() net.Addr { return l.l.Addr() }

// Close ends the connection, unless it has ended.
func (l *Link) Close() error {
	return l.QUIC.CloseWithError(quic.ApplicationErrorCode(NoError), "")
}

// ConnectionState is that of TLS.
func (l *Link) ConnectionState() tls.ConnectionState { return l.QUIC.ConnectionState().TLS }

// LocalAddr is that of the socket.
func (l *Link) LocalAddr() net.Addr { return l.QUIC.LocalAddr() }

// RemoteAddr is that of the peer's socket.
func (l *Link) RemoteAddr() net.Addr { return l.QUIC.RemoteAddr() }

// Read fails.
func (*Link) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Write fails.
func (*Link) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// SetDeadline does nothing, as the other two.
func (*Link) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (*Link) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (*Link) SetWriteDeadline(time.Time) error { return nil }
