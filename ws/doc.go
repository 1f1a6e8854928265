// Package ws is a WebSocket client and server (RFC 6455) with compression
// (permessage-deflate, RFC 7692).
//
// # Quick start
//
// A server that sends what one client says to all of them, and clients that talk to it,
// once and for as long as it takes:
//
//	s := &ws.Server{}
//	s.Handler = func(ctx context.Context, c *ws.Conn) error {
//		for {
//			text, err := c.ReadText(ctx)
//			if err != nil {
//				return err // the end of the connection; ws.ClosedOK tells whether in order
//			}
//			ws.Broadcast(s.Conns(), ws.MessageText, []byte(text))
//		}
//	}
//	http.Handle("/chat", s) // or go s.Serve(listener), without net/http
//
//	c, err := ws.Dial(ctx, "ws://localhost:8080/chat", nil)
//	if err != nil {
//		return err
//	}
//	err = c.WriteText(ctx, "hello")
//	text, err := c.ReadText(ctx)
//	err = c.Close(ws.StatusNormalClosure, "")
//
//	client := &ws.Client{URL: "wss://example.com/chat", Handler: func(ctx context.Context, c *ws.Conn) error {
//		for m, err := range c.Messages(ctx) {
//			if err != nil {
//				return err // Run connects again, after a pause that grows
//			}
//			fmt.Println(string(m.Data))
//		}
//		return nil // also after an orderly end; ws.ErrStop ends Run
//	}}
//	err = client.Run(ctx)
//
// [Dial] opens a connection, [Client] keeps one; [Server] serves many, [Accept] and
// [AcceptNet] one. All of them give a [Conn]. [Conn.Read] and [Conn.Write] move whole
// messages, [Conn.Reader] and [Conn.Writer] stream them, [Conn.NetConn] makes a
// net.Conn of the whole connection.
//
// # Reading drives the connection
//
// No goroutine runs behind a Conn, only the timer of its pings. Pings of the peer are
// answered, pongs are matched and the peer's close is noticed while some call reads:
// [Conn.Read], the reader of [Conn.Reader], and also [Conn.Ping] and [Conn.Close] while
// they wait. A program that only sends should call [Conn.Discard] in a goroutine.
//
// Any error of the connection below ends the Conn: [Conn.Done] is closed, [Conn.Err] has
// the reason, and further writes return it.
//
// # HTTP/2
//
// [Server.Serve] takes WebSockets over HTTP/2 (RFC 8441) beside those over HTTP/1.1: on
// TLS if the listener's tls.Config has h2 in NextProtos, on plain connections by the
// client's preface. [Dial] opens them if [DialOptions] has an [HTTP2]. A Conn is the same
// over both.
//
// # Defaults
//
// Beside the defaults of websockets 17.4 (Python), gorilla/websocket 1.5.3 with its
// DefaultDialer and an empty Upgrader, and coder/websocket 1.8.15, each read in its source;
// a dash is no bound, or nothing of the kind:
//
//	what                           here                   websockets           gorilla             coder
//	largest message                32 MiB                 1 MiB                no limit            32 KiB
//	opening handshake              10 s                   10 s                 45 s, server -      -
//	closing handshake              10 s                   10 s                 the program's       5 s
//	ping interval and timeout      20 s, 20 s             20 s, 20 s           -                   -
//	a peer that takes nothing      server 20 s, client -  -                    -                   -
//	origins, server                the request's host     any                  the request's host  the request's host
//	proxy, client                  environment            environment          environment         environment
//	redirects, client              none                   10                   none                10
//	compression                    off                    on, 12 bits, server  off                 off
//	messages queued to be sent     64 (Send, Broadcast)   -                    -                   -
//	received ahead of the program  what TCP holds         16 frames            what TCP holds      what TCP holds
//	buffers of a connection        shared, 32 and 64 KiB  writing 32 KiB       4 KiB, 4 KiB        4 KiB, 4 KiB
//	request head, server           16 KiB, 128 fields     128 lines of 8 KiB   the http.Server's   the http.Server's
//	response head, client          16 KiB                 128 lines of 8 KiB   no limit            10 MiB, of net/http
//
// There is no max_queue: a message is read when the program asks for it, so a program
// that is slow holds up its peer by TCP's flow control. QueueLimit and QueueBytes take
// the place of write_limit. Buffers are shared by all connections and have no option.
//
// Compression is off, as it costs each connection memory and CPU time, and helps an
// attacker to guess a secret that is compressed together with text of the attacker's
// choice. For text messages of some hundred bytes it is worth a try: set Deflate.
//
// # Limits
//
// Whatever a peer does is bounded. The options name each bound:
//
//	the peer                                   may                            bound
//	sends a request head of                    16 KiB, 128 fields, in 10 s    MaxHeaderBytes, MaxHeaderFields, HandshakeTimeout
//	has handshakes with a Server at a time     1024, then the oldest goes     MaxHandshakes
//	has connections to a Server at a time      any number                     MaxConns
//	sends a message, inflated, of              32 MiB                         ReadLimit
//	has messages in the memory of a Server     256 MiB, of all peers          MemoryLimit
//	cuts a message into fragments              2^20, 2^14 of them empty       none
//	sends pings and reads no pongs             64 wait, then the latest       WriteTimeout
//	takes nothing of what a server writes      20 s                           WriteTimeout
//	has messages of Send and Broadcast wait    64, of any size                QueueLimit, QueueBytes
//	gives no sign of life after a ping         20 s, with a ping every 20 s   PingInterval, PingTimeout
//	does not answer a close frame              10 s                           CloseTimeout
//
// Memory grows with the bytes that arrived, never with a length that was only claimed.
//
// # Speed and memory
//
// [Conn.Write] is a system call per message. A loop that answers what it reads is many
// times faster with [Conn.SetBatch]. [Conn.ReadAppend] into a buffer that is large
// enough, and writing, allocate nothing; [Conn.Wait] says when it is time to get one.
//
// A connection that waits on a plain TCP or unix socket holds no buffer: it takes 8 KiB,
// half of them the stack of the goroutine that reads, and 12 KiB with compression if
// little was sent. With context takeover and full windows that grows by up to 210 KiB,
// of which all but 33 go when nothing is sent or received from one ping to the next: to
// 32 KiB of what was received the peer may refer at any time (RFC 7692 §7.2.2). Over TLS
// and in memory, waiting takes a buffer of 4 KiB.
//
// # Extensions
//
// permessage-deflate is built in. Another extension is an [Extension] in the options of
// both sides; its [Codec] sees whole frames, may use the reserved bits, and may give
// messages the opcodes 3 to 7 and control frames 11 to 15.
//
// # Conformance
//
// What a Conn writes is legal, and what it reads is checked at the first byte that shows
// an error. Package wsproto beside this one is the protocol without connections. It
// builds and reads any frame, legal or not, for tools that test peers; [Conn.Hijack]
// gives them the connection below.
package ws
