// Package html writes a run as a page that needs nothing else, and several runs as a
// site with an overview. Start at [Write] and [WriteSite].
package html

import (
	"cmp"
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wsconform/wsconform/cases"
	"github.com/wsconform/wsconform/harness"
	"github.com/wsconform/wsconform/internal/runfile"
	"github.com/wsconform/wsconform/reports/internal/csp"
	"github.com/wsconform/wsconform/reports/internal/show"
	"github.com/wsconform/wsconform/reports/internal/summary"
)

//go:embed *.tmpl
var assets embed.FS

var (
	//go:embed style.css
	style string
	//go:embed exchange.js
	exchange string // how a case is shown
	//go:embed page.js
	rows   string // the rest of the page of a run
	script = exchange + rows
	//go:embed link.js
	link string // shows the exchange of an address
)

// pages are the templates. Parsing them takes longer than most commands.
var pages = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"class": class, "behaviorClass": behaviorClass, "closeClass": closeClass,
		"tone": tone, "mark": markOf, "words": markWords,
		"visible": show.Visible, "seconds": show.Seconds, "grouped": show.Grouped, "code": closeCode,
		"text": show.Text, "brief": show.Name,
	}).ParseFS(assets, "*.tmpl"))
})

// maxSize bounds the page of a run, in bytes. Wire logs are cut until the page fits, those
// of cases that passed first.
const maxSize = 1_900_000

// maxCards bounds the failures shown at the top of the page. The table has them all.
const maxCards = 20

// Write writes the run as one page that needs no network and no other file. Style and
// script are part of it, under a policy that names their hashes: nothing that a peer has
// sent can run, even if it got past the escaping.
func Write(w io.Writer, in summary.Input) error {
	return WritePage(w, in, "")
}

// WritePage is [Write] with a link to home, the overview that the page belongs to. An
// empty home means no link.
func WritePage(w io.Writer, in summary.Input, home string) error {
	s := summary.Of(in)
	p := page{frame: newFrame(), Summary: s, Home: home}
	p.Data = "{}"
	size, err := p.size()
	if err != nil {
		return err
	}
	data, err := detailsWithin(s, maxSize-size)
	if err != nil {
		return err
	}
	p.Data = template.JS(data)
	return pages().ExecuteTemplate(w, "page.tmpl", p)
}

// A frame is what every page has.
type frame struct {
	Style  template.CSS
	Script template.JS
	Policy string
}

// StyleSheet is the style of all pages: colours, type, tables, and the classes p, l, f,
// u, o and n of the outcomes.
func StyleSheet() string { return style }

// ExchangeFile is what the page of [WriteExchange] is called.
const ExchangeFile = "exchange.html"

// WriteExchange writes the page that shows an exchange from its address. It is the same for
// every run.
func WriteExchange(w io.Writer, _ summary.Input) error {
	all := exchange + link
	return pages().ExecuteTemplate(w, "exchange.tmpl", frame{Style: template.CSS(style), Script: template.JS(all), Policy: csp.Policy(style, all)})
}

// CaseScript is the script that shows what happened in a case, for other pages.
func CaseScript() string { return exchange }

func newFrame() frame {
	return frame{
		Style: template.CSS(style), Script: template.JS(script),
		Policy: csp.Policy(style, script),
	}
}

// A page is what page.tmpl shows.
type page struct {
	frame
	summary.Summary
	Home string
	Data template.JS
}

