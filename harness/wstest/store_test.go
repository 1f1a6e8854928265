package wstest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/transcript"
)

// A folder with the report of an earlier run keeps it whole until ours takes its place; an
// empty one gets the files of each case as it ends.
func TestOldReportStays(t *testing.T) {
	for _, old := range []bool{true, false} {
		dir := t.TempDir()
		if old {
			if err := os.WriteFile(filepath.Join(dir, "index.json"), []byte("{}"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c, _ := catalogue.Find("1.1.1")
		s, err := new(command).newStore(dir, []cases.Case{c})
		if err != nil {
			t.Fatal(err)
		}
		s.add("a", harness.Result{Case: c.ID, Outcome: harness.Pass, Verdict: cases.Verdict{Behavior: cases.OK, Close: cases.CloseOK}, Transcript: &transcript.Transcript{}})
		s.close()
		files, err := filepath.Glob(filepath.Join(dir, "a_case_*"))
		if err != nil {
			t.Fatal(err)
		}
		if begun := len(files)+len(s.pending) > 0; begun == old {
			t.Errorf("an old report %t: files %v, %d to be written; want the old report untouched", old, files, len(s.pending))
		}
	}
}
