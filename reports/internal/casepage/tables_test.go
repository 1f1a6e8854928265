package casepage

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
)

func TestDissentsAreAboutCases(t *testing.T) {
	for _, d := range dissents {
		if lost := cases.Unmatched(catalogue.All(), d.cases); len(lost) > 0 {
			t.Errorf("no case matches %v", lost)
		}
	}
}
