package casepage_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/reports/internal/casepage"
)

// Every run of test writes the pages of its cases.
func BenchmarkWrite(b *testing.B) {
	list, err := pattern.Select(catalogue.All(), []string{"*"}, []string{"9.*", "12.*", "13.*"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := casepage.Write(b.TempDir(), list, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(list)), "pages")
}
