package oneplace

import (
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// An edit adds text to a file: behind a line that the file has, or, in a new file, all of it.
type edit struct{ file, behind, text string }

// An addition is what a contributor does to add one thing. Its length is how many places
// they have to know.
type addition struct {
	what  string
	edits []edit
}

// additions lists what can be added. The case uses the step and the check, so that its
// tests play and judge them.
var additions = []addition{
	{"a step", []edit{{"cases/step.go", "", `
// TwoPings sends two pings without masks.
type TwoPings struct{}

// Ops sends them.
func (TwoPings) Ops() []Op {
	f := Ping("again")
	f.Masking = MaskNever
	return append(f.Ops(), f.Ops()...)
}

func (TwoPings) String() string { return "send two pings without masks" }
`}}},
	{"a check", []edit{{"cases/check.go", "", `
// Spoken holds if the connection was opened.
type Spoken struct{}

// Holds looks at the transcript.
func (Spoken) Holds(t *Transcript) bool { return t.Opened }

func (Spoken) String() string { return "an open connection" }
`}}},
	{"a case", []edit{{"cases/rfc/masking.go", "var masking = []cases.Case{\n", `	{
		ID: "M.1.99", Title: "two pings without a mask, sent by a step of their own", Roles: onlyServers,
		Requirements: []string{"RFC6455-5.1-server-rejects-unmasked"},
		Conns: []cases.Conn{{Steps: append([]cases.Step{cases.TwoPings{}}, unmasked(cases.Text(probe))...), Want: also(failed, cases.Clause{
			Grade: cases.NonStrict, Checks: cases.Every{cases.Spoken{}, cases.Ends{Within: failure}},
		})}, survived},
		Want: failed,
	},
`}}},
	{"a mutant", []edit{{"fixtures/mutants/catalogue.go", "var framing = []Mutant{\n",
		"	{\"reserved-ignored\", Both, \"ignores reserved bits, as a second row\", breaks(\"RFC6455-5.2-rsv-fail\"), fault{IgnoreRSV: true}},\n"}}},
	{"an engine", []edit{
		{"harness/internal/silent/silent.go", "", `// Package silent is an engine that plays nothing.
package silent

import (
	"context"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// Run gives no case a verdict.
func Run(_ context.Context, list []cases.Case, emit func(harness.Result)) error {
	for _, c := range list {
		emit(harness.Result{Case: c.ID, Outcome: harness.NotRun, Note: "silent"})
	}
	return nil
}
`},
		{"harness/engines.go", "var Engines = []EngineKind{NativeEngine, AutobahnEngine", `, {Name: "silent", About: "nobody"}`},
		{"cmd/wsconform/engines.go", "		{harness.AutobahnEngine, (*test).original, compareAutobahn},\n",
			"		{harness.Engines[2], (*test).native, compareNative},\n"},
	}},
	{"a report format", []edit{
		{"reports/names.go", "", `package reports

import (
	"fmt"
	"io"
)

func writeNames(w io.Writer, in Input) error {
	for _, r := range in.Run.Results {
		fmt.Fprintln(w, r.Case, r.Outcome)
	}
	return nil
}
`},
		{"reports/formats.go", "var Formats = []Format{\n", "	{Name: \"names\", File: \"names.txt\", About: \"a line for each case\", Extra: true, Write: writeNames},\n"},
	}},
}

// affected are the commands that have to succeed when everything is added.
var affected = [][]string{
	{"vet", "./cases/...", "./fixtures/mutants", "./harness/...", "./reports", "./cmd/wsconform"},
	{"test", "./cases/ledger", "-update"}, // accepts the coverage
	{"test", "-short", "./cases/...", "./fixtures/mutants"},
	{"test", "-short", "./harness/internal/native", "-run", "TestRFC|TestMutants", "-rfc.only", "M.1.99", "-mutants.only", "reserved-ignored"},
	{"test", "-short", "./reports", "-run", "Format"},
	{"test", "-short", "./harness", "-run", "Engine"},
}

func TestOnePlace(t *testing.T) {
	if testing.Short() {
		t.Skip("copies the source and builds it again")
	}
	// An engine has two rows: what run files and reports know of it, and what commands do
	// with it. A format is a file and a row.
	promised := map[string]int{"a case": 1, "a step": 1, "a check": 1, "a mutant": 1, "an engine": 3, "a report format": 2}
	dir := t.TempDir()
	copySource(t, dir)
	for _, a := range additions {
		files := map[string]bool{}
		for _, e := range a.edits {
			files[e.file] = true
			e.make(t, dir)
		}
		if len(files) != promised[a.what] {
			t.Errorf("%s takes %d files, want %d", a.what, len(files), promised[a.what])
		}
	}
	for _, args := range affected {
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, "go", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("go %s: %.1f s", strings.Join(args, " "), time.Since(begun).Seconds())
	}
}

func (e edit) make(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(e.file))
	old, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	text := string(old) + e.text
	if e.behind != "" {
		if strings.Count(string(old), e.behind) != 1 {
			t.Fatalf("%s: %q is not there once", e.file, e.behind)
		}
		text = strings.Replace(string(old), e.behind, e.behind+e.text, 1)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// copySource copies the module, but for what is built and what git keeps.
func copySource(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir() && rel != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "out" || name == "node_modules" || name == "target"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
