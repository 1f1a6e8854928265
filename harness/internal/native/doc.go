// Package native plays the cases over TCP, in both roles, and records transcripts for
// the judge in package cases.
//
// Start reading at [TestServer] (run.go, then dial.go) for a peer that accepts connections and at
// [Endpoint] (endpoint.go) for a peer that dials. Both pass each connection to a player
// (player.go), which follows the connection model of the Autobahn testsuite: receive.go
// handles what internal/wire makes of received bytes, script.go does the ops, log.go keeps
// the wire log, writer.go sends bytes, loop.go plays the echo loops, deflate.go
// compresses for them, and checker.go checks the echoes. Package runner decides which
// case is played when, and retries verdicts that
// chance may have decided.
//
// A player knows no case's wishes: it records events and asks the case's Want after each
// what to do ([cases.Want]). A case of several connections is played one after the other;
// a client is asked for as many cases as there are connections.
//
// # Time
//
// A player decides as soon as the verdict is final. On the way to a pass it never
// sleeps, except in cases about waiting (6.4). Faithful waits exactly as the original
// does; both give the same verdicts.
//
// # Chance
//
// The original plays each case once. So a few of its verdicts vary from run to run: they
// depend on whether a peer reads two frames at once, on bytes that the end of TCP
// destroys, on timers on a busy machine. [TestServer] and [TestClient] replay cases to
// settle such verdicts. The result is what most runs of the original give, or what the
// peer does if it has the time. An [Endpoint] alone cannot make a client come again, so
// it takes the first verdict. Masking keys are the same in every run (keys.go).
//
// # Bounds
//
// Whatever the peer sends, a connection holds a read and a write buffer of 64 KiB, one
// compressed message of bounded size, and a bounded transcript.
package native
