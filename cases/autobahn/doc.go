// Package autobahn holds the 517 cases of the Autobahn testsuite, with its ids, bytes
// and verdicts. They are frozen: the tests compare each with facts about the original.
//
// Start reading at [All] (catalogue.go), then at a topic, such as fragmentation.go, and
// at [Want] (want.go) and its Judge (judge.go): a verdict of two halves, as Autobahn
// gives it.
package autobahn