func (p page) size() (int, error) {
	var n counter
	err := pages().ExecuteTemplate(&n, "page.tmpl", p)
	return int(n), err
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Agent names the agent.
func (p page) Agent() string { return summary.AgentName(p.Header.Agent) }

// Engine names the engine.
func (p page) Engine() string { return summary.EngineName(p.Header.Engine) }

// Date is when the run began.
func (p page) Date() string { return show.Date(p.Header.Started) }

// Stamp is the date for machines.
func (p page) Stamp() string { return p.Header.Started.UTC().Format(time.RFC3339) }

// A markTile counts the cases that the expectations put into one group.
type markTile struct {
	Name, Class string
	Count       int
}

// The marks that the page can filter by.
const (
	asExpected  = "as-expected"
	notExpected = "not-as-expected"
)

// Marks counts the cases that fail as expected, and those that are not as expected.
func (p page) Marks() []markTile {
	if !p.Expecting() {
		return nil
	}
	var list []markTile
	if n := p.Standings(summary.Bad); n > 0 {
		list = append(list, markTile{notExpected, "f", n})
	}
	if n := p.Standings(summary.Excused); n > 0 {
		list = append(list, markTile{asExpected, "x", n})
	}
	return list
}

// markOf is the mark of the row, for the filter.
func markOf(r summary.Row) string {
	switch {
	case r.Entry == nil && r.Broken == "":
	case r.Standing == summary.Bad:
		return notExpected
	case r.Standing == summary.Excused:
		return asExpected
	}
	return ""
}

// SuiteFrom names the suite that begins with the section, where the page shows two:
// both have a section about framing.
func (p page) SuiteFrom(sec summary.Section) string {
	suite := sec.Rows[0].Def.Suite
	names := map[cases.Suite]string{cases.Autobahn: "The Autobahn testsuite's cases", cases.RFC: "The RFC suite", cases.User: "Your own cases"}
	if p.Sections[0].Rows[0].Def.Suite == p.Sections[len(p.Sections)-1].Rows[0].Def.Suite {
		return ""
	}
	first := slices.IndexFunc(p.Sections, func(s summary.Section) bool { return s.Rows[0].Def.Suite == suite })
	if p.Sections[first].ID != sec.ID {
		return ""
	}
	return names[suite]
}

func markWords(mark any) string { return strings.ReplaceAll(fmt.Sprint(mark), "-", " ") }

// tone is the style class of a row: that of its outcome, unless the expectations say
// otherwise.
func tone(r summary.Row) string {
	switch r.Standing {
	case summary.Bad:
		return "f"
	case summary.Excused:
		return "x"
	default:
		return class(r.Outcome)
	}
}

// A card shows similar failures: the same section, rules and signature. It shows the first
// and names the others.
type card struct {
	First  summary.Row
	Others []summary.Row // those that it names
	More   int           // how many more there are
}

// Cards lists the failures that the top of the page shows.
func (p page) Cards() []card {
	list := p.allCards()
	return list[:min(len(list), maxCards)]
}

// Unlisted counts the failures that have no card.
func (p page) Unlisted() int {
	list := p.allCards()
	n := 0
	for _, c := range list[min(len(list), maxCards):] {
		n += 1 + len(c.Others) + c.More
	}
	return n
}

func (p page) allCards() []card {
	var list []card
	index := map[string]int{}
	for _, r := range p.Problems() {
		key := fmt.Sprintf("%d %s %q %q %q", r.Standing, r.Mark, r.Signature(), r.Case.Section(), r.Def.RFC)
		i, known := index[key]
		switch {
		case !known:
			index[key] = len(list)
			list = append(list, card{First: r})
		case len(list[i].Others) < maxOthers:
			list[i].Others = append(list[i].Others, r)
		default:
			list[i].More++
		}
	}
	return list
}

// maxOthers bounds the failures that a card names besides its own.
const maxOthers = 200

// A bar is one case of the chart of durations.
type bar struct {
	summary.Row
	Percent float64 // of the longest
}

// Slowest lists the cases that took longest.
func (p page) Slowest() []bar {
	rows := slices.Clone(p.Rows)
	slices.SortStableFunc(rows, func(a, b summary.Row) int { return cmp.Compare(b.Duration, a.Duration) })
	var list []bar
	for _, r := range rows[:min(len(rows), 15)] {
		if r.Duration <= 0 {
			break
		}
		share := 100 * float64(r.Duration) / float64(rows[0].Duration)
		list = append(list, bar{r, max(share, 0.3)})
	}
	return list
}

// Share writes the percentage for SVG.
func (b bar) Share() string { return fmt.Sprintf("%.2f%%", b.Percent) }

// Repeat is the command that plays the case again.
func (p page) Repeat(r summary.Row) string { return show.Repeat(p.Header, r.Case) }

// A fact is one line of the provenance.
type fact struct{ Name, Value string }

// Facts lists what was run, by what, against what, and where.
func (p page) Facts() []fact {
	h := p.Header
	var facts []fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, show.Text(value)})
		}
	}
	add("Agent", strings.TrimSpace(h.Agent.Name+" "+h.Agent.Version))
	add("Role", h.Agent.Role.String())
	add("URL", h.Agent.URL)
	if h.Peer != nil {
		add("Levels", h.Peer.String())
	}
	var words []string
	for _, w := range h.Agent.Command {
		words = append(words, runfile.ShellWord(w))
	}
	add("Command", strings.Join(words, " "))
	add("Engine", strings.TrimSpace(h.Engine.Name+" "+h.Engine.Version))
	add("Image", h.Engine.Image)
	add("Digest", h.Engine.Digest)
	add("Packages", pairs(h.Engine.Packages))
	add("Tool", h.Tool)
	add("Selection", strings.Join(h.Selection.Cases, " "))
	add("Excluded", strings.Join(h.Selection.Exclude, " "))
	add("Selected", show.Plural(len(h.Selection.Selected), "case", "cases"))
	add("Catalogue", h.Selection.Catalogue)
	add("Started", p.Stamp())
	add("Duration", show.Seconds(p.Run.Duration()))
	add("State", string(p.State))
	if sh := h.Shard; sh != nil {
		add("Shard", fmt.Sprintf("%d of %d, of %s", sh.Index, sh.Total, show.Plural(len(sh.Whole), "case", "cases")))
	}
	if h.Host.OS != "" { // an imported run does not say
		add("Host", fmt.Sprintf("%s/%s, %s, %s", h.Host.OS, h.Host.Arch, show.Plural(h.Host.CPUs, "CPU", "CPUs"), h.Host.Go))
	}
	if h.Seed != 0 {
		add("Seed", fmt.Sprint(h.Seed))
	}
	add("Settings", pairs(h.Settings))
	switch h.Secrets {
	case runfile.SecretsMasked:
		add("Secrets", "masked: passwords, tokens, cookies and added header values read "+runfile.Masked)
	case runfile.SecretsShown:
		add("Secrets", "shown as they are (--show-secrets): do not publish this page")
	}
	return facts
}

