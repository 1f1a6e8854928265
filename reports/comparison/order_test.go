package comparison_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// took matches how long something took, such as the run.
var took = regexp.MustCompile(`[0-9.]+ (µs|ms|s)\b|"seconds":"[^"]*"`)

// Cases end in another order in each run. The same verdicts give the same site, also of an
// agent with failures.
func TestOrderOfResults(t *testing.T) {
	results := []harness.Result{
		result("3.2", cases.NonStrict, cases.CloseWrongCode, transcript.Transcript{RemoteClose: true, RemoteCode: 1000}),
		result("7.3.1", cases.Failed, cases.CloseUnclean, transcript.Transcript{}),
		result("1.1.1", cases.OK, cases.CloseFailed, transcript.Transcript{}),
		{Case: "5.1", Outcome: harness.Crash, Note: "it ended"},
		{Case: "2.1", Outcome: harness.Timeout, Note: "no answer"},
		result("12.1.2", cases.Failed, cases.CloseOK, transcript.Transcript{}),
		result("12.1.1", cases.OK, cases.CloseOK, transcript.Transcript{Deflate: true}),
	}
	site := func(list []harness.Result) map[string]string {
		a := run("x", "native", list...)
		slices.Sort(a.Header.Selection.Selected)
		written := write(t, a)
		files := map[string]string{}
		err := fs.WalkDir(os.DirFS(written.dir), ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(os.DirFS(written.dir), path)
			files[path] = took.ReplaceAllString(string(text), "")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	want := site(results)
	backwards := slices.Clone(results)
	slices.Reverse(backwards)
	got := site(backwards)
	if len(want) < 3 || len(got) != len(want) {
		t.Fatalf("%d and %d files", len(want), len(got))
	}
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s depends on the order of the results", path)
		}
	}
}
