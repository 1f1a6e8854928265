// Package rawscript is a small language for talking to a WebSocket peer below the
// rules: handshakes with fields edited or missing, frames with any bits, lengths
// and masks, bytes of any kind, pauses, half-closed and reset connections. It is
// what `wsconform dump --raw` reads; docs/raw.md describes it for users.
//
// [Parse] turns a line into a [Step]; a [Session] plays steps on the connections of
// a script, as the client or as the server, each by a [Player] that reports every
// [Event] in both directions. The player answers nothing and checks nothing: that is the point.
package rawscript
