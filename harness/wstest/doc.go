// Package wstest is a stand-in for the wstest command of the Autobahn
// testsuite: the same arguments, configuration files, resources, report files
// and exit codes, over the native engine. Scripts and drivers written for the
// original run unchanged.
//
// Start at [Run] (wstest.go) and its table of modes. The two that judge are in
// fuzzingserver.go and fuzzingclient.go; the rest are peers to test against.
//
// Where it differs, it is to be kinder: any port is accepted in the Host field
// of a request, a client without a name has one, and options that cannot be
// honoured are named on standard error.
package wstest
