package reports

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
)

// A Format is one way to write a run down.
type Format struct {
	Name    string // on the command line
	File    string // its name in the folder, or that of a folder of files
	About   string
	Extra   bool                              // only written when it is asked for
	Write   func(w io.Writer, in Input) error // nil if it is a folder
	WriteIn func(dir string, in Input) error  // nil if it is one file
}

// Formats lists the formats.
var Formats = []Format{
	{Name: "html", File: "index.html", About: "a page that needs nothing else", Write: WriteHTML},
	{Name: "junit", File: "junit.xml", About: "JUnit XML, a test each case", Write: WriteJUnit},
	{Name: "markdown", File: "summary.md", About: "a summary for CI, such as a GitHub step summary", Write: WriteMarkdown},
	{Name: "json", File: "summary.json", About: "all verdicts without their transcripts", Write: WriteJSON},
	{Name: "badge", File: "badge.svg", About: "a badge", Write: WriteBadge},
	{Name: "badge-json", File: "badge.json", About: "a badge, for an endpoint of shields.io", Write: WriteBadgeJSON},
	{Name: "annotations", File: "annotations.txt", About: "workflow commands of GitHub, to be printed in a job", Extra: true, Write: WriteAnnotations},
	{Name: "autobahn", File: "autobahn", About: "the folder that Autobahn writes: index.json, index.html, two files a case", Extra: true, WriteIn: WriteAutobahn},
}

// FormatNames lists the names of the formats.
func FormatNames() []string {
	var names []string
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return names
}

// FormatByName finds a format.
func FormatByName(name string) (Format, error) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, fmt.Errorf("reports: no format %q: there are %s", name, strings.Join(FormatNames(), ", "))
	}
	return Formats[i], nil
}

// Write writes the run into the folder, once for each format that is named; no
// name means all but the extra ones. A file that cannot be written whole is not
// written at all.
func Write(dir string, in Input, formats ...string) error {
	chosen, err := choose(formats)
	if err != nil {
		return err
	}
	for _, f := range chosen {
		path := filepath.Join(dir, f.File)
		if f.WriteIn != nil {
			err = f.WriteIn(path, in)
		} else {
			err = writeFile(path, func(w io.Writer) error { return f.Write(w, in) })
		}
		if err != nil {
			return fmt.Errorf("reports: %s: %w", f.Name, err)
		}
	}
	return nil
}

func choose(names []string) ([]Format, error) {
	var chosen []Format
	for _, f := range Formats {
		if len(names) == 0 && !f.Extra {
			chosen = append(chosen, f)
		}
	}
	for _, name := range names {
		f, err := FormatByName(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, f)
	}
	return chosen, nil
}

// WriteAutobahn writes the run as the folder that Autobahn leaves; see
// [AutobahnReport]. Its words know no expectations, and cases without a verdict
// are missing from it.
func WriteAutobahn(dir string, in Input) error {
	h := in.Run.Header
	report := AutobahnReport{
		Tool: h.Tool, Written: h.Started.Add(in.Run.Duration()),
		Results: map[string]map[cases.ID]harness.Result{h.Agent.Name: {}},
	}
	for _, id := range h.Selection.Selected {
		if c, ok := cases.Find(id); ok {
			report.List = append(report.List, c)
		}
	}
	for _, r := range in.Run.Results {
		report.Results[h.Agent.Name][r.Case] = r
	}
	return report.Write(dir)
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
