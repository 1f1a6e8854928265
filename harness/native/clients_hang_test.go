//go:build unix

package native

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A driver that hangs, and does not end when it is asked to, is stopped; its cases
// have no verdict.
func TestClientThatHangs(t *testing.T) {
	list, err := cases.Select(cases.All(), []string{"1.1.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	driver := Driver{Idle: 100 * time.Millisecond, Command: []string{
		"sh", "-c", `trap "" TERM; sleep 970 & while :; do wait; done`, "driver", "{url}",
	}}
	counts := map[harness.Outcome]int{}
	_, err = TestClient(t.Context(), driver, list, Options{Parallel: 1}, func(r harness.Result) { counts[r.Outcome]++ })
	if hung := new(DriverError); !errors.As(err, &hung) || !strings.Contains(err.Error(), "did nothing for too long") {
		t.Errorf("got error %v, want a DriverError that says that it did nothing", err)
	}
	if counts[harness.NotRun] != len(list) || len(counts) > 1 {
		t.Errorf("got %v, want %d cases that were not run", counts, len(list))
	}
}
