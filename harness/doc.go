// Package harness runs cases against a peer and stores the results.
//
// An agent is the implementation under test and a [Result] the outcome of one case.
// A run file (run.go) holds the results of one run as JSON Lines: [Writer] writes it,
// [ReadRun] reads it. The engines are in folders below: native plays the cases itself,
// autobahn runs the original testsuite in a container. Start reading at [Result],
// then [Run].
package harness
