package show_test

import (
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
)

// The command that repeats a case finds it in whichever suite it is.
func TestRepeatInEverySuite(t *testing.T) {
	h := runfile.Header{Engine: runfile.Engine{Name: runfile.DefaultEngine}, Agent: harness.Agent{URL: "ws://h:1"}}
	for _, id := range []cases.ID{"1.1.1", "M.1.1"} {
		if got, want := show.Repeat(h, id), "wsconform test ws://h:1 --cases "+string(id); got != want {
			t.Errorf("%s: got %s, want %s", id, got, want)
		}
	}
}
