package harness_test

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

func TestPairs(t *testing.T) {
	of := func(engine string, folder, hash string, role cases.Role) harness.Header {
		return harness.Header{
			Engine: harness.Engine{Name: engine},
			Agent:  harness.Agent{Role: role, About: &harness.Implementation{Folder: folder, Hash: hash}},
		}
	}
	runs := []harness.Header{
		of(harness.ReferenceEngine, "go-ws", "1", cases.Server),
		of(harness.DefaultEngine, "go-ws", "1", cases.Server),
		of(harness.DefaultEngine, "go-ws", "1", cases.Client),   // another role
		of(harness.DefaultEngine, "go-ws", "2", cases.Server),   // another content
		of(harness.DefaultEngine, "js-ws", "1", cases.Server),   // another agent
		of(harness.ReferenceEngine, "go-ws", "2", cases.Server), // 3's
		of("new", "js-ws", "1", cases.Server),
	}
	var got [][2]int
	for i, j := range harness.Pairs(runs, func(h harness.Header) harness.Header { return h }) {
		got = append(got, [2]int{i, j})
	}
	if want := [][2]int{{1, 0}, {3, 5}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
