package comparison_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/hostiletest"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/comparison"
)

// rawRun writes a run file as another program might: nothing in it is cut.
func rawRun(t *testing.T, path string, run *runfile.Run) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(f)
	run.Header.Schema = runfile.SchemaVersion
	if err := enc.Encode(line(t, "header", run.Header)); err != nil {
		t.Fatal(err)
	}
	for _, r := range run.Results {
		if err := enc.Encode(line(t, "case", r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// line is the value as an object with its kind.
func line(t *testing.T, kind string, v any) map[string]json.RawMessage {
	t.Helper()
	p, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	object := map[string]json.RawMessage{}
	if err := json.Unmarshal(p, &object); err != nil {
		t.Fatal(err)
	}
	object["kind"] = json.RawMessage(fmt.Sprintf("%q", kind))
	return object
}

// Each value that a peer can choose is tried at 2 MiB or 65536 elements: the
// overview and the page of the run stay small.
func TestEveryValueHasABound(t *testing.T) {
	if testing.Short() {
		t.Skip("fills every field of every transcript")
	}
	r := hostiletest.Result()
	one := run("x", "native", r)
	one.Header.Selection.Selected = []cases.ID{r.Case}
	try := func(name string) {
		one.Results[0] = r
		dir := t.TempDir()
		file := filepath.Join(dir, "run.jsonl")
		rawRun(t, file, one)
		var overview bytes.Buffer
		if err := comparison.WriteOverview(&overview, dir, file); err != nil {
			t.Fatal(err)
		}
		if n := overview.Len(); n > 500_000 {
			t.Errorf("%s: the overview has %d bytes, want at most 500000", name, n)
		}
		pages, err := filepath.Glob(filepath.Join(dir, "runs", "*.html"))
		if err != nil || len(pages) != 1 {
			t.Fatalf("got the pages %v, %v", pages, err)
		}
		if info, err := os.Stat(pages[0]); err != nil || info.Size() > 400_000 {
			t.Errorf("%s: the page has %v bytes, want at most 400000", name, info.Size())
		}
	}
	for _, v := range []any{&r, &one.Header.Agent.Name, &one.Header.Agent.Version} {
		hostiletest.Each(v, try)
	}
}
