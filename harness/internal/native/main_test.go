//go:build unix

package native

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the programs that tests start; see [flawedDriver],
// [oneShotClient], [prefork],
// [gatewayProgram] and [driverProgram].
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
	if how := os.Getenv(gatewayVariable); how != "" {
		os.Exit(gatewayProgram(how, os.Args[1], os.Args[2]))
	}
	if name := os.Getenv(driverVariable); name != "" {
		os.Exit(driverProgram(name, os.Args[1]))
	}
	os.Exit(m.Run())
}
