package reports

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/atomicfile"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/autobahn"
	"github.com/wsconform/wsconform/reports/internal/casepage"
	"github.com/wsconform/wsconform/reports/internal/html"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// An Input is what a report is made of: a run, and what was decided about it.
type Input = summary.Input

// A Format is one way to write a run down.
type Format struct {
	Name    string // on the command line
	File    string // its name in the folder; a folder has WriteIn
	About   string
	Extra   bool                              // written only on request
	Write   func(w io.Writer, in Input) error // nil if it is a folder
	WriteIn func(dir string, in Input) error  // nil if it is one file
}

// Formats lists every format. This is the only place to add one.
var Formats = []Format{
	{Name: "html", File: "index.html", About: "a page in one file", Write: html.Write},
	{Name: "junit", File: "junit.xml", About: "JUnit XML, one test for each case", Write: writeJUnit},
	{Name: "markdown", File: "summary.md", About: "a summary for CI, such as a GitHub step summary", Write: writeMarkdown},
	{Name: "json", File: "summary.json", About: "all verdicts without their transcripts", Write: WriteJSON},
	{Name: "badge", File: "badge.svg", About: "a badge", Write: writeBadge},
	{Name: "badge-json", File: "badge.json", About: "a badge for the endpoint of shields.io", Write: writeBadgeJSON},
	{Name: "cases", File: "cases", About: "a page about each case: what is sent and wanted, and why", WriteIn: writeCases},
	{Name: "exchange", File: html.ExchangeFile, About: "a page that shows an exchange from its address, for links", Write: html.WriteExchange},
	{Name: "annotations", File: "annotations.txt", About: "GitHub workflow commands, to print in a job", Extra: true, Write: writeAnnotations},
	{Name: "autobahn", File: "autobahn", About: "the folder that Autobahn writes: index.json, index.html, two files for each case", Extra: true, WriteIn: autobahn.Write},
}

// FormatNames lists the names of the formats.
func FormatNames() []string {
	var names []string
	for _, f := range Formats {
		names = append(names, f.Name)
	}
	return names
}

// FormatByName returns the format with the name. The error of an unknown name lists
// those that there are.
func FormatByName(name string) (Format, error) {
	i := slices.IndexFunc(Formats, func(f Format) bool { return f.Name == name })
	if i < 0 {
		return Format{}, fmt.Errorf("reports: no format %q: there are %s", name, strings.Join(FormatNames(), ", "))
	}
	return Formats[i], nil
}

// Write writes the run into the folder in each format that is named. Without names it
// writes all formats but the extra ones. A file that cannot be written whole is not
// written at all.
func Write(dir string, in Input, formats ...string) error {
	chosen, err := choose(formats)
	if err != nil {
		return err
	}
	has := func(name string) bool {
		return slices.ContainsFunc(chosen, func(f Format) bool { return f.Name == name })
	}
	if in.Pages == "" && has("cases") {
		in.Pages = "cases/"
	}
	if in.Exchange == "" && has("exchange") {
		in.Exchange = html.ExchangeFile
	}
	for _, f := range chosen {
		path := filepath.Join(dir, f.File)
		if f.WriteIn != nil {
			err = f.WriteIn(path, in)
		} else {
			err = atomicfile.Write(path, func(w io.Writer) error { return f.Write(w, in) })
		}
		if err != nil {
			return fmt.Errorf("reports: %s: %w", f.Name, err)
		}
	}
	return nil
}

// writeCases writes the pages of the cases of the run.
func writeCases(dir string, in Input) error {
	return casepage.Write(dir, casepage.Played(in.Run), nil)
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

// WriteSite writes a folder with one page for each run and index.html, which sets them
// side by side, section by section, and a page for each case in the folder cases, which
// says who of them does not pass it.
func WriteSite(dir string, list []Input) error {
	list = slices.Clone(list)
	runs := make([]*runfile.Run, len(list))
	for i := range list {
		runs[i] = list[i].Run
		list[i].Pages = cmp.Or(list[i].Pages, "cases/")
		list[i].Exchange = html.ExchangeFile
	}
	var known casepage.Comparison
	for i, name := range html.FileNames(runs, ".html") {
		known.Add(runs[i], "../"+name)
	}
	if err := casepage.Write(filepath.Join(dir, "cases"), casepage.Played(runs...), &known); err != nil {
		return err
	}
	return html.WriteSite(dir, list)
}

// RunFileNames names a run file for each of the runs, as [WriteSite] names its pages: no
// two are the same, and none is a path.
func RunFileNames(runs []*runfile.Run) []string { return html.FileNames(runs, ".jsonl") }

// Visible makes seen what a reader would not see, or would be misled by, and cuts what is
// longer than a line of a report.
func Visible(s string) string { return show.Text(s) }

// CaseJSON returns what pages show of the result of a case, for [CaseScript].
func CaseJSON(run *runfile.Run, id cases.ID) ([]byte, error) { return html.CaseJSON(run, id) }

// CaseScript is the script that shows what [CaseJSON] returns, [StyleSheet] the style of all
// pages.
func CaseScript() string { return html.CaseScript() }

// StyleSheet is the style of all pages.
func StyleSheet() string { return html.StyleSheet() }
