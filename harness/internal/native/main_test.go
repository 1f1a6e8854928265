//go:build unix

package native

import (
	"os"
	"testing"
)

// TestMain lets the test binary be the driver that tests start; see [flawedDriver].
func TestMain(m *testing.M) {
	if flaw := os.Getenv(flawVariable); flaw != "" {
		os.Exit(flawedDriver(flaw, os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}
