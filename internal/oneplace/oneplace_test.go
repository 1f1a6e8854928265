package oneplace

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
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

// ops sends them.
func (TwoPings) ops() []Op {
	f := Ping("again")
	f.Masking = MaskNever
	return append(f.ops(), f.ops()...)
}

func (TwoPings) String() string { return "send two pings without masks" }
`}}},
	{"a check", []edit{{"cases/internal/check/check.go", "", `
// Spoken holds if the connection was opened.
type Spoken struct{}

// Holds looks at the transcript.
func (Spoken) Holds(t *transcript.Transcript) bool { return t.Opened }

func (Spoken) String() string { return "an open connection" }
`}}},
	{"a case", []edit{{"cases/rfc/masking.go", "func masking() []cases.Case {\n\treturn []cases.Case{\n", `	{
		ID: "M.1.99", Title: "two pings without a mask, sent by a step of their own", Roles: onlyServers,
		Requirements: []string{"RFC6455-5.1-server-rejects-unmasked"},
		Conns: []cases.Conn{{Steps: append([]cases.Step{cases.TwoPings{}}, unmasked(cases.Text(probe))...), Want: also(failed, cases.Clause{
			Grade: cases.NonStrict, Checks: cases.Every{check.Spoken{}, check.Quiet{}, check.Ends{Within: failure}},
		})}, survived},
		Want: failed,
	},
`}}},
	{"a mutant", []edit{{
		"fixtures/mutants/catalogue.go", "func framing() []Mutant {\n\treturn []Mutant{\n",
		"	{\"reserved-ignored\", Both, \"ignores reserved bits, as a second row\", breaks(\"RFC6455-5.2-rsv-fail\"), fault{IgnoreRSV: true}},\n",
	}}},
	{"an engine", []edit{
		{"harness/internal/demo/demo.go", "", demoEngine},
		{"harness/engine/table.go", "Late: true, Open: autobahn.Open},\n", "\t{Name: \"demo\", About: \"an example\", Open: demo.Open},\n"},
		{"harness/engine/table.go", "harness/internal/autobahn\"\n", "\t\"github.com/wsconform/wsconform/harness/internal/demo\"\n"},
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

// demoEngine plays the cases whose only frame is a text message, by its own means.
const demoEngine = `// Package demo is an engine that has text messages echoed.
package demo

import (
	"context"
	"errors"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/harness/internal/runner"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/ws"
	"github.com/wsconform/wsconform/ws/wsproto"
)

type engine struct{}

// Open returns the engine.
func Open(context.Context, runner.Setup) (runner.Engine, error) { return engine{}, nil }

// About names the engine.
func (engine) About() runfile.Engine { return runfile.Engine{Name: "demo", Version: "1"} }

// Close has nothing to free.
func (engine) Close() error { return nil }

// Client says that there is no such thing.
func (engine) Client(context.Context, runner.Subject, func(harness.Result)) error {
	return errors.New("demo tests servers only")
}

// Server plays one case after another.
func (engine) Server(ctx context.Context, s runner.Subject, emit func(harness.Result)) error {
	for _, c := range s.Cases {
		emit(play(ctx, s.Address().String(), c))
	}
	return ctx.Err()
}

func play(ctx context.Context, url string, c cases.Case) harness.Result {
	r := harness.Result{Case: c.ID, Outcome: harness.Fail, Verdict: cases.Verdict{Behavior: cases.Failed, Close: cases.CloseFailed}}
	conn, err := ws.Dial(ctx, url, nil)
	if err != nil {
		r.Reason = err.Error()
		return r
	}
	defer conn.CloseNow()
	for _, step := range c.Steps() {
		frame, ok := step.(cases.Frame)
		if !ok || frame.Opcode != wsproto.OpText {
			continue
		}
		text := string(frame.Payload.Bytes())
		err := conn.WriteText(ctx, text)
		got := ""
		if err == nil {
			got, err = conn.ReadText(ctx)
		}
		if err != nil || got != text {
			r.Reason = "no echo"
			return r
		}
	}
	if conn.Close(ws.StatusNormalClosure, "") == nil {
		r.Outcome, r.Verdict = harness.Pass, cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}
	}
	return r
}
`

// affected are the commands that have to succeed when everything is added. {url} stands
// for a server that echoes, {bin} for the program with the additions.
var affected = [][]string{
	{"go", "vet", "./cases/...", "./fixtures/mutants", "./harness/internal/demo", "./harness/engine", "./reports"},
	{"go", "test", "-vet=off", "./internal/ledger", "-update"}, // accepts the coverage
	{"go", "test", "-vet=off", "-short", "./cases/...", "./fixtures/mutants"},
	{"go", "test", "-vet=off", "-short", "./harness/internal/native", "-run", "TestRFC|TestMutants", "-rfc.only", "M.1.99", "-mutants.only", "reserved-ignored"},
	{"go", "test", "-vet=off", "-short", "./reports", "-run", "Format"},
	{"go", "build", "-o", "{bin}", "./cmd/wsconform"},
	{"{bin}", "test", "--engine", "demo", "--cases", "1.1.2", "{url}", "-o", "played"},
}

func TestOnePlace(t *testing.T) {
	if testing.Short() {
		t.Skip("copies the source and builds it again")
	}
	// An engine is a folder and a row, a format a file and a row.
	promised := map[string]int{"a case": 1, "a step": 1, "a check": 1, "a mutant": 1, "an engine": 2, "a report format": 2}
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
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := ws.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for m, err := range conn.Messages(r.Context()) {
			if err != nil || conn.Write(r.Context(), m.Type, m.Data) != nil {
				return
			}
		}
	}))
	defer server.Close()
	words := strings.NewReplacer("{url}", "ws"+strings.TrimPrefix(server.URL, "http"), "{bin}", filepath.Join(dir, "bin", "wsconform"))
	for _, args := range affected {
		for i, w := range args {
			args[i] = words.Replace(w)
		}
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(args, " "), err, out)
		}
		t.Logf("%s: %.1f s", strings.Join(args, " "), time.Since(begun).Seconds())
	}
	run, err := runfile.Open(filepath.Join(dir, "played", "run.jsonl"))
	if err != nil || run.Header.Engine.Name != "demo" || run.State() != runfile.Complete || run.Counts()[harness.Pass] != 1 {
		t.Errorf("got %v and %v, want a complete run of one pass by the engine", err, run)
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
