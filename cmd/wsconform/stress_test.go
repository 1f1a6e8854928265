package main

import (
	"math"
	"testing"
)

// The values are those of statsmodels' proportion_confint, method wilson.
func TestWilsonUpper(t *testing.T) {
	for _, row := range []struct {
		k, n int
		want float64
	}{{0, 50, 0.0713}, {3, 50, 0.1622}, {1, 10, 0.4042}, {10, 10, 1}} {
		if got := wilsonUpper(row.k, row.n); math.Abs(got-row.want) > 0.0001 {
			t.Errorf("%d of %d: %.4f, want %.4f", row.k, row.n, got, row.want)
		}
	}
}
