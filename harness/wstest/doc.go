// Package wstest replaces the wstest command of the Autobahn testsuite. It has the same
// arguments, configuration files, resources, report files and exit codes, and plays
// the cases with the native engine. Scripts and drivers for the original work
// unchanged.
//
// Start at [Run] (wstest.go) and its table of modes. The two modes that give verdicts
// are in fuzzingserver.go and fuzzingclient.go; the others are peers to test against.
//
// It differs from the original only where it is more lenient or says more: it accepts
// any port in the Host field of a request, gives a name to a client without one, and
// names options that it cannot honour on standard error.
package wstest
