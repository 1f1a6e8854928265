// Package harness describes outcomes: the result of a case, and who was tested.
//
// A [Result] holds the verdict of one case, its [Outcome] and what happened on its connections.
// An [UntestableError] says why an [Agent] has none.
//
// Package [github.com/wsconform/wsconform/harness/engine] plays the cases,
// [github.com/wsconform/wsconform/internal/runfile] stores their results, and
// [github.com/wsconform/wsconform/internal/agent] starts the implementation under test.
package harness
