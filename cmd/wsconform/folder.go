package main

import (
	"os"
	"path/filepath"
)

// The index.html of a folder is the report of a run, or a comparison. A command that would
// replace one by the other is refused.

// noRunIn refuses a folder that has the run and the report of wsconform test.
func noRunIn(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, "run.jsonl")); err == nil {
		return usagef("%s has a run of wsconform test, whose index.html a comparison would replace; choose another folder with -o", dir)
	}
	return nil
}

// noComparisonIn refuses a folder that has the rows and the page of wsconform compare.
func noComparisonIn(dir string) error {
	rows, _ := filepath.Glob(filepath.Join(dir, "runs", "*.jsonl"))
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err == nil && len(rows) > 0 {
		return usagef("%s has a comparison, whose index.html the report of a run would replace; choose another folder with -o", dir)
	}
	return nil
}
