// Package console is an interactive WebSocket peer: it sends what is typed or piped
// in and prints what comes, as the client of a URL or as the server of a listener.
// `wsconform dump` is this package with flags.
//
// [Run] is the whole of it. Lines are messages or, where commands are on, commands
// that begin with a slash; see commands.go. With Options.Raw lines are steps of
// package rawscript instead, and no rule of the protocol is kept. Output is text for
// people, bare messages for pipes, or a [Record] of JSON on each line.
package console
