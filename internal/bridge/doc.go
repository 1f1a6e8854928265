// Package bridge joins two ends, each a WebSocket, a TCP or unix socket, a command or
// the standard streams, and copies in both directions until one of them ends. An end
// may listen; each of its connections then gets another end of its own.
//
// WebSockets carry messages and the other ends bytes. A message is a line or a chunk
// of bytes; see [Framing]. A WebSocket cannot be closed in one direction: after the
// end of what goes into it, it stays open for Options.EOFWait and is then closed.
//
// [Parse] reads the address of an end, and [Run] does the work. `wsconform pipe` is this
// package with flags.
package bridge
