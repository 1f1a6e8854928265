// Package native plays the cases over TCP itself, in both roles, and records
// transcripts for the judge in package cases.
//
// Start reading at [TestServer] (dial.go) for a peer that accepts and at
// [Endpoint] (endpoint.go) for a peer that dials. Both hand each connection to
// a player (player.go), the state machine of the Autobahn testsuite's
// connection model: receive.go is what it does with the peer's octets,
// script.go how it plays the steps, writer.go how octets leave, loop.go the
// echo loops, deflate.go what they send compressed and checker.go what is made
// of the answers. Which case is played when is in schedule.go and clients.go,
// and when time is no witness in pulse.go.
//
// # Time
//
// A player decides as soon as the verdict is final and sleeps on no pass path
// but where a case is about waiting (6.4). Faithful waits exactly as the
// original does; both give the same verdicts.
//
// # Bounds
//
// Whatever the peer sends, a connection holds a read and a write buffer of
// 64 KiB, one compressed message of bounded size, and a bounded transcript.
package native
