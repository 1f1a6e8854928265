package h3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/quic-go/quic-go"
)

// A Link is a connection of QUIC where others have one of TCP: streams are opened on it, and
// nothing is read from it or written to it.
type Link struct{ QUIC *quic.Conn }

// config is that of QUIC, on both sides.
func config() *quic.Config {
	return &quic.Config{
		InitialStreamReceiveWindow: 1 << 20, MaxStreamReceiveWindow: 1 << 22,
		InitialConnectionReceiveWindow: 1 << 22, MaxConnectionReceiveWindow: 1 << 24,
		MaxIncomingStreams: streamBound, MaxIncomingUniStreams: 16,
		KeepAlivePeriod: 10 * time.Second,
	}
}

// Dial connects to the UDP port of a host.
func Dial(ctx context.Context, addr string, conf *tls.Config) (*Link, error) {
	qc, err := quic.DialAddr(ctx, addr, conf, config())
	if err != nil {
		return nil, err
	}
	return &Link{qc}, nil
}

// Listen gives a listener for Links, on a UDP socket of its own.
func Listen(addr string, conf *tls.Config) (net.Listener, error) {
	conf = conf.Clone()
	conf.NextProtos = []string{NextProto}
	l, err := quic.ListenAddr(addr, conf, config())
	if err != nil {
		return nil, err
	}
	return &listener{l}, nil
}

type listener struct{ l *quic.Listener }

// Accept waits for a client.
func (l *listener) Accept() (net.Conn, error) {
	qc, err := l.l.Accept(context.Background()) // it ends with the listener
	if err != nil {
		return nil, err
	}
	return &Link{qc}, nil
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
