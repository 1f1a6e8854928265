package html

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/atomicfile"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// WriteSite writes a folder with one page for each run and index.html, which shows them
// side by side, section by section, with both halves of the verdict apart.
func WriteSite(dir string, list []summary.Input) error {
	runs := make([]*runfile.Run, len(list))
	for i, in := range list {
		runs[i] = in.Run
	}
	names := FileNames(runs, ".html")
	for i, in := range list {
		err := atomicfile.Write(filepath.Join(dir, names[i]), func(w io.Writer) error { return WritePage(w, in, "index.html") })
		if err != nil {
			return fmt.Errorf("reports: %s: %w", names[i], err)
		}
	}
	err := atomicfile.Write(filepath.Join(dir, ExchangeFile), func(w io.Writer) error { return WriteExchange(w, summary.Input{}) })
	if err != nil {
		return fmt.Errorf("reports: exchange: %w", err)
	}
	err = atomicfile.Write(filepath.Join(dir, "index.html"), func(w io.Writer) error { return writeIndex(w, list, names) })
	if err != nil {
		return fmt.Errorf("reports: index: %w", err)
	}
	return nil
}

// FileNames names a file for each run after its agent, role and engine. No two names are
// the same, even if case does not matter, and none is a path.
func FileNames(runs []*runfile.Run, ext string) []string {
	taken := map[string]bool{"index.html": true}
	names := make([]string, len(runs))
	for i, run := range runs {
		h := run.Header
		base := sanitize(h.Agent.Name + " " + h.Agent.Version)
		base += "-" + h.Agent.Role.String() + "-" + sanitize(h.Engine.Name)
		name := base + ext
		for n := 2; taken[name]; n++ {
			name = fmt.Sprintf("%s-%d%s", base, n, ext)
		}
		taken[name] = true
		names[i] = name
	}
	return names
}

// sanitize keeps what is safe in a file name on every system, in lower case.
func sanitize(s string) string {
	words := strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	name := strings.Join(words, "-")
	if name == "" {
		return "unnamed"
	}
	return strings.TrimRight(name[:min(len(name), 60)], "-")
}

// An index is what index.tmpl shows.
type index struct {
	frame
	Pages    string // where the pages about cases are, or ""
	Runs     []indexRun
	Sections []indexSection
}

type indexRun struct {
	summary.Summary
	File string
}

// An indexSection is a line of the comparison: one cell for each run.
type indexSection struct {
	ID, Title string
	Cells     []indexCell
}

// An indexCell is one section of one run. Total is 0 where it was not run.
type indexCell struct {
	File, Section    string
	Total            int
	Behavior, Close  []part
	BehaviorOK, Fine int  // cases whose half is neither failed nor missing
	OneGrade         bool // its cases have no closing half
}

// A part is a piece of a bar.
type part struct {
	Class       string
	Count       int
	From, Width float64 // percent
	Words       string
}

// X and W write the piece for SVG.
func (p part) X() string { return fmt.Sprintf("%.2f%%", p.From) }

// W is the width.
func (p part) W() string { return fmt.Sprintf("%.2f%%", p.Width) }

// Name names the agent of the run.
func (r indexRun) Name() string { return summary.AgentName(r.Header.Agent) }

// Engine names the engine of the run.
func (r indexRun) Engine() string { return summary.EngineName(r.Header.Engine) }

// Date is when the run began.
func (r indexRun) Date() string { return show.Date(r.Header.Started) }

// Of counts the cases with this outcome.
func (r indexRun) Of(outcome string) int { return r.Counts[harness.Outcome(outcome)] }

func writeIndex(w io.Writer, list []summary.Input, names []string) error {
	x := index{frame: newFrame()}
	titles := map[string]string{}
	for i, in := range list {
		r := indexRun{Summary: summary.Of(in), File: names[i]}
		x.Runs = append(x.Runs, r)
		x.Pages = in.Pages
		for _, sec := range r.Sections {
			titles[sec.ID] = sec.Title
		}
	}
	for id, title := range titles {
		line := indexSection{ID: id, Title: title}
		for _, r := range x.Runs {
			line.Cells = append(line.Cells, cellOf(r, id))
		}
		x.Sections = append(x.Sections, line)
	}
	slices.SortFunc(x.Sections, func(a, b indexSection) int {
		return cmp.Or(cases.ID(a.ID).Compare(cases.ID(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return pages().ExecuteTemplate(w, "index.tmpl", x)
}

func cellOf(r indexRun, id string) indexCell {
	cell := indexCell{File: r.File, Section: id}
	i := slices.IndexFunc(r.Sections, func(s summary.Section) bool { return s.ID == id })
	if i < 0 {
		return cell
	}
	sec := r.Sections[i]
	cell.Total = len(sec.Rows)
	cell.BehaviorOK = cell.Total - sec.Missing() - sec.Behavior[cases.Failed]
	cell.Fine = cell.Total - sec.Missing() - sec.Close[cases.CloseFailed] - sec.Close[cases.CloseUnclean]
	cell.OneGrade = sec.OneGrade()
	cell.Behavior = parts(summary.Behaviors, sec.Behavior, behaviorClass, cell.Total)
	cell.Close = parts(summary.Closes, sec.Close, closeClass, cell.Total)
	return cell
}

func parts[K ~string](order []K, counts map[K]int, class func(K) string, total int) []part {
	var list []part
	from := 0.0
	for _, k := range order {
		n := counts[k]
		if n == 0 {
			continue
		}
		width := 100 * float64(n) / float64(total)
		list = append(list, part{Class: class(k), Count: n, From: from, Width: width, Words: fmt.Sprintf("%d %s", n, k)})
		from += width
	}
	return list
}

// URL is the page of the run, at the section.
func (c indexCell) URL() template.URL {
	return template.URL(c.File + "#section=" + template.URLQueryEscaper(c.Section))
}

// Words says what the bars show.
func (c indexCell) Words() string {
	words := func(list []part) string {
		var out []string
		for _, p := range list {
			out = append(out, p.Words)
		}
		if len(out) == 0 {
			return "no verdict"
		}
		return strings.Join(out, ", ")
	}
	if c.OneGrade {
		return words(c.Behavior)
	}
	return "behavior " + words(c.Behavior) + "; close " + words(c.Close)
}
