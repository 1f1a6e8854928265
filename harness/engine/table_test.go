package engine_test

import (
	"testing"

	"github.com/wsconform/wsconform/harness/engine"
	"github.com/wsconform/wsconform/internal/runfile"
)

func TestKinds(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range engine.Kinds {
		if seen[k.Name] || k.About == "" || k.Open == nil {
			t.Errorf("engine %q: it is there twice, or its row has gaps", k.Name)
		}
		seen[k.Name] = true
		if found, ok := engine.Find(k.Name); !ok || found.About != k.About {
			t.Errorf("engine %q is not found", k.Name)
		}
	}
	if engine.Kinds[0].Name != runfile.DefaultEngine || !seen[runfile.ReferenceEngine] {
		t.Errorf("got %v, want the default engine first, and the reference", seen)
	}
	if _, ok := engine.Find("none"); ok {
		t.Error("an unknown engine is found")
	}
}
