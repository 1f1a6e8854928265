//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/docker/dockertest"
	"github.com/wsconform/wsconform/internal/runfile"
)

// Autobahn plays the parts of a selection, and what is missing in a run that was cut
// off. Joined, they are the whole.
func TestAutobahnInParts(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs the original Autobahn")
	}
	containers := dockertest.Connect(t)
	if _, err := containers.Image(t.Context(), engine.BuiltRef("")); err != nil {
		t.Skipf("wsconform autobahn image has not built the image: %v", err)
	}
	dir, wsconform := t.TempDir(), installed(t)
	must := func(args ...string) {
		t.Helper()
		var out strings.Builder
		if code := run(t.Context(), args, &out, &out); code != exitOK {
			t.Fatalf("%v: exit code %d\n%s", args, code, &out)
		}
	}
	command := "'" + wsconform + "' echo --addr {host}:{port}"
	for _, i := range []string{"1", "2"} {
		must("test", "--engine", "autobahn", "--cases", "1.1.*", "--shard", i+"/2", "--server-cmd", command, "-o", filepath.Join(dir, i))
	}
	first := filepath.Join(dir, "1", "run.jsonl")
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	if err := os.WriteFile(first, []byte(strings.Join(lines[:3], "")), 0o600); err != nil { // its header and two cases
		t.Fatal(err)
	}
	must("test", "--engine", "autobahn", "--resume", first, "--server-cmd", command)
	must("merge", first, filepath.Join(dir, "2", "run.jsonl"), "-o", filepath.Join(dir, "whole.jsonl"))
	whole, err := runfile.Open(filepath.Join(dir, "whole.jsonl"))
	if err != nil || whole.State() != runfile.Complete || whole.Counts()[harness.Pass] != 8 {
		t.Errorf("got %v and %v, want a complete run of 8 passes", err, whole)
	}
}
