// Package cases is the catalogue of conformance cases and the judge of their
// transcripts. Both are inert: a [Case] is data (steps to play, events to
// want), and [Case.Judge] is a pure function of the case and a [Transcript].
// No clock, no socket and no goroutine lives here; the engines under harness
// interpret the steps and record the transcripts.
//
// Start reading at [Case] (case.go), then [Step] (step.go), [Want] (want.go)
// and [Case.Judge] (judge.go). [All] lists the catalogue in the order of the
// Autobahn testsuite, whose ids, scripts and verdicts it reproduces.
package cases
