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
// when time is no witness in pulse.go, and what is made of verdicts that chance
// may have decided in trial.go.
//
// # Time
//
// A player decides as soon as the verdict is final and sleeps on no pass path
// but where a case is about waiting (6.4). Faithful waits exactly as the
// original does; both give the same verdicts.
//
// # Chance
//
// The original plays each case once and takes what comes. A few verdicts then vary
// from run to run: they hang on whether a peer reads two frames in one go, on
// octets that the end of TCP destroys, on timers on a busy machine. Those verdicts
// are settled by further plays, so that a run comes to what most runs of the
// original do, or to what the peer does when it has the time. Masking keys are the
// same in every run (keys.go). [TestServer] and [TestClient] do so; an [Endpoint]
// by itself, which cannot have a client come again, takes what comes.
//
// # Bounds
//
// Whatever the peer sends, a connection holds a read and a write buffer of
// 64 KiB, one compressed message of bounded size, and a bounded transcript.
package native
