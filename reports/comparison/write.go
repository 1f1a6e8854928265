package comparison

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/cases/catalogue"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/agentfile"
	"github.com/wsconform/wsconform/internal/atomicfile"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/casepage"
	"github.com/wsconform/wsconform/reports/internal/csp"
	"github.com/wsconform/wsconform/reports/internal/html"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
	"github.com/wsconform/wsconform/reports/kills"
)

//go:embed site
var assets embed.FS

// parts are what every page of the site has.
var parts = sync.OnceValue(func() (p struct {
	style, script string
	page          *template.Template
},
) {
	p.style = html.StyleSheet() + asset("style.css")
	p.script = asset("data.js") + asset("views.js") + asset("page.js")
	p.page = template.Must(template.ParseFS(assets, "site/page.tmpl"))
	return p
})

func asset(name string) string {
	p, err := assets.ReadFile("site/" + name)
	if err != nil {
		panic(err) //nolint:forbidigo // embedded: cannot be missing
	}
	return string(p)
}

// Write writes the site of the run files into the folder: index.html, and a page
// for each run in runs. Failures are explained by the findings of the agents,
// which may be other agents than those of the runs. One run at a time is in
// memory.
func Write(dir string, files []string, list []agentfile.Agent) (Summary, error) {
	s, err := read(dir, files, list)
	if err != nil {
		return Summary{}, err
	}
	if err := s.writeCases(dir); err != nil {
		return Summary{}, err
	}
	exchange := func(w io.Writer) error { return html.WriteExchange(w, summary.Input{}) }
	if err := atomicfile.Write(filepath.Join(dir, html.ExchangeFile), exchange); err != nil {
		return Summary{}, fmt.Errorf("comparison: %w", err)
	}
	if err := atomicfile.Write(filepath.Join(dir, "index.html"), s.write); err != nil {
		return Summary{}, fmt.Errorf("comparison: %w", err)
	}
	return s.summary(), nil
}

// read reads the run files, writes the page of each, and keeps what the overview shows.
func read(dir string, files []string, list []agentfile.Agent) (*site, error) {
	if len(files) == 0 {
		return nil, errors.New("comparison: no run file")
	}
	s := newSite()
	var err error
	if s.findings, err = findingsOf(list); err != nil {
		return nil, fmt.Errorf("comparison: %w", err)
	}
	for _, file := range slices.Sorted(slices.Values(files)) {
		run, err := runfile.Open(file)
		if err != nil {
			return nil, err
		}
		// They stand in the order in which they ended. The same verdicts give the same pages.
		slices.SortStableFunc(run.Results, func(a, b harness.Result) int { return a.Case.Compare(b.Case) })
		if err := s.add(dir, run); err != nil {
			return nil, fmt.Errorf("comparison: %s: %w", file, err)
		}
	}
	s.finish()
	return s, nil
}

// A site is what index.html shows, as it stands in the page.
type site struct {
	Sections []chapter `json:"sections"`
	Cases    []caseOf  `json:"cases"`
	Reasons  []string  `json:"reasons"` // texts that rows refer to by their index
	Rows     []*row    `json:"rows"`
	Pairs    []pair    `json:"pairs"`
	Engine   string    `json:"engine"` // the default one, which needs no mention

	index    map[cases.ID]int
	reasons  map[string]int
	taken    map[string]bool       // file names and ids of rows
	findings map[string][]*finding // by folder
}

type chapter struct {
	ID    string `json:"id"`
	Title string `json:"title"`
}

type caseOf struct {
	ID     cases.ID    `json:"id"`
	Title  string      `json:"title"`
	Expect string      `json:"expect"`
	RFC    []string    `json:"rfc"`
	Suite  cases.Suite `json:"suite"`
	Level  string      `json:"level,omitempty"` // of a case of one grade
}

