package harness_test

import (
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

func TestPairs(t *testing.T) {
	of := func(engine harness.EngineKind, folder, hash string, role cases.Role) harness.Header {
		return harness.Header{
			Engine: harness.Engine{Name: engine.Name},
			Agent:  harness.Agent{Role: role, About: &harness.Implementation{Folder: folder, Hash: hash}},
		}
	}
	runs := []harness.Header{
		of(harness.AutobahnEngine, "go-ws", "1", cases.Server),
		of(harness.NativeEngine, "go-ws", "1", cases.Server),
		of(harness.NativeEngine, "go-ws", "1", cases.Client),   // another role
		of(harness.NativeEngine, "go-ws", "2", cases.Server),   // another content
		of(harness.NativeEngine, "js-ws", "1", cases.Server),   // another agent
		of(harness.AutobahnEngine, "go-ws", "2", cases.Server), // 3's
		of(harness.EngineKind{Name: "new"}, "js-ws", "1", cases.Server),
	}
	var got [][2]int
	for i, j := range harness.Pairs(runs, func(h harness.Header) harness.Header { return h }) {
		got = append(got, [2]int{i, j})
	}
	if want := [][2]int{{1, 0}, {3, 5}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEngineKind(t *testing.T) {
	for _, kind := range harness.Engines {
		if got := (harness.Engine{Name: kind.Name}).Kind(); got != kind {
			t.Errorf("%s: got %v, want %v", kind.Name, got, kind)
		}
	}
	if got := (harness.Engine{Name: "other"}).Kind(); got.Name != "other" || got.Reference {
		t.Errorf("an unknown engine: got %v, want no reference", got)
	}
}
