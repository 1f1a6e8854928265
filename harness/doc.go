// Package harness runs cases against a peer and keeps what came of them.
//
// An [Agent] is the implementation under test, a [Result] what one case came
// to, and a run file (run.go) the stream of results of one run as JSON Lines:
// [Writer] writes it, [ReadRun] reads it back. The engines live in the folders
// below: native plays the cases itself, autobahn has the original testsuite
// play them in a container. Start reading at [Result], then [Run].
package harness
