// Package harness describes runs: who was tested, which cases were played, and what came out.
//
// A [Result] is the outcome of one case, and a [Run] those of a whole run. A run file holds a
// run as JSON Lines: [Writer] writes it, [OpenRun] reads it, [ResumeRun] continues it, and
// [MergeRuns] joins several. [Select] chooses the cases, [Repeat] gives the command that plays
// one again, and [Parity] compares two runs.
//
// Package [github.com/wsconform/wsconform/harness/engine] plays the cases, package
// [github.com/wsconform/wsconform/internal/agent] starts the implementation under test.
package harness
