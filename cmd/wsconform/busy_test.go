//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// A second run into the same folder is turned away before it touches anything, and
// says who is there.
func TestTwoRunsInOneFolder(t *testing.T) {
	wsconform := installed(t)
	out := t.TempDir()
	file := filepath.Join(out, "run.jsonl")
	w, err := runfile.Create(file, runfile.Header{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Case(harness.Result{Case: "1.1.1", Outcome: harness.Blocked}); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(out, "agent.log")
	if err := os.WriteFile(log, []byte("of the first run\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"test", "ws://127.0.0.1:1", "--cases", "1.1.1", "-o", out},
		{"test", "--client", "--cases", "1.1.1", "-o", out, "--", "true", "{url}"},
		{"merge", file, "-o", file},
	} {
		said, err := exec.Command(wsconform, args...).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitUsage {
			t.Errorf("%v: %v, want exit code 2", args, err)
		}
		if want := fmt.Sprintf("process %d is writing it", os.Getpid()); !bytes.Contains(said, []byte(want)) {
			t.Errorf("%v: it says\n%s\nwant %q", args, said, want)
		}
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%v: the run file was changed (%v)", args, err)
		}
		if after, err := os.ReadFile(log); err != nil || len(after) != 17 {
			t.Errorf("%v: the log was changed (%v)", args, err)
		}
	}
	runtime.KeepAlive(w) // which would let go of its file when it is collected
}
