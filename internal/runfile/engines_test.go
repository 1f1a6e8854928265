package runfile_test

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
)

func TestPairs(t *testing.T) {
	of := func(engine string, folder, hash string, role cases.Role) runfile.Header {
		return runfile.Header{
			Engine: runfile.Engine{Name: engine},
			Agent:  harness.Agent{Role: role, About: &harness.Implementation{Folder: folder, Hash: hash}},
		}
	}
	runs := []runfile.Header{
		of(runfile.ReferenceEngine, "go-ws", "1", cases.Server),
		of(runfile.DefaultEngine, "go-ws", "1", cases.Server),
		of(runfile.DefaultEngine, "go-ws", "1", cases.Client),   // another role
		of(runfile.DefaultEngine, "go-ws", "2", cases.Server),   // another content
		of(runfile.DefaultEngine, "js-ws", "1", cases.Server),   // another agent
		of(runfile.ReferenceEngine, "go-ws", "2", cases.Server), // 3's
		of("new", "js-ws", "1", cases.Server),
	}
	var got [][2]int
	for i, j := range runfile.Pairs(runs, func(h runfile.Header) runfile.Header { return h }) {
		got = append(got, [2]int{i, j})
	}
	if want := [][2]int{{1, 0}, {3, 5}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
