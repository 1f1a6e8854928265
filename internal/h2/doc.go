// Package h2 is one end of an HTTP/2 connection on which anything can be sent (RFC 9113), and
// whose streams stand in for TCP connections (RFC 8441 §5).
//
// Start reading at [Open] (conn.go). A [Conn] reads frames in a goroutine of its own, answers
// SETTINGS and PING, keeps the windows of both directions, and tells its owner of every frame.
// A [Stream] is a [net.Conn]: END_STREAM stands for the end of a direction of TCP, RST_STREAM
// for its reset (stream.go). What a well-behaved library would refuse to send is written by
// send.go, frame by frame.
//
// Frames and HPACK are those of golang.org/x/net/http2. What a peer can make a Conn hold is
// bounded: by the windows that it grants, and by limits on streams and header blocks.
package h2
