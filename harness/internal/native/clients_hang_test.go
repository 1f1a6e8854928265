//go:build unix

package native

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/pattern"
)

// A driver that hangs, and does not end when it is asked to, is stopped; its cases
// have no verdict.
func TestClientThatHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for peers that hang")
	}
	list, err := pattern.Select(catalogue.All(), []string{"1.1.*"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("WSCONFORM_TEST_%d_HANGS", os.Getpid())
	t.Setenv(mark, "1")
	driver := runner.Driver{Idle: 100 * time.Millisecond, Command: []string{
		"sh", "-c", `trap "" TERM; sleep 970 & while :; do wait; done`, "driver", "{url}",
	}}
	counts := map[harness.Outcome]int{}
	_, err = TestClient(t.Context(), driver, list, Options{Options: runner.Options{Parallel: 1}}, func(r harness.Result) { counts[r.Outcome]++ })
	if hung := new(runner.DriverError); !errors.As(err, &hung) || !strings.Contains(err.Error(), "did nothing for too long") {
		t.Errorf("got error %v, want a runner.DriverError that says that it did nothing", err)
	}
	if counts[harness.NotRun] != len(list) || len(counts) > 1 {
		t.Errorf("got %v, want %d cases that were not run", counts, len(list))
	}
	gone := time.NewTimer(5 * time.Second)
	defer gone.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for left := withVariable(mark); len(left) > 0; left = withVariable(mark) {
		select {
		case <-look.C:
		case <-gone.C:
			t.Fatalf("processes are left: %v", left)
		}
	}
}

// withVariable lists the processes, but this one, that have the variable; none
// where there is no /proc.
func withVariable(name string) (list []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		pid := filepath.Base(filepath.Dir(file))
		p, err := os.ReadFile(file)
		if err == nil && pid != fmt.Sprint(os.Getpid()) && bytes.Contains(p, []byte(name+"=")) {
			list = append(list, pid)
		}
	}
	return list
}
