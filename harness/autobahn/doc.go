// Package autobahn has the original Autobahn testsuite, in a container, test an
// agent, and turns its reports into results.
//
// Start reading at [Engine.Run] (engine.go). An agent that is a server is
// tested by Autobahn's fuzzingclient (server.go), one that is a client by its
// fuzzingserver (client.go). [ReadReports] (reader.go) reads a folder of
// reports, also one that was made without us.
//
// # What Autobahn leaves to its user
//
// It ends with status 0 whatever came out, skips the rest of a run when the
// agent cannot be reached, waits without limit in a few cases for an agent that
// does not close, and writes every report at the very end. So a selection is
// cut into parts (plan.go): each has its own process and its own reports, all
// in one container, and a part that comes to a halt costs the case it halts
// in, which is then left out while the part is played again. Every selected
// case ends in exactly one result; a case without a report is never passed.
package autobahn
