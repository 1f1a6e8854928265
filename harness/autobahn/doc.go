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
//
// A client is played with in parts too, fewer of them, since its driver is started
// for each. An interrupt keeps the results of the part under way: Autobahn is asked
// for the reports before it is stopped. They are lost when the container or the
// Docker engine goes away, for until then they are in the memory of Autobahn;
// those of the parts before are not.
//
// # What reports leave out
//
// Reports hold the first 64 octets of a payload. Transcripts made from them are
// for reading; the cases that compare longer payloads cannot be judged again.
package autobahn
