// Package cases holds the catalogue of conformance cases and the judge of their
// transcripts. A [Case] is data: steps to play and events to expect. [Case.Judge] is
// a pure function of the case and a [Transcript]. There is no clock, no socket and no
// goroutine here; the engines under harness play the steps and record transcripts.
//
// Start reading at [Case] (case.go), then [Step] (step.go), [Want] (want.go) and
// [Case.Judge] (judge.go). [All] returns the catalogue in the order of the Autobahn
// testsuite, with the same ids, scripts and verdicts.
package cases
