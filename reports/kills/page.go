// Package kills writes the kill matrix and the requirements without one, as a page and as JSON.
package kills

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/fixtures/mutants"
	"github.com/wsconform/wsconform/fixtures/mutants/gateway"
	"github.com/wsconform/wsconform/internal/atomicfile"
	"github.com/wsconform/wsconform/internal/coverage"
	"github.com/wsconform/wsconform/internal/ledger"
	"github.com/wsconform/wsconform/reports/internal/csp"
	"github.com/wsconform/wsconform/reports/internal/html"
)

var (
	//go:embed page.tmpl
	pageText string
	//go:embed page.css
	pageCSS string
)

var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page.tmpl").Funcs(template.FuncMap{"url": ledger.URL, "few": few}).Parse(pageText))
})

// Write writes kills.html, which links to the pages of the cases in the folder cases
// beside it, and kills.json.
func Write(dir string) error {
	for name, write := range map[string]func(io.Writer) error{"kills.html": writePage, "kills.json": WriteJSON} {
		if err := atomicfile.Write(filepath.Join(dir, name), write); err != nil {
			return fmt.Errorf("kills: %s: %w", name, err)
		}
	}
	return nil
}

// WriteJSON writes the sums and the rows of the kill matrix, and the requirements that
// no case kills for.
func WriteJSON(w io.Writer) error {
	type entry struct {
		ID    string         `json:"id"`
		Level ledger.Level   `json:"level"`
		State coverage.State `json:"state"`
	}
	out := struct {
		Sums         coverage.Matrix `json:"sums"`
		Requirements []entry         `json:"withoutKilling"`
		Rows         []mutants.Kill  `json:"rows"`
	}{Sums: coverage.Of(mutants.Kills()), Requirements: []entry{}, Rows: mutants.Kills()}
	for _, r := range coverage.Requirements() {
		if s := r.State(); s == coverage.Tested || s == coverage.Open {
			out.Requirements = append(out.Requirements, entry{r.ID, r.Level, s})
		}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(out)
}

// writePage writes the kill matrix and the ledger as a page without scripts.
func writePage(w io.Writer) error {
	list, style := coverage.Requirements(), html.StyleSheet()+pageCSS
	v := view{
		Style: template.CSS(style), Policy: csp.Policy(style, ""), Sums: coverage.Of(mutants.Kills()), Levels: coverage.Levels(list),
		States: []coverage.State{coverage.Killed, coverage.Tested, coverage.Open, coverage.Outside},
	}
	for _, k := range mutants.Kills() {
		if g, ok := gateway.Find(k.Mutant); ok && k.Role == "gateway" {
			v.Gateways = append(v.Gateways, row{k, g.Words})
			continue
		}
		m, _ := mutants.Find(k.Mutant)
		v.Rows = append(v.Rows, row{k, m.Title})
	}
	for _, r := range list {
		if s := r.State(); s == coverage.Tested || s == coverage.Open {
			v.Left = append(v.Left, r)
		}
	}
	slices.SortStableFunc(v.Left, func(a, b coverage.Requirement) int { return cmp.Compare(strictness(a.Level), strictness(b.Level)) })
	return pageTemplate().ExecuteTemplate(w, "page.tmpl", v)
}

// strictness is the place of a level, the strictest first.
func strictness(l ledger.Level) int {
	switch l {
	case ledger.Must, ledger.MustNot:
		return 0
	case ledger.Should, ledger.ShouldNot:
		return 1
	default:
		return 2
	}
}

// A view is what page.tmpl shows.
type view struct {
	Style  template.CSS
	Policy string
	Sums   coverage.Matrix
	Levels []coverage.Tally
	States []coverage.State
	Left   []coverage.Requirement // those without a killing
	Rows   []row

	Gateways []row
}

type row struct {
	mutants.Kill
	Title string
}

// Ours counts how many cases of the RFC suite kill it, and tells whether Autobahn's
// do.
func (r row) Ours() string {
	switch n := len(r.RFC); {
	case n == 0 && r.Native:
		return "Autobahn’s cases"
	case n == 0:
		return "none"
	case r.Native:
		return fmt.Sprintf("%d, and Autobahn’s cases", n)
	default:
		return fmt.Sprint(n)
	}
}

// few are the first of a list of ids.
func few(list []string) []cases.ID {
	const most = 6
	var ids []cases.ID
	for _, id := range list[:min(len(list), most)] {
		ids = append(ids, cases.ID(id))
	}
	return ids
}
