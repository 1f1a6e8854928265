package runfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Two writers of one file would destroy each other's results: the second is turned
// away, whichever way it comes, and the first loses nothing.
func TestOneWriterAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.jsonl")
	pass := result("1.1.1", harness.Pass, cases.OK)
	w, err := runfile.Create(path, header("1.1.1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Case(pass); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	run, err := runfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]func() error{
		"create": func() error { _, err := runfile.Create(path, header("1.1.1")); return err },
		"resume": func() error { _, err := runfile.Resume(path, header("1.1.1")); return err },
		"save":   func() error { return run.Save(path) },
	} {
		err := try()
		busy, ok := errors.AsType[*runfile.BusyError](err)
		if !ok {
			t.Errorf("%s: error %v, want a BusyError", name, err)
		} else if runtime.GOOS == "linux" && busy.PID != os.Getpid() {
			t.Errorf("%s: %v, want process %d named", name, err, os.Getpid())
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	again, err := runfile.Create(path, header("1.1.1"))
	if err != nil {
		t.Fatalf("once the other has ended: %v", err)
	}
	if _, err := again.Close(nil); err != nil {
		t.Error(err)
	}
}
