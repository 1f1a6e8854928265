// Package examination writes the page about an address that was examined.
package examination

import (
	_ "embed"
	"html/template"
	"io"

	"github.com/wsconform/wsconform/internal/doctor"
	"github.com/wsconform/wsconform/reports/internal/csp"
	"github.com/wsconform/wsconform/reports/internal/html"
)

//go:embed page.tmpl
var text string

//go:embed page.css
var css string

// classes are those of the style sheet for the states.
var classes = map[doctor.State]string{doctor.OK: "p", doctor.Note: "o", doctor.Warning: "l", doctor.Fault: "f"}

// WritePage writes a page without scripts. What the server said is escaped.
func WritePage(w io.Writer, r *doctor.Report) error {
	style := html.StyleSheet() + css
	page, err := template.New("").Funcs(template.FuncMap{
		"class": func(s doctor.State) string { return classes[s] },
	}).Parse(text)
	if err != nil {
		return err
	}
	return page.Execute(w, struct {
		*doctor.Report
		Style  template.CSS
		Policy string
	}{r, template.CSS(style), csp.Policy(style, "")}) //nolint:gosec // our own style
}
