package reports

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/wsconform/wsconform/harness"
)

// A Format is one way to write a run down.
type Format struct {
	Name  string // on the command line
	File  string // its name in the folder
	Write func(io.Writer, *harness.Run) error
}

// Formats lists the formats.
var Formats = []Format{
	{"html", "index.html", WriteHTML},
	{"junit", "junit.xml", WriteJUnit},
	{"markdown", "summary.md", WriteMarkdown},
	{"json", "summary.json", WriteJSON},
	{"badge", "badge.svg", WriteBadge},
	{"badge-json", "badge.json", WriteBadgeJSON},
}

// Write writes the run into the folder, once for each format that is named; no
// name means all. A file that cannot be written whole is not written at all.
func Write(dir string, run *harness.Run, formats ...string) error {
	chosen, err := choose(formats)
	if err != nil {
		return err
	}
	for _, f := range chosen {
		err := writeFile(filepath.Join(dir, f.File), func(w io.Writer) error { return f.Write(w, run) })
		if err != nil {
			return fmt.Errorf("reports: %s: %w", f.Name, err)
		}
	}
	return nil
}

func choose(names []string) ([]Format, error) {
	if len(names) == 0 {
		return Formats, nil
	}
	var chosen []Format
	var known []string
	for _, f := range Formats {
		known = append(known, f.Name)
	}
next:
	for _, name := range names {
		for _, f := range Formats {
			if f.Name == name {
				chosen = append(chosen, f)
				continue next
			}
		}
		return nil, fmt.Errorf("reports: no format %q: there are %s", name, strings.Join(known, ", "))
	}
	return chosen, nil
}

// writeFile puts a file in place at once, with its folder: a reader never sees
// half of it, and a full disk leaves an older one as it was.
func writeFile(path string, write func(io.Writer) error) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".wsconform-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	bw := bufio.NewWriter(f)
	if err := write(bw); err != nil {
		return err
	}
	if err := bw.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
