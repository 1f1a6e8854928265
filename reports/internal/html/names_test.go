package html

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

// No two runs get the same file, and none the name of the overview.
func TestFileNames(t *testing.T) {
	run := func(agent string, role cases.Role) *runfile.Run {
		return &runfile.Run{Header: runfile.Header{Agent: harness.Agent{Name: agent, Version: "1.0", Role: role}, Engine: runfile.Engine{Name: "native"}}}
	}
	got := FileNames([]*runfile.Run{
		run("Echo!", cases.Server), run("echo", cases.Server), run("ECHO", cases.Server), run("echo", cases.Client), run("../..", cases.Server),
	}, ".html")
	want := []string{
		"echo-1-0-server-native.html", "echo-1-0-server-native-2.html", "echo-1-0-server-native-3.html",
		"echo-1-0-client-native.html", "1-0-server-native.html",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
