package ws

import (
	"log/slog"
	"time"

	"github.com/wsconform/wsconform/ws/wsproto"
)

// Options are what [DialOptions] and [AcceptOptions] have in common: those of a
// connection, on whichever side. The zero value means the defaults.
type Options struct {
	// Deflate turns permessage-deflate on (RFC 7692). Nil means off. It says what
	// memory compression takes.
	Deflate *Deflate
	// Extensions besides it, the best first.
	Extensions []Extension

	// ReadLimit is the largest message in bytes, after inflating; a larger one
	// ends the connection with wsproto.StatusMessageTooBig. A message may have as many empty
	// fragments. Zero means 32 MiB, a negative value no limit.
	ReadLimit int64
	// HandshakeTimeout bounds everything until the connection is open, TLS, a proxy and
	// redirects included. Zero means 10 s, a negative value no bound but the context. Of a
	// handshake that came through an http.Server, whose own timeouts bound the request, it
	// bounds the response.
	HandshakeTimeout time.Duration
	// ReadTimeout bounds each call that reads. What arrived of a message comes
	// with the next call. Zero means no bound but the context. It costs no memory.
	// A call that has a ping to answer or a batch to flush, which the peer does not
	// take, ends within 1.25 times as long, and nothing can be written then.
	ReadTimeout time.Duration
	// WriteTimeout is how long a peer that reads slowly may take nothing of what is
	// being written, a quarter of it more at most. Then the connection ends with a
	// timeout. Where a deadline loses count of what was written, with TLS,
	// each 64 KiB have that time. Zero means 20 s on a server, and no bound but the
	// context on a client; a negative value means no bound.
	WriteTimeout time.Duration
	// QueueLimit is how many messages of [Conn.Send] and [Broadcast] may wait for a
	// peer that reads slowly. Zero or less means 64.
	QueueLimit int
	// QueueBytes is how many bytes those messages may have together, before they are
	// compressed. A message that is longer by itself is refused with [ErrQueueFull].
	// Zero or less means no bound: what waits is the program's own memory, and no copies
	// are made, and a broadcast is in the queues of all its receivers but in memory
	// once.
	QueueBytes int64
	// CloseTimeout bounds the closing handshake. Zero or less means 10 s.
	CloseTimeout time.Duration
	// PingInterval is the time from one ping to the next (RFC 6455 §5.5.2). Pings tell a
	// dead peer from a silent one and keep a proxy between them from giving up. Zero means
	// 20 s, a negative value no pings. They cost a timer each connection, not a goroutine:
	// what the timer starts ends when the ping is written. Only if no call reads, and in
	// the last second of a PingTimeout, does it stay to read control frames itself.
	PingInterval time.Duration
	// PingTimeout is how long the peer may give no sign of life after such a ping. Zero
	// means 20 s, a negative value for ever. Then the connection ends with
	// [ErrPingTimeout], and StatusInternalError goes out, should the peer still listen. Any
	// byte is a sign of life, not just the pong, which may be behind a large message. So
	// is a message that waits because the program does not read it.
	PingTimeout time.Duration

	// OnFrame is called for every frame that is about to be sent or has been received,
	// in order in each direction; a ping before it is answered. The payload is unmasked
	// and not inflated; of a data frame it is only the beginning, at most 125 bytes. It
	// must not be kept. Calls that read or write the Conn must not be made in it.
	OnFrame func(c *Conn, sent bool, f wsproto.Frame)
	// Logger gets every frame at [slog.LevelDebug], and at four levels below that also
	// what frames carry; of a client also its handshakes, without secrets in headers. Of a
	// [Server] it also gets connections that open and close and refused handshakes at Info,
	// listeners that fail for a moment at Warn, and handlers that panic or return an error
	// at Error. The attribute conn is the [Conn.ID]. Nil discards all but the errors of
	// handlers, which go to slog.Default.
	Logger *slog.Logger
}

// connection completes the options of a connection. Zero as a WriteTimeout means write.
func (o *Options) connection(write time.Duration) connOptions {
	if o.WriteTimeout != 0 {
		write = max(o.WriteTimeout, 0)
	}
	return connOptions{
		deflate: o.Deflate, readLimit: o.ReadLimit,
		readTimeout: o.ReadTimeout, writeTimeout: write, closeTimeout: o.CloseTimeout,
		queueLimit: o.QueueLimit, queueBytes: o.QueueBytes, pingInterval: o.PingInterval, pingTimeout: o.PingTimeout,
		hook: o.OnFrame, logTo: o.Logger,
	}
}
