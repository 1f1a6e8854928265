package reports

import (
	"io"

	"github.com/wsconform/wsconform/harness"
)

// What pages of other packages share with those of this one.

// StyleSheet is the style of all pages: colours, type, tables, and the classes
// p, l, f, u, o and n of the outcomes.
func StyleSheet() string { return style }

// WritePage writes the page of a run, with a link to the overview it belongs to.
func WritePage(w io.Writer, run *harness.Run, home string) error {
	return writePage(w, Input{Run: run}, home)
}

// WriteFile puts a file in place at once, with its folder.
func WriteFile(path string, write func(io.Writer) error) error { return writeFile(path, write) }

// Visible makes seen what a reader would not see, or would be misled by, and cuts
// what is longer than a page can show.
func Visible(s string) string { return short(s, maxText) }
