// Package gate decides whether a run is good enough: it compares the run with what is
// expected of the agent, and describes the differences.
//
// Start reading at [Decide]. It is a pure function of a run file, the expectation files
// and the date, so a stored run can be judged again. The file format is in
// expectations.go. Two failures of a case are the same if they have the same
// [harness.Result.Signature].
//
// # Rules
//
//   - An entry never keeps a case from being played. Its case must do what the entry
//     says: doing better is a violation, too.
//   - Entries that have expired, match no case or contradict each other are
//     violations.
//   - A case without a verdict is missing, whatever an entry says. Crashes and timeouts
//     are failures of the agent; an entry may expect them.
//   - UNIMPLEMENTED is allowed without an expectation file. With one it must be
//     declared: a library that silently stops compressing must go red.
//   - A case that was not played because the peer does not offer what it needs
//     violates nothing and counts as not executed.
package gate
