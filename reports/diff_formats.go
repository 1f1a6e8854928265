package reports

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

// A diffFormat is one way to write the difference between two runs.
type diffFormat struct {
	Name  string // on the command line
	Write func(io.Writer, RunDiff) error
}

// DiffFormats lists the formats.
var DiffFormats = []diffFormat{
	{"text", writeDiffText},
	{"markdown", writeDiffMarkdown},
	{"json", writeDiffJSON},
}

var changeWords = map[ChangeKind]string{
	regressed: "was good, now bad",
	gone:      "has no result now",
	changed:   "another outcome or signature, neither better nor worse",
	added:     "had no result before",
	fixed:     "was bad, now good",
}

// diffHeadline counts the changes in one line.
func diffHeadline(d RunDiff) string {
	var parts []string
	for _, kind := range ChangeKinds {
		if n := len(d.Of(kind)); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("%d the same", d.Same)), ", ")
}

// side says how a case went in one of the runs.
func side(r *harness.Result) string {
	switch {
	case r == nil:
		return "not run"
	case r.Outcome.Ran():
		return fmt.Sprintf("%s (%s)", r.Outcome, r.Signature())
	}
	return strings.TrimSuffix(fmt.Sprintf("%s: %s", r.Outcome, show.Text(r.Note)), ": ")
}

// caseTitle is the title of a case, if the catalogue knows it.
func caseTitle(id cases.ID) string {
	c, _ := catalogue.Find(id)
	return c.Title
}

// writeDiffText writes the difference for a terminal.
func writeDiffText(w io.Writer, d RunDiff) error {
	var b strings.Builder
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "note: %s\n", show.Text(note))
	}
	for _, kind := range ChangeKinds {
		list := d.Of(kind)
		if len(list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", kind, changeWords[kind])
		for _, c := range list {
			fmt.Fprintf(&b, "  %-9s %s\n", show.Name(string(c.Case)), caseTitle(c.Case))
			fmt.Fprintf(&b, "            %s -> %s\n", side(c.Old), side(c.New))
		}
	}
	fmt.Fprintln(&b, diffHeadline(d))
	_, err := io.WriteString(w, b.String())
	return err
}

// writeDiffMarkdown writes the difference as a table for CI or a comment.
func writeDiffMarkdown(w io.Writer, d RunDiff) error {
	var b strings.Builder
	fmt.Fprintf(&b, "## %s: %s\n\n", plain(summary.AgentName(d.New.Header.Agent)), diffHeadline(d))
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "> Not the same %s.\n\n", plain(show.Text(note)))
	}
	if len(d.Changes) > 0 {
		b.WriteString("| change | case | what is sent | before | now |\n|---|---|---|---|---|\n")
	}
	for i, c := range d.Changes {
		if i == maxListed {
			fmt.Fprintf(&b, "\nand %d more.\n", len(d.Changes)-maxListed)
			break
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", c.Kind, plain(show.Name(string(c.Case))), plain(caseTitle(c.Case)),
			plain(side(c.Old)), plain(side(c.New)))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// A diffJSON is what writeDiffJSON writes.
type diffJSON struct {
	Schema  int                `json:"schema"` // of the summary, 1
	Notes   []string           `json:"notes"`
	Counts  map[ChangeKind]int `json:"counts"`
	Same    int                `json:"same"`
	Changes []changeJSON       `json:"changes"`
}

// A changeJSON is one case that differs.
type changeJSON struct {
	Case  cases.ID   `json:"case"`
	Title string     `json:"title,omitempty"`
	Kind  ChangeKind `json:"kind"`
	Old   *sideJSON  `json:"old,omitempty"`
	New   *sideJSON  `json:"new,omitempty"`
}

// A sideJSON is how a case went in one of the runs.
type sideJSON struct {
	Outcome   harness.Outcome `json:"outcome"`
	Signature string          `json:"signature"`
	cases.Verdict
	Note string `json:"note,omitempty"`
}

// writeDiffJSON writes a [diffJSON].
func writeDiffJSON(w io.Writer, d RunDiff) error {
	out := diffJSON{Schema: 1, Notes: append([]string{}, d.Notes...), Counts: map[ChangeKind]int{}, Same: d.Same, Changes: []changeJSON{}}
	for _, c := range d.Changes {
		out.Counts[c.Kind]++
		out.Changes = append(out.Changes, changeJSON{c.Case, caseTitle(c.Case), c.Kind, sideSummary(c.Old), sideSummary(c.New)})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

func sideSummary(r *harness.Result) *sideJSON {
	if r == nil {
		return nil
	}
	return &sideJSON{r.Outcome, r.Signature(), r.Verdict, r.Note}
}
