// Package ws is a WebSocket client and server (RFC 6455) with compression
// (permessage-deflate, RFC 7692).
//
// Start with [Dial] for a client, or [Client] for one that reconnects, and with
// [Accept], [AcceptNet] or [Server] for a server. All of them give a [Conn];
// [Conn.Read] and [Conn.Write] move whole messages, [Conn.Reader] and
// [Conn.Writer] stream them.
//
// # Layers
//
// Package wsproto beside this one is the protocol without connections. It builds and
// reads any frame, legal or not, which a conformance test needs. A [Conn] stands on
// top and cannot misbehave: what it writes is legal, and what it reads is checked at
// the first byte that shows an error.
//
// # Reading drives the connection
//
// No goroutine runs behind a Conn, just the timer of its [Keepalive]. Pings are
// answered, pongs are matched and the closing handshake is noticed while some call
// reads: [Conn.Read], the reader of [Conn.Reader], and also [Conn.Ping] and
// [Conn.Close] while they wait. A program that only sends should call
// [Conn.Discard] in a goroutine.
//
// # Speed and memory
//
// [Conn.Write] is a system call per message. A loop that answers what it reads is
// many times faster with [Conn.SetBatch]. Reading with [Conn.ReadAppend] into a
// buffer that is large enough, and writing, allocate nothing; [Conn.Wait] says when
// it is time to get one.
//
// A connection that waits on a plain TCP or unix socket holds no buffer: it takes
// 8 KiB, half of them the stack of the goroutine that reads, and 12 KiB with
// compression if little was sent. With context takeover and full windows that
// grows by up to 210 KiB, of which all but 33 go when nothing is sent or received from
// one ping to the next: 32 KiB of what was received the peer may refer to at any time
// (RFC 7692 §7.2.2). Those that read share buffers of 32 KiB, those that write of 64,
// for long messages of 256. Over TLS and in memory, waiting takes a buffer of 4 KiB.
//
// # Limits
//
// Whatever a peer does is bounded. The options name each bound, and change it:
//
//	the peer                                  may                            bound
//	sends a request head of                   16 KiB, 128 fields, in 10 s    MaxHeaderBytes, MaxHeaderFields, HandshakeTimeout
//	has handshakes with a Server at a time    1024                           MaxHandshakes
//	has connections to a Server at a time     any number                     MaxConns
//	sends a message, inflated, of             32 MiB                         ReadLimit
//	sends empty fragments in a message        as many as octets              ReadLimit
//	sends pings and reads no pongs            64 wait, then the latest       WriteTimeout
//	takes nothing of what a server writes     20 s                           WriteTimeout
//	has messages of Send and Broadcast wait   64, of any size                QueueLimit, QueueBytes
//	gives no sign of life after a ping        20 s, with a ping every 20 s   Keepalive
//	does not answer a close frame             10 s                           CloseTimeout
//
// Memory grows with the octets that arrived, never with a length that was only
// claimed.
package ws
