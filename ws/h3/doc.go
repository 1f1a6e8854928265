// Package h3 opens and serves WebSockets over HTTP/3 (RFC 9220). Each is a stream of a QUIC
// connection, and a [ws.Conn] as over HTTP/1.1 and HTTP/2, with the same options.
//
// A client dials with a [Client], whose WebSockets to one server share connections:
//
//	client := &h3.Client{}
//	defer client.Close()
//	c, err := client.Dial(ctx, "wss://example.com/chat", nil)
//
// A [Server] serves a [ws.Server] on a UDP socket. To serve on an http3.Server of your own,
// wrap the handler with [Handler].
//
// FIN stands for the end of a direction of TCP, and a stream error H3_REQUEST_CANCELLED for
// its reset (RFC 9220 §3). QUIC and the framing of HTTP/3 are those of quic-go, which
// package ws does without.
package h3
