// Package compare runs many implementations through the same cases.
//
// Start reading at [Runner.Run] (runner.go), which plays each [Row], an agent in
// one role under one engine, and writes a run file for it. A [Workshop]
// (workshop.go) builds agents out of their folders, once for each content. A
// [Keeper] (keeper.go) runs a built agent within its bounds, as a process of
// this machine or in a container, and says why it ended.
//
// Nothing that an agent does stops a comparison: an agent that does not build,
// crashes, hangs or eats memory gives a run file whose footer says so, with a
// [harness.Cause]. Run files that are there already, of the same agent, engine
// and cases, are kept, so that a comparison that was interrupted goes on where
// it was.
package compare