func newSite() *site {
	s := &site{Engine: runfile.DefaultEngine, index: map[cases.ID]int{}, reasons: map[string]int{}, taken: map[string]bool{}}
	for _, sec := range catalogue.Sections() {
		s.Sections = append(s.Sections, chapter{sec.ID, sec.Title})
	}
	for i, c := range catalogue.All() {
		s.index[c.ID] = i
		one := caseOf{ID: c.ID, Title: c.Title, Expect: c.Expect, RFC: c.RFC, Suite: c.Suite}
		if c.Suite != cases.Autobahn {
			one.Level = c.Level.String()
		}
		s.Cases = append(s.Cases, one)
	}
	return s
}

// reason returns the index of a text.
func (s *site) reason(text string) int {
	text = show.Text(text)
	i, known := s.reasons[text]
	if !known {
		i = len(s.Reasons)
		s.reasons[text] = i
		s.Reasons = append(s.Reasons, text)
	}
	return i
}

func (s *site) add(dir string, run *runfile.Run) error {
	id := s.name(run.Header)
	r := s.rowOf(id, run)
	s.Rows = append(s.Rows, r)
	if len(run.Results) == 0 {
		return nil // there is nothing to see
	}
	r.Page = "runs/" + id + ".html"
	return atomicfile.Write(filepath.Join(dir, "runs", id+".html"), func(w io.Writer) error {
		return html.WritePage(w, summary.Input{Run: run, Pages: "../cases/", Exchange: "../" + html.ExchangeFile}, "../index.html")
	})
}

// name is a name for the row that no other has, fit for a file and a link.
func (s *site) name(h runfile.Header) string {
	words := []string{h.Agent.Name}
	if h.Agent.About != nil {
		words = []string{h.Agent.About.Folder}
	}
	words = append(words, h.Agent.Role.String(), h.Engine.Name)
	var parts []string
	for _, w := range words {
		parts = append(parts, strings.FieldsFunc(strings.ToLower(w), func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9')
		})...)
	}
	base := strings.Join(parts, "-")
	base = base[:min(len(base), 80)]
	name := base
	for n := 2; s.taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	s.taken[name] = true
	return name
}

// finish sorts the rows and finds the pairs.
func (s *site) finish() {
	slices.SortStableFunc(s.Rows, func(a, b *row) int {
		return strings.Compare(a.Language+"\x00"+a.Folder+"\x00"+a.Role+"\x00"+a.Engine, b.Language+"\x00"+b.Folder+"\x00"+b.Role+"\x00"+b.Engine)
	})
	for i, j := range runfile.Pairs(s.Rows, func(r *row) runfile.Header { return r.run.Header }) {
		if len(s.Rows[i].run.Results) > 0 && len(s.Rows[j].run.Results) > 0 {
			s.Pairs = append(s.Pairs, s.pairOf(i, j))
		}
	}
}

// A pair is the same agent under two engines.
type pair struct {
	Row       int        `json:"row"`       // index of the one
	Reference int        `json:"reference"` // and of that of a reference engine
	Agree     int        `json:"agree"`
	Differ    []differOf `json:"differ"`
}

type differOf struct {
	Case int    `json:"case"`
	Race string `json:"race,omitempty"` // why it may come out either way
}

func (s *site) pairOf(i, j int) pair {
	differ, agree := runfile.Parity(s.Rows[i].run, s.Rows[j].run)
	p := pair{Row: i, Reference: j, Agree: agree, Differ: []differOf{}}
	for _, d := range differ {
		if n, known := s.index[d.Case]; known {
			p.Differ = append(p.Differ, differOf{n, d.Race})
		}
	}
	return p
}

func (s *site) write(w io.Writer) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	p := parts()
	return p.page.Execute(w, map[string]any{
		"Style": template.CSS(p.style), "Script": template.JS(p.script), "Data": template.JS(data),
		"Policy": csp.Policy(p.style, p.script),
	})
}

// writeCases writes a page for each case, and the kill matrix.
func (s *site) writeCases(dir string) error {
	var known casepage.Comparison
	var runs []*runfile.Run
	for _, r := range s.Rows {
		page := ""
		if r.Page != "" {
			page = "../" + r.Page
		}
		known.Add(r.run, page)
		runs = append(runs, r.run)
	}
	if err := casepage.Write(filepath.Join(dir, "cases"), casepage.Played(runs...), &known); err != nil {
		return err
	}
	return kills.Write(dir)
}
