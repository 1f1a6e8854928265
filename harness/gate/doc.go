// Package gate decides whether a run is good enough: it holds the run against
// what was expected of the agent and says in words what does not fit.
//
// [Decide] is a pure function of a run file, the expectation files and the
// date, so a stored run can be judged again. Start reading there;
// expectations.go has the file format. What makes two failures of a case the same
// one is [harness.Result.Signature].
//
// # Rules
//
//   - An entry never keeps a case from being run. What it says must be what
//     happens: a case that does better is a violation like one that does worse.
//   - Entries that say nothing any more (expired, matching no case) or that
//     contradict each other are violations too.
//   - A case without a verdict is missing, whatever an entry says of it. Crashes
//     and timeouts are the agent's doing, hence failures; an entry may expect them.
//   - UNIMPLEMENTED is allowed as long as there is no expectation file. With one,
//     it has to be declared: a library that silently stops compressing must go red.
package gate
