package gate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/gate"
)

const full = `# yaml-language-server: $schema=expectations-v1.schema.json
version: 1
agent: gorilla
role: server
policy:
  nonStrict: fail
  informational: allow
  unimplemented: fail
  minExecuted: 60% # of the catalogue
expect:
  # They are working on it.
  - case: '5.15'
    verdict: fail
    signature: FAILED, close OK; got text; peer closed with 1002
    reason: echoes a message that was never finished
    link: https://example.org/1
    owner: '@me'
    expires: 2027-03-31 # the next release
  - case: 5.10
    verdict: crash
    reason: a number without quotes keeps its zero
  - case: '12.*'
    verdict: flaky
    reason: 'slow: on a loaded machine'
    evidence: {runs: 50, failures: 3, date: 2026-11-25}
`

func TestParse(t *testing.T) {
	x, err := gate.Parse("wsconform.yaml", []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	if x.Agent != "gorilla" || x.Role.String() != "server" || x.Policy.NonStrict != gate.Fail || x.Policy.MinExecuted.Of(517) != 311 {
		t.Errorf("got %+v", x)
	}
	var got []string
	for _, e := range x.Expect {
		got = append(got, e.Case+" "+string(e.Verdict)+" "+e.At())
	}
	want := []string{"5.15 fail wsconform.yaml:12", "5.10 crash wsconform.yaml:19", "12.* flaky wsconform.yaml:22"}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("entries %q, want %q", got, want)
	}
	if e := x.Expect[0]; e.Expires.String() != "2027-03-31" || e.Signature != "FAILED, close OK; got text; peer closed with 1002" || e.Owner != "@me" {
		t.Errorf("first entry %+v", e)
	}
	if v := x.Expect[2].Evidence; v == nil || v.Runs != 50 || v.Failures != 3 || v.Date.String() != "2026-11-25" {
		t.Errorf("evidence %+v", v)
	}
}

// What the files about an agent declare of it adds to what flags do. The schema knows the
// same words.
func TestDeclared(t *testing.T) {
	const text = "version: 1\nagent: gorilla\ndeclare: [limit, subprotocol]\n"
	x, err := gate.Parse("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for agent, want := range map[string][]cases.Need{
		"gorilla": {cases.NeedSubprotocol, cases.NeedOrigin, cases.NeedLimit},
		"other":   {cases.NeedOrigin},
	} {
		got := gate.Declared([]gate.Expectations{x}, harness.Agent{Name: agent}, []cases.Need{cases.NeedOrigin})
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", agent, got, want)
		}
	}
	for _, need := range cases.DeclaredNeeds {
		if err := bySchema(t, fmt.Sprintf("version: 1\ndeclare: [%s]\n", need)); err != nil {
			t.Errorf("%s: %v", need, err)
		}
	}
}

// Quotes around a scalar are not part of it.
func TestParseQuoted(t *testing.T) {
	x, err := gate.Parse("f.yaml", []byte(`version: 1
policy: {minExecuted: "60%"}
expect:
  - case: '5.15'
    verdict: fail
    reason: x
    expires: '2027-03-31' # the next release
`))
	if err != nil {
		t.Fatal(err)
	}
	if x.Policy.MinExecuted.Of(517) != 311 || x.Expect[0].Expires.String() != "2027-03-31" {
		t.Errorf("got %+v", x)
	}
}