func pairs[V any](m map[string]V) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s=%v", k, m[k]))
	}
	return strings.Join(parts, "  ")
}

// class is the style class of an outcome. The classes are p(ass), l(enient),
// f(ail), u(nsupported), o(bserved) and n(o verdict).
func class(o harness.Outcome) string {
	switch o {
	case harness.Pass:
		return "p"
	case harness.PassLenient:
		return "l"
	case harness.Fail:
		return "f"
	case harness.Unsupported:
		return "u"
	case harness.Observed:
		return "o"
	case harness.Crash, harness.Timeout, harness.Blocked, harness.NotRun, harness.HarnessError:
	}
	return "n"
}

func behaviorClass(b cases.Behavior) string {
	switch b {
	case cases.OK:
		return "p"
	case cases.NonStrict:
		return "l"
	case cases.Failed:
		return "f"
	case cases.Unimplemented:
		return "u"
	case cases.Informational:
		return "o"
	}
	return "n"
}

func closeClass(c cases.CloseBehavior) string {
	switch c {
	case cases.CloseOK:
		return "p"
	case cases.CloseWrongCode, cases.CloseFailedByClient:
		return "l"
	case cases.CloseFailed, cases.CloseUnclean:
		return "f"
	case cases.CloseInformational:
		return "o"
	}
	return "n"
}

// closeCode is the code of the peer's close frame for the table.
func closeCode(r summary.Row) string {
	t := r.Transcript
	switch {
	case t == nil || !r.Outcome.Ran():
		return ""
	case t.RemoteCode != 0, t.RemoteZero:
		return fmt.Sprint(uint16(t.RemoteCode))
	case t.RemoteClose:
		return "none"
	}
	return "–"
}
