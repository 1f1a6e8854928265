package reports_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/transcript"
)

const (
	schemaFile = "schema/run-v2.schema.json"
	oldSchema  = "schema/run-v1.schema.json"
)

func runSchema(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Old files stay readable, and are what the schema says.
func TestSchemaOfGoldenFiles(t *testing.T) {
	for pattern, schema := range map[string]string{
		"../internal/runfile/testdata/*.jsonl": schemaFile, "../internal/runfile/testdata/v1/*.jsonl": oldSchema,
	} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal("no golden run files", err)
		}
		for _, file := range files {
			p, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			validate(t, runSchema(t, schema), file, p)
			if _, err := runfile.Open(file); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestSchemaOfWholeRun(t *testing.T) {
	run := synthetic{agent: server("fragile-ws", "4.2.1"), engine: autobahnEngine(), fault: someFaults}.run()
	var buf bytes.Buffer
	w, err := runfile.NewWriter(&buf, run.Header)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range run.Results {
		if err := w.Case(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(nil); err != nil {
		t.Fatal(err)
	}
	validate(t, runSchema(t, schemaFile), "synthetic", buf.Bytes())
}

func validate(t *testing.T, schema *jsonschema.Schema, name string, file []byte) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, runfile.MaxLine)
	for n := 1; lines.Scan(); n++ {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(lines.Bytes()))
		if err != nil {
			t.Fatalf("%s:%d: %v", name, n, err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Errorf("%s:%d: %v", name, n, err)
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	schema := runSchema(t, schemaFile)
	for _, line := range []string{
		`{}`, `[]`, `{"kind":"event"}`,
		`{"kind":"case","case":"1.1.1","outcome":"PASS","behavior":"OK","close":"OK","reason":"","closeReason":"","duration":1}`,
		`{"kind":"case","case":"1.1.1","outcome":"pass","behavior":"","close":"","reason":"","closeReason":"","duration":1}`,
		`{"kind":"footer","state":"great","counts":{},"duration":1}`,
		`{"kind":"footer","state":"complete","counts":{"great":1},"duration":1}`,
	} {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("%s is taken for a line of a run file", line)
		}
	}
}

// The schema names the members that the types have. Who adds a field adds it
// to schemaFile too.
func TestSchemaIsUpToDate(t *testing.T) {
	p, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(p, &schema); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]any{
		"header": runfile.Header{}, "engine": runfile.Engine{}, "agent": harness.Agent{}, "selection": runfile.Selection{},
		"host": runfile.Host{}, "peer": harness.Peer{}, "shard": runfile.Shard{}, "case": harness.Result{}, "footer": runfile.Footer{}, "transcript": transcript.Transcript{},
		"event": transcript.Event{}, "entry": transcript.Entry{}, "traffic": transcript.Traffic{}, "flow": transcript.Flow{}, "stats": transcript.Stats{},
	} {
		want := members(reflect.TypeOf(value))
		props := schema.Defs[name].Properties
		delete(props, "kind")
		want = slices.DeleteFunc(want, func(s string) bool { return s == "kind" })
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(props))); diff != "" {
			t.Errorf("%s: %q is not %T (-type +schema):\n%s", schemaFile, name, value, diff)
		}
	}
}

func members(typ reflect.Type) []string {
	var names []string
	for f := range typ.Fields() {
		if f.Anonymous {
			names = append(names, members(f.Type)...)
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "-" {
			names = append(names, name)
		}
	}
	return names
}
