// Package h3 is one end of an HTTP/3 connection on which anything can be sent (RFC 9114), and
// whose streams stand in for TCP connections (RFC 9220 §3). It is what package h2 is for HTTP/2.
//
// Start reading at [Open] (conn.go), which begins HTTP/3 on a connection of QUIC. A [Conn] reads
// the peer's control stream in a goroutine of its own and tells its owner of every frame. A
// [Stream] is a [net.Conn]: FIN stands for the end of a direction of TCP, a stream error for its
// reset (stream.go).
//
// QUIC and QPACK are those of quic-go; the frames of HTTP/3 are read and written here. No
// dynamic table of QPACK is used. What a peer can make a Conn hold is bounded by the windows of
// QUIC and by the length of a header block.
package h3
