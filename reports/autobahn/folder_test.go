package autobahn_test

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/pattern"
	"github.com/wsconform/wsconform/reports/autobahn"
)

// readFolder returns the files of a folder.
func readFolder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

// TestFolder writes the cases one by one, some of them wrong at first, and a report
// at the end: the files are those of the report written at once.
func TestFolder(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir string, f *autobahn.Folder, r *autobahn.Report) // before the report
	}{
		{"nothing", nil},
		{"a case was played before", func(t *testing.T, _ string, f *autobahn.Folder, r *autobahn.Report) {
			t.Helper()
			old := r.Results["client"]["6.4.1"]
			tr := *old.Transcript
			tr.Started = tr.Started.Add(time.Second)
			old.Transcript = &tr
			if err := f.Add(r, "client", old); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file is gone", func(t *testing.T, dir string, _ *autobahn.Folder, _ *autobahn.Report) {
			t.Helper()
			if err := os.Remove(filepath.Join(dir, "client_case_6_4_1.html")); err != nil {
				t.Fatal(err)
			}
		}},
		{"an agent of the same name in files", func(t *testing.T, _ string, f *autobahn.Folder, r *autobahn.Report) {
			t.Helper()
			r.Results["Client"] = maps.Clone(r.Results["client"])
			for _, res := range r.Results["Client"] {
				if err := f.Add(r, "Client", res); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"a case is missing in the end", func(_ *testing.T, _ string, _ *autobahn.Folder, r *autobahn.Report) {
			r.Results["client"]["7.5.1"] = harness.Result{Case: "7.5.1", Outcome: harness.NotRun}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newReport(t)
			dir := t.TempDir()
			f := &autobahn.Folder{Dir: dir}
			for agent, results := range r.Results {
				for _, res := range results {
					if err := f.Add(r, agent, res); err != nil {
						t.Fatal(err)
					}
				}
			}
			early := readFolder(t, dir)
			if _, ok := early["client_case_6_4_1.json"]; !ok || early["index.json"] != "" {
				t.Errorf("before the report: got %d files, want those of the cases and no index", len(early))
			}
			if tc.spoil != nil {
				tc.spoil(t, dir, f, r)
			}
			if err := f.Write(r); err != nil {
				t.Fatal(err)
			}
			whole := t.TempDir()
			if err := r.Write(whole); err != nil {
				t.Fatal(err)
			}
			got, want := readFolder(t, dir), readFolder(t, whole)
			for name, text := range want {
				if got[name] != text {
					t.Errorf("%s: got\n%s\nwant\n%s", name, got[name], text)
				}
			}
		})
	}
}

// TestFolderWritesOnce looks whether the report leaves alone what is as it should be.
func TestFolderWritesOnce(t *testing.T) {
	r := newReport(t)
	r.List = nil
	for id := range r.Results["client"] {
		c, _ := catalogue.Find(id)
		r.List = append(r.List, c)
	}
	r.List, _ = pattern.Select(r.List, []string{"*"}, nil) // in order
	r.Results = map[string]map[cases.ID]harness.Result{"client": r.Results["client"]}
	dir := t.TempDir()
	f := &autobahn.Folder{Dir: dir}
	for _, res := range r.Results["client"] {
		if err := f.Add(r, "client", res); err != nil {
			t.Fatal(err)
		}
	}
	marked := filepath.Join(dir, "client_case_6_4_1.html")
	if err := os.WriteFile(marked, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(r); err != nil {
		t.Fatal(err)
	}
	if got := readFolder(t, dir)["client_case_6_4_1.html"]; got != "as it was" {
		t.Errorf("a file that was right was written again: %.60q", got)
	}
}
