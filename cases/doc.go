// Package cases is the vocabulary of conformance cases: what is done to a peer, what
// is recorded of it, and how it is judged. All of it is data, and [Case.Judge] is a
// pure function of a [Case] and a [transcript.Transcript]. There is no clock, no socket and no
// goroutine here; the engines under harness play cases and record transcripts.
//
// Start reading at [Case] and [Conn] (case.go). Then come [Head] (head.go), what
// differs in our half of the handshake; [Step] (step.go), what is done, and [Op]
// (op.go), the few operations of an engine, which steps are made of;
// [transcript.Event] and [transcript.Transcript], what happened; and [Want] (verdict.go), which judges it.
// [Clauses] is the want of most cases: grades by [Check]. The checks are in package check,
// which only the suites use.
//
// The cases themselves are in the packages below: autobahn holds the 517 of the
// Autobahn testsuite, rfc those that it does not have, and catalogue lists both. Package wire
// says what bytes mean and which rules they break, package ledger what the standards
// ask for.
//
// To add a kind of step, write a type with ops and String in step.go; to add a check, one
// with Holds and String in internal/check. Nothing else changes.
package cases
