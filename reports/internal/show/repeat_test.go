package show_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// The command names the suite of a case that is not of the default one.
func TestRepeatNamesTheSuite(t *testing.T) {
	h := harness.Header{Engine: harness.Engine{Name: harness.Engines[0].Name}, Agent: harness.Agent{URL: "ws://h:1"}}
	for id, want := range map[cases.ID]string{
		"1.1.1": "wsconform test ws://h:1 --cases 1.1.1",
		"M.1.1": "wsconform test ws://h:1 --suite rfc --cases M.1.1",
	} {
		if got := show.Repeat(h, id); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}
