// Package autobahn runs the original Autobahn testsuite in a container against an
// agent, and turns its reports into results.
//
// Start reading at [Engine.Run] (engine.go). Autobahn's fuzzingclient tests servers
// (server.go), its fuzzingserver tests clients (client.go). [ReadReports]
// (reader.go) reads any folder of reports, including one of an earlier Autobahn run.
//
// # What Autobahn leaves to its user
//
// Autobahn exits 0 whatever the verdicts, skips the rest of a run if it cannot reach
// the agent, in a few cases waits for ever for an agent that does not close, and
// writes all reports at the very end. So a selection is split into parts (plan.go).
// All run in one container, but each has its own process and its own reports. If a
// part hangs, only the case that it hangs in is lost: the part is played again
// without it. Every selected case ends in exactly one result, and a case without a
// report never passes.
//
// Client runs have parts too, but fewer, since each needs a new start of the driver.
// After an interrupt the results of the current part are kept: Autobahn is asked for
// its reports before it is stopped. If the container or the Docker engine goes away,
// the results of the current part are lost, because Autobahn holds them in memory;
// those of earlier parts are safe.
//
// # What reports leave out
//
// Reports hold the first 64 bytes of a payload. Transcripts made from them are for
// reading; cases that compare longer payloads cannot be judged again.
package autobahn
