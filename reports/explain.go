package reports

import (
	"encoding/json"
	"io"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/internal/usercase"
	"github.com/wsconform/wsconform/reports/internal/casepage"
)

// Explain writes for a terminal all that is known of a case: what is sent, what is wanted
// and why, which bugs it finds, and who of the runs fails it.
func Explain(w io.Writer, c cases.Case, runs ...*runfile.Run) error {
	return casepage.WriteText(w, explained(c, runs))
}

// ExplainJSON writes the same as JSON.
func ExplainJSON(w io.Writer, c cases.Case, runs ...*runfile.Run) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(explanationOf(c, runs))
}

// An explanation is what [ExplainJSON] writes.
type explanation struct {
	casepage.Page
	// Scripts are raw scripts that do what the connections of the case do, one each.
	Scripts []string `json:"scripts"`
}

func explanationOf(c cases.Case, runs []*runfile.Run) explanation {
	out := explanation{Page: explained(c, runs), Scripts: []string{}}
	for i := range c.Conns {
		out.Scripts = append(out.Scripts, usercase.Script(c, i))
	}
	return out
}

func explained(c cases.Case, runs []*runfile.Run) casepage.Page {
	page := casepage.Of(c)
	var known casepage.Comparison
	for _, run := range runs {
		known.Add(run, "")
	}
	page.Failures, page.Compared = known.Failures[c.ID], known.Compared[c.ID]
	return page
}
