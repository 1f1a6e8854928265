//go:build unix

package native

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the clients that tests start; see [flawedDriver],
// [oneShotClient] and [prefork].
func TestMain(m *testing.M) {
	if flaw := os.Getenv(flawVariable); flaw != "" {
		os.Exit(flawedDriver(flaw, os.Args[len(os.Args)-1]))
	}
	if how := os.Getenv(oneShotVariable); how != "" {
		os.Exit(oneShotClient(how, os.Args[len(os.Args)-1]))
	}
	if how := os.Getenv(preforkVariable); how != "" {
		os.Exit(prefork(how, os.Args[1], os.Args[2]))
	}
	os.Exit(m.Run())
}