// What is wrong with a file is said with its line. Where schema says so the
// published JSON Schema, which editors go by, refuses the file too.
func TestParseRefuses(t *testing.T) {
	const entry = "version: 1\nexpect:\n  - case: '5.15'\n    verdict: fail\n    reason: x\n"
	for _, row := range []struct {
		name, text, want string
		schema           bool
	}{
		{"empty", "", "version: 1", true},
		{"two documents", "version: 1\n---\nversion: 1\n", "one YAML document", false},
		{"no YAML", "version: [1\n", "f.yaml:1: ", false},
		{"a tab", "version: 1\npolicy:\n\tnonStrict: fail\n", "f.yaml:3: ", false},
		{"no version", "expect: []\n", "version 0", true},
		{"a later version", "version: 2\n", "version 2", true},
		{"unknown key", "version: 1\nexpects: []\n", `f.yaml:2: unknown field "expects"`, true},
		{"unknown key of an entry", entry + "    reson: y\n", `f.yaml:6: unknown field "reson"`, true},
		{"unknown key of the policy", "version: 1\npolicy:\n  nonstrict: fail\n", `f.yaml:3: unknown field "nonstrict"`, true},
		{"a key twice", entry + "    reason: y\n", "f.yaml:6: ", false},
		{"wrong rule", "version: 1\npolicy: {nonStrict: deny}\n", `nonStrict: "deny": it is allow or fail`, true},
		{"declared what there is not", "version: 1\ndeclare: [subprotocol, beauty]\n", `declare: "beauty": must be one of subprotocol, origin`, true},
		{"wrong role", "version: 1\nrole: proxy\n", `f.yaml:2: `, true},
		{"entry without case", "version: 1\nexpect:\n  - verdict: fail\n    reason: x\n", "f.yaml:3: case is missing", true},
		{"entry without reason", "version: 1\nexpect:\n  - case: '5.15'\n    verdict: fail\n    reason: ' '\n", "f.yaml:3: case 5.15: reason is missing", true},
		{"unknown verdict", "version: 1\nexpect:\n  - case: '5.15'\n    verdict: FAILED\n    reason: x\n", `f.yaml:3: case 5.15: verdict "FAILED": must be one of fail, pass-lenient`, true},
		{"no such case", entry + "\n  - case: '8.*'\n    verdict: fail\n    reason: x\n", "f.yaml:7: no case matches 8.*", false},
		{"a section without a star", entry + "  - case: '7.1'\n    verdict: fail\n    reason: x\n", "f.yaml:6: no case matches 7.1;", false},
		{"no date", entry + "    expires: next week\n", `f.yaml:6: "next week" is not a date`, true},
		{"a date in another order", entry + "    expires: 31.3.2027\n", "is not a date", true},
		{"flaky without evidence", "version: 1\nexpect:\n  - case: '5.15'\n    verdict: flaky\n    reason: x\n", "a flaky entry needs evidence", true},
		{"evidence of a failure", entry + "    evidence: {runs: 2, failures: 1, date: 2026-11-25}\n", "evidence is for flaky entries", true},
		{"flaky that always fails", "version: 1\nexpect:\n  - case: '5.15'\n    verdict: flaky\n    reason: x\n    evidence: {runs: 9, failures: 9, date: 2026-11-25}\n", "9 failures in 9 runs is not flaky", false},
		{"evidence without a date", "version: 1\nexpect:\n  - case: '5.15'\n    verdict: flaky\n    reason: x\n    evidence: {runs: 9, failures: 1}\n", "the date of the evidence is missing", true},
		{"minimum that is no number", "version: 1\npolicy: {minExecuted: most}\n", "minExecuted", true},
		{"minimum over 100%", "version: 1\npolicy: {minExecuted: 101%}\n", "minExecuted", true},
		{"a list", "- case: '5.15'\n", "f.yaml", true},
	} {
		_, err := gate.Parse("f.yaml", []byte(row.text))
		var wrong *gate.FileError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: error %v, want a FileError with %q", row.name, err, row.want)
		}
		if err := bySchema(t, row.text); row.schema && err == nil {
			t.Errorf("%s: the schema accepts it", row.name)
		}
	}
	if err := bySchema(t, full); err != nil {
		t.Errorf("the schema refuses what Parse reads: %v", err)
	}
}

// bySchema validates a file as an editor would.
func bySchema(t *testing.T, text string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(gate.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(gate.SchemaURL, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(gate.SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	return schema.Validate(v)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte("version: 1\nexpect: [{case: &a '5.15', verdict: *a, reason: x}]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := gate.Parse("f.yaml", text); err != nil && !errors.As(err, new(*gate.FileError)) {
			t.Errorf("%T: %v; want a FileError", err, err)
		}
	})
}

// The address of the schema names a file of this repository, the one that is embedded.
func TestSchemaURL(t *testing.T) {
	path, ok := strings.CutPrefix(gate.SchemaURL, "https://raw.githubusercontent.com/wsconform/wsconform/main/")
	if !ok {
		t.Fatalf("got %s, want an address of the repository", gate.SchemaURL)
	}
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, gate.Schema) {
		t.Errorf("%s is not the schema that is embedded", path)
	}
	if !strings.Contains(string(gate.Schema), `"$id": "`+gate.SchemaURL+`"`) {
		t.Errorf("the schema does not name %s as its id", gate.SchemaURL)
	}
}
