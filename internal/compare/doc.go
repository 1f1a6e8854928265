// Package compare runs many implementations through the same cases.
//
// Start reading at [Runner.Run] (runner.go), which plays each [Row], an agent in one
// role under one engine, and writes its run file. A [Workshop] (workshop.go) builds
// agents from their folders, once for each content. A [Supervisor] (supervisor.go) runs a
// built agent within its bounds, as a local process or in a container, and says why it
// exited.
//
// Rows can be played on other machines too: [Runner.Divide] (division.go) makes units of
// them (unit.go), and joins what a [Player] (player.go) returns for each.
//
// No agent can stop a comparison. If an agent does not build, crashes, hangs or uses
// up its memory, the footer of its run file says so, with a [harness.Cause]. Existing
// run files of the same agent, engine and cases are kept, so that an interrupted
// comparison continues where it stopped.
package compare
